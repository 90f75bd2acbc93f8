//! Taking back: what was handed out for endpoints that take nothing now is parked, in one transaction.

use super::claim::ids_and_attempts;
use super::dispatch::mark_as_parked;
use super::shared::rows;
use super::{SqliteLedger, json};
use crate::Result;
use crate::error::Doing;
use paybell_delivery::{Job, Timestamp};
use uuid::Uuid;

const ACT: &str = "take jobs back";

const TAKE_BACK: &str = "
UPDATE deliveries SET due_at = deadline_at
WHERE id IN (SELECT d.id FROM jsonb_each($1) job
    CROSS JOIN deliveries d ON d.id = unhex(job.value ->> 0)
    CROSS JOIN endpoints e ON e.id = d.endpoint_id
    WHERE d.state = 'pending' AND d.attempts = job.value ->> 1 AND d.claimed_until IS NULL
        AND d.due_at > $2 AND d.due_at < d.deadline_at
        AND (e.paused_at IS NOT NULL OR e.deleted_at IS NOT NULL OR (e.failing_since IS NOT NULL AND e.probing IS NOT d.id)))
RETURNING id";

impl SqliteLedger {
    pub(super) async fn take_back(&self, jobs: &[Job], now: Timestamp) -> Result<u64> {
        let mut tx = self.begin(ACT).await?;
        let query = sqlx::query(TAKE_BACK).bind(ids_and_attempts(jobs)?).bind(now.0);
        let mut parked = Vec::new();
        for row in query.fetch_all(&mut *tx).await.doing(ACT)? {
            parked.push((rows::get::<Uuid>(&row, "id")?.simple().to_string(), true));
        }
        if !parked.is_empty() {
            mark_as_parked(&mut tx, &json(&parked)?, now).await?;
        }
        tx.commit().await.doing(ACT)?;
        Ok(parked.len() as u64)
    }
}
