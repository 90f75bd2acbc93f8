//! Dispatch: what is due is handed out, parked, expired or put off, in one statement.

use super::shared::rows;
use super::{PostgresLedger, ids};
use crate::Result;
use crate::engine::Dispatched;
use crate::error::Doing;
use crate::numbers::micros;
use paybell_delivery::{EndpointId, Timestamp};
use sqlx::Row;
use std::time::Duration;

const ACT: &str = "dispatch what is due";

/// What follows the parking of deliveries, of the endpoints that `$of` gives, at `$1`: each is marked as one that has some, has a
/// probe if it fails, and what is accepted for it from now on is parked at once. Endpoints are locked in the order of their ids,
/// and seen as they are then, so that a release that clears their mark at the same time cannot miss what is parked here; those
/// that have it already are not written again.
macro_rules! mark_as_parked {
    ($of:literal) => {
        concat!(
            "parking AS (
    SELECT id, deleted_at IS NULL AND (paused_at IS NOT NULL OR failing_since IS NOT NULL) AS parks,
        NOT parked OR (probe_at IS NULL) = (failing_since IS NOT NULL AND paused_at IS NULL) AS changes
    FROM endpoints
    WHERE id = ANY (ARRAY(",
            $of,
            "))
    ORDER BY id FOR NO KEY UPDATE
), parks AS (
    INSERT INTO endpoints_that_park (endpoint_id) SELECT id FROM parking WHERE parks ON CONFLICT DO NOTHING
), marked AS (
    UPDATE endpoints SET parked = true, probe_at = CASE
        WHEN failing_since IS NOT NULL AND paused_at IS NULL THEN COALESCE(probe_at, $1) END
    WHERE id = ANY (ARRAY(SELECT id FROM parking WHERE changes))
)"
        )
    };
}
pub(super) use mark_as_parked;

/// What is claimed is put off until the claim ends. What is handed out comes due again after the visibility time, or after half
/// of what is left to its deadline, so that a job that the queue loses near the end still gets its last attempt. `LATERAL` and
/// `OFFSET 0` keep the planner from beginning with the endpoints.
pub(super) const DISPATCH: &str = concat!(
    "WITH due AS (
    SELECT d.id, d.endpoint_id, d.attempts, d.due_at, d.claimed_at, NOT held AND d.deadline_at <= $1 AS expired,
        NOT held AND e.closed AS closed, held, e.concurrency_max
    FROM deliveries d
    CROSS JOIN LATERAL (SELECT d.claimed_until > $1 AND d.claimed_until IS NOT NULL AS held) claim
    CROSS JOIN LATERAL (
        SELECT paused_at IS NOT NULL OR deleted_at IS NOT NULL OR failing_since IS NOT NULL OR id = ANY ($4) AS closed,
            concurrency_max
        FROM endpoints
        WHERE id = d.endpoint_id OFFSET 0
    ) e
    WHERE d.state = 'pending' AND d.due_at > $5 AND d.due_at <= $1 AND (NOT held OR d.due_at < LEAST(d.claimed_until, d.deadline_at))
    ORDER BY d.due_at LIMIT $3
    FOR UPDATE OF d SKIP LOCKED
), lapsed AS (
    INSERT INTO attempts (delivery_id, number, started_at, outcome, detail)
    SELECT id, attempts, claimed_at, ",
    unknown_attempt!(),
    " FROM due WHERE claimed_at IS NOT NULL AND NOT held
    ON CONFLICT (delivery_id, number) DO NOTHING
), moved AS (
    UPDATE deliveries d
    SET state = CASE WHEN due.expired THEN 'undelivered' ELSE 'pending' END,
        reason = CASE WHEN due.expired THEN 'expired' END,
        finished_at = CASE WHEN due.expired THEN $1 END,
        due_at = CASE WHEN due.held THEN LEAST(d.claimed_until, d.deadline_at)
            WHEN due.expired THEN d.due_at WHEN due.closed THEN d.deadline_at
            ELSE $1 + LEAST($2, (d.deadline_at - $1) / 2) END,
        in_doubt = d.in_doubt OR (due.claimed_at IS NOT NULL AND NOT due.held),
        claimed_at = CASE WHEN due.held THEN d.claimed_at END, claimed_until = CASE WHEN due.held THEN d.claimed_until END
    FROM due WHERE d.id = due.id
), ",
    mark_as_parked!("SELECT endpoint_id FROM due WHERE closed AND NOT expired"),
    "
SELECT id AS delivery_id, endpoint_id, attempts, due_at, concurrency_max, expired, closed, held,
    claimed_at IS NOT NULL AND NOT held AS lapsed
FROM due"
);

pub(super) const NEXT_DUE: &str =
    "SELECT due_at FROM deliveries WHERE state = 'pending' AND due_at > $1 AND due_at <= $2 ORDER BY due_at LIMIT 1";

impl PostgresLedger {
    pub(super) async fn dispatch_due_after(
        &self,
        after: Option<Timestamp>,
        now: Timestamp,
        visibility: Duration,
        limit: u32,
        crowded: &[EndpointId],
    ) -> Result<Dispatched> {
        let query = sqlx::query(DISPATCH).bind(now.0).bind(micros(visibility)).bind(i64::from(limit));
        let query = query.bind(ids(crowded)).bind(after.map_or(i64::MIN, |after| after.0));
        let due = self.run(ACT, query).await?;
        let mut dispatched = rows::dispatched(&due, limit)?;
        if !dispatched.more {
            let next = self.run(ACT, sqlx::query(NEXT_DUE).bind(now.0).bind((now + Dispatched::AHEAD).0)).await?;
            dispatched.next_due_at = next.first().map(|row| row.try_get(0).map(Timestamp)).transpose().doing(ACT)?;
        }
        Ok(dispatched)
    }
}
