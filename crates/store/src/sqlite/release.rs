//! Release: what was parked for a paused endpoint becomes due once it is resumed.

use super::SqliteLedger;
use crate::Result;
use crate::error::Doing;
use paybell_delivery::Timestamp;
use sqlx::{Row, SqliteExecutor};
use uuid::Uuid;

const ACT: &str = "release parked deliveries";

const RESUMED: &str = "
SELECT id FROM endpoints INDEXED BY endpoints_parked
WHERE parked AND paused_at IS NULL AND deleted_at IS NULL ORDER BY id LIMIT 100";

const RELEASE: &str = "
UPDATE deliveries SET due_at = $2
WHERE id IN (
    SELECT id FROM deliveries INDEXED BY deliveries_parked
    WHERE endpoint_id = $1 AND state = 'pending' AND claimed_until IS NULL AND due_at = deadline_at AND deadline_at > $2
    LIMIT $3
)";

const CLEAR: &str = "
UPDATE endpoints SET parked = 0
WHERE id = $1 AND NOT EXISTS (
    SELECT 1 FROM deliveries INDEXED BY deliveries_parked
    WHERE endpoint_id = $1 AND state = 'pending' AND claimed_until IS NULL AND due_at = deadline_at AND deadline_at > $2
)";

impl SqliteLedger {
    pub(super) async fn release_parked(&self, now: Timestamp, limit: u32) -> Result<u64> {
        // A pass that finds nothing does not take the writer.
        if resumed(self.reader()).await?.is_empty() {
            return Ok(0);
        }
        let mut released = 0;
        let mut tx = self.begin(ACT).await?;
        for endpoint in resumed(&mut *tx).await? {
            let release = sqlx::query(RELEASE).bind(endpoint).bind(now.0).bind(i64::from(limit));
            released += release.execute(&mut *tx).await.doing(ACT)?.rows_affected();
            sqlx::query(CLEAR).bind(endpoint).bind(now.0).execute(&mut *tx).await.doing(ACT)?;
        }
        tx.commit().await.doing(ACT)?;
        Ok(released)
    }
}

async fn resumed(from: impl SqliteExecutor<'_>) -> Result<Vec<Uuid>> {
    let rows = sqlx::query(RESUMED).fetch_all(from).await.doing(ACT)?;
    rows.iter().map(|row| row.try_get(0).doing(ACT)).collect::<Result<_>>()
}
