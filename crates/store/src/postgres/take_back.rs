//! Taking back: what was handed out for endpoints that take nothing now is parked, in one statement.

use super::PostgresLedger;
use super::claim::ids_and_attempts;
use super::dispatch::mark_as_parked;
use crate::Result;
use paybell_delivery::{Job, Timestamp};

/// As in [`super::claim::CLAIM`], each is looked up by its id, and then its endpoint.
pub(super) const TAKE_BACK: &str = concat!(
    "WITH handed_out AS (
    SELECT d.id, d.endpoint_id FROM UNNEST($2::uuid[], $3::int4[]) AS job (id, attempts)
    CROSS JOIN LATERAL (
        SELECT id, endpoint_id FROM deliveries
        WHERE id = job.id AND finished_at IS NULL AND attempts = job.attempts AND claimed_until IS NULL
            AND due_at > $1 AND due_at < deadline_at
        FOR UPDATE SKIP LOCKED
    ) d
    CROSS JOIN LATERAL (
        SELECT FROM endpoints
        WHERE id = d.endpoint_id AND (paused_at IS NOT NULL OR deleted_at IS NOT NULL
            OR (failing_since IS NOT NULL AND probing IS DISTINCT FROM d.id)) OFFSET 0
    ) e
), moved AS (
    UPDATE deliveries d SET due_at = d.deadline_at FROM handed_out WHERE d.id = handed_out.id
), ",
    mark_as_parked!("SELECT endpoint_id FROM handed_out"),
    "
SELECT id FROM handed_out"
);

impl PostgresLedger {
    pub(super) async fn take_back(&self, jobs: &[Job], now: Timestamp) -> Result<u64> {
        let (ids, attempts) = ids_and_attempts(jobs);
        let query = sqlx::query(TAKE_BACK).bind(now.0).bind(ids).bind(attempts);
        let parked = self.run("take jobs back", query).await?;
        Ok(parked.len() as u64)
    }
}
