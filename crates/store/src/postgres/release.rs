//! Release: what was parked for a paused endpoint becomes due once it is resumed.

use super::PostgresLedger;
use crate::Result;
use crate::error::Doing;
use paybell_delivery::Timestamp;
use sqlx::Row;
use uuid::Uuid;

const ACT: &str = "release parked deliveries";

pub(super) const RESUMED: &str = "
SELECT id FROM endpoints WHERE parked AND paused_at IS NULL AND deleted_at IS NULL
ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED";

pub(super) const RELEASE: &str = "
WITH chosen AS (
    SELECT d.id FROM UNNEST($1::uuid[]) AS e (id) CROSS JOIN LATERAL (
        SELECT id FROM deliveries
        WHERE endpoint_id = e.id AND state = 'pending' AND claimed_until IS NULL AND due_at = deadline_at
            AND deadline_at > $2
        LIMIT $3 FOR UPDATE SKIP LOCKED
    ) d
)
UPDATE deliveries SET due_at = $2 WHERE id = ANY (ARRAY(SELECT id FROM chosen))";

/// A statement of its own: it must see what was committed while the endpoints' locks were waited for.
pub(super) const CLEAR: &str = "
UPDATE endpoints e SET parked = false
WHERE e.id = ANY ($1) AND (
    SELECT true FROM deliveries d
    WHERE d.endpoint_id = e.id AND d.state = 'pending' AND d.claimed_until IS NULL AND d.due_at = d.deadline_at
        AND d.deadline_at > $2
    LIMIT 1) IS NULL";

impl PostgresLedger {
    pub(super) async fn release_parked(&self, now: Timestamp, limit: u32) -> Result<u64> {
        let mut tx = self.begin(ACT).await?;
        let rows = sqlx::query(RESUMED).fetch_all(&mut *tx).await.doing(ACT)?;
        let endpoints: Vec<Uuid> = rows.iter().map(|row| row.try_get(0).doing(ACT)).collect::<Result<_>>()?;
        if endpoints.is_empty() {
            return Ok(0);
        }
        let release = sqlx::query(RELEASE).bind(&endpoints).bind(now.0).bind(i64::from(limit));
        let released = release.execute(&mut *tx).await.doing(ACT)?.rows_affected();
        sqlx::query(CLEAR).bind(&endpoints).bind(now.0).execute(&mut *tx).await.doing(ACT)?;
        tx.commit().await.doing(ACT)?;
        Ok(released)
    }
}
