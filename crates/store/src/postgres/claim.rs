//! Claim: deliveries for an attempt each, with all that must be sent, in one statement.

use super::PostgresLedger;
use super::shared::rows;
use crate::Result;
use crate::engine::Claim;
use crate::numbers::{int, micros};
use paybell_delivery::{DeliveryId, Job, Timestamp};
use std::time::Duration;
use uuid::Uuid;

/// A row that somebody else has locked is lost to them. A claim that ran out without a record is written down first.
/// `due_at` nearly always stays, so that no index is written: when it comes before the claim has ended, the dispatcher
/// puts it off to that moment.
///
/// Each delivery is looked up by its id, and then its endpoint: the planner would else like to go through all deliveries
/// of the endpoint (so `LATERAL` and `OFFSET 0`) or all that are pending (so `finished_at IS NULL`, which says the same).
pub(super) const CLAIM: &str = concat!(
    "WITH held AS (
    SELECT d.id, d.attempts, d.claimed_at, e.version, e.failed_probes
    FROM UNNEST($1::uuid[], $2::int4[]) AS job (id, attempts)
    CROSS JOIN LATERAL (
        SELECT id, endpoint_id, attempts, claimed_at FROM deliveries
        WHERE id = job.id AND finished_at IS NULL AND attempts = job.attempts AND deadline_at > $3
            AND (claimed_until IS NULL OR claimed_until <= $3)
        FOR UPDATE SKIP LOCKED
    ) d
    CROSS JOIN LATERAL (
        SELECT version, CASE WHEN failing_since IS NOT NULL THEN probes END AS failed_probes FROM endpoints
        WHERE id = d.endpoint_id AND paused_at IS NULL AND deleted_at IS NULL
            AND (failing_since IS NULL OR probing = d.id) OFFSET 0
    ) e
), lapsed AS (
    INSERT INTO attempts (delivery_id, number, started_at, outcome, detail)
    SELECT id, attempts, claimed_at, ",
    unknown_attempt!(),
    " FROM held WHERE claimed_at IS NOT NULL
    ON CONFLICT (delivery_id, number) DO NOTHING
), won AS (
    UPDATE deliveries d
    SET attempts = d.attempts + 1, claimed_at = $3, claimed_until = $3 + $4, due_at = LEAST(d.due_at, $3 + $4),
        in_doubt = d.in_doubt OR d.claimed_at IS NOT NULL
    FROM held WHERE d.id = held.id
    RETURNING d.id, d.payment_id, d.endpoint_id, held.version, d.attempts, d.in_doubt, d.created_at, d.deadline_at,
        d.claimed_at, held.failed_probes
)
SELECT won.id AS delivery_id, won.endpoint_id, won.version, won.attempts, won.in_doubt, won.created_at,
    won.deadline_at, won.claimed_at, won.failed_probes, ",
    payment_columns!(),
    " FROM won
    JOIN payments p ON p.id = won.payment_id"
);

/// What is held is read by id first: the planner would else like to go through all that are pending.
pub(super) const GIVE_BACK: &str = "
WITH held AS (
    SELECT d.id FROM UNNEST($1::uuid[]) AS item (id)
    CROSS JOIN LATERAL (
        SELECT id FROM deliveries
        WHERE id = item.id AND finished_at IS NULL AND claimed_at = $2 FOR UPDATE SKIP LOCKED
    ) d
)
UPDATE deliveries d SET attempts = d.attempts - 1, claimed_at = NULL, claimed_until = NULL FROM held WHERE d.id = held.id";

impl PostgresLedger {
    pub(super) async fn give_back(&self, deliveries: &[DeliveryId], claimed_at: Timestamp) -> Result<()> {
        let ids: Vec<_> = deliveries.iter().map(|id| id.0).collect();
        self.run("give claims back", sqlx::query(GIVE_BACK).bind(ids).bind(claimed_at.0)).await.map(drop)
    }

    pub(super) async fn claim(&self, jobs: &[Job], now: Timestamp, visibility: Duration) -> Result<Vec<Claim>> {
        let (ids, attempts) = ids_and_attempts(jobs);
        let query = sqlx::query(CLAIM).bind(ids).bind(attempts).bind(now.0).bind(micros(visibility));
        let won = self.run("claim deliveries", query).await?;
        Ok(rows::claims(jobs, &won))
    }
}

pub(super) fn ids_and_attempts(jobs: &[Job]) -> (Vec<Uuid>, Vec<i32>) {
    jobs.iter().map(|job| (job.delivery_id.0, int(job.attempts))).unzip()
}
