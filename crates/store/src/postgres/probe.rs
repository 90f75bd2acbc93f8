//! Probe: one parked delivery of each failing endpoint whose probe is due is handed out, in one statement.

use super::PostgresLedger;
use super::shared::rows;
use crate::Result;
use crate::numbers::micros;
use paybell_delivery::{Job, Timestamp};
use std::time::Duration;

/// An endpoint that has nothing to be probed with is not looked at again until something is parked for it. The ramp of a
/// failing endpoint is over, so its cap is its own.
pub(super) const PROBE: &str = "
WITH failing AS (
    SELECT id, concurrency_max FROM endpoints
    WHERE probe_at <= $1 AND paused_at IS NULL AND deleted_at IS NULL
    ORDER BY probe_at LIMIT $3 FOR UPDATE SKIP LOCKED
), chosen AS (
    SELECT d.id, d.attempts, e.id AS endpoint_id, e.concurrency_max
    FROM failing e CROSS JOIN LATERAL (
        SELECT id, attempts FROM deliveries
        WHERE endpoint_id = e.id AND state = 'pending' AND claimed_until IS NULL AND due_at = deadline_at
            AND deadline_at > $1
        ORDER BY deadline_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
    ) d
), moved AS (
    UPDATE deliveries d SET due_at = $1 + LEAST($2, (d.deadline_at - $1) / 2) FROM chosen WHERE d.id = chosen.id
), asked AS (
    UPDATE endpoints e SET probing = chosen.id, probe_at = CASE WHEN chosen.id IS NOT NULL THEN $1 + $2 END
    FROM failing LEFT JOIN chosen ON chosen.endpoint_id = failing.id
    WHERE e.id = failing.id
)
SELECT id AS delivery_id, endpoint_id, attempts, concurrency_max, NULL::int8 AS reopened_at FROM chosen";

impl PostgresLedger {
    pub(super) async fn take_probes(&self, now: Timestamp, visibility: Duration, limit: u32) -> Result<Vec<Job>> {
        let query = sqlx::query(PROBE).bind(now.0).bind(micros(visibility)).bind(i64::from(limit));
        let probes = self.run("take probes", query).await?;
        probes.iter().map(|row| rows::job(row, now)).collect()
    }
}
