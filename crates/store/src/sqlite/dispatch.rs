//! Dispatch: what is due is handed out, parked, expired or put off, in one transaction.

use super::shared::rows;
use super::{SqliteLedger, ids, json};
use crate::Result;
use crate::engine::Dispatched;
use crate::error::Doing;
use crate::numbers::micros;
use paybell_delivery::{EndpointId, Timestamp};
use sqlx::{Row, SqliteConnection, SqliteExecutor};
use std::time::Duration;
use uuid::Uuid;

const ACT: &str = "dispatch what is due";

const DUE: &str = "
SELECT d.id AS delivery_id, d.endpoint_id, d.attempts, d.due_at, e.concurrency_max,
    ifnull(d.claimed_until > $1, false) AS held, d.deadline_at <= $1 AS expired,
    e.paused_at IS NOT NULL OR e.deleted_at IS NOT NULL OR e.failing_since IS NOT NULL
        OR e.id IN (SELECT unhex(value) FROM jsonb_each($3)) AS closed,
    d.claimed_at IS NOT NULL AS lapsed
FROM deliveries d INDEXED BY deliveries_due CROSS JOIN endpoints e ON e.id = d.endpoint_id
WHERE d.state = 'pending' AND d.due_at > $4 AND d.due_at <= $1 AND (
    d.claimed_until IS NULL OR d.claimed_until <= $1 OR d.due_at < min(d.claimed_until, d.deadline_at))
ORDER BY d.due_at LIMIT $2";

const WRITE_LAPSED: &str = concat!(
    "INSERT INTO attempts (delivery_id, number, started_at, outcome, detail) SELECT d.id, d.attempts, d.claimed_at, ",
    unknown_attempt!(),
    " FROM jsonb_each($1) item CROSS JOIN deliveries d ON d.id = unhex(item.value ->> 0)
    WHERE d.claimed_at IS NOT NULL ON CONFLICT (delivery_id, number) DO NOTHING"
);

const MOVE: &str = "
UPDATE deliveries AS d
SET state = iif(d.deadline_at <= $2, 'undelivered', 'pending'), reason = iif(d.deadline_at <= $2, 'expired', NULL),
    finished_at = iif(d.deadline_at <= $2, $2, NULL),
    due_at = CASE WHEN d.deadline_at <= $2 THEN d.due_at WHEN item.value ->> 1 THEN d.deadline_at
        ELSE $2 + min($3, (d.deadline_at - $2) / 2) END,
    in_doubt = d.in_doubt OR d.claimed_at IS NOT NULL, claimed_at = NULL, claimed_until = NULL
FROM jsonb_each($1) AS item WHERE d.id = unhex(item.value ->> 0)";

const MARK_PARKED: &str = "
UPDATE endpoints SET parked = 1, probe_at = iif(failing_since IS NULL OR paused_at IS NOT NULL, NULL, ifnull(probe_at, $2))
WHERE id IN (
    SELECT d.endpoint_id FROM jsonb_each($1) item CROSS JOIN deliveries d ON d.id = unhex(item.value ->> 0)
    WHERE item.value ->> 1 AND d.state = 'pending'
)";

const PARKS: &str = "
INSERT INTO endpoints_that_park (endpoint_id)
SELECT DISTINCT e.id
FROM jsonb_each($1) item CROSS JOIN deliveries d ON d.id = unhex(item.value ->> 0) CROSS JOIN endpoints e ON e.id = d.endpoint_id
WHERE item.value ->> 1 AND d.state = 'pending' AND e.deleted_at IS NULL
    AND (e.paused_at IS NOT NULL OR e.failing_since IS NOT NULL)
ON CONFLICT DO NOTHING";

/// What is claimed is put off until the claim ends.
const PUT_OFF: &str = "
UPDATE deliveries SET due_at = min(claimed_until, deadline_at)
WHERE id IN (SELECT unhex(value) FROM jsonb_each($1))";

const NEXT_DUE: &str = "
SELECT due_at FROM deliveries INDEXED BY deliveries_due
WHERE state = 'pending' AND due_at > $1 AND due_at <= $2 ORDER BY due_at LIMIT 1";

impl SqliteLedger {
    pub(super) async fn dispatch_due_after(
        &self,
        after: Option<Timestamp>,
        now: Timestamp,
        visibility: Duration,
        limit: u32,
        crowded: &[EndpointId],
    ) -> Result<Dispatched> {
        let crowded = ids(crowded)?;
        // A pass that finds nothing does not take the writer.
        if due(self.reader(), after, now, 1, &crowded).await?.is_empty() {
            return Ok(Dispatched { next_due_at: next_due(self.reader(), now).await?, ..Dispatched::default() });
        }
        let mut tx = self.begin(ACT).await?;
        let due = due(&mut *tx, after, now, limit, &crowded).await?;
        let mut dispatched = rows::dispatched(&due, limit)?;
        let (held, due): (Vec<_>, Vec<_>) = due.into_iter().partition(is_held);
        let held: Vec<String> = held.iter().map(hex_id).collect::<Result<_>>()?;
        sqlx::query(PUT_OFF).bind(json(&held)?).execute(&mut *tx).await.doing(ACT)?;
        let batch = batch(&due)?;
        move_on(&mut tx, &batch, now, visibility).await?;
        if dispatched.parked > 0 {
            mark_as_parked(&mut tx, &batch, now).await?;
        }
        if !dispatched.more {
            dispatched.next_due_at = next_due(&mut *tx, now).await?;
        }
        tx.commit().await.doing(ACT)?;
        Ok(dispatched)
    }
}

async fn due(
    from: impl SqliteExecutor<'_>,
    after: Option<Timestamp>,
    now: Timestamp,
    limit: u32,
    crowded: &str,
) -> Result<Vec<sqlx::sqlite::SqliteRow>> {
    let query = sqlx::query(DUE).bind(now.0).bind(i64::from(limit)).bind(crowded);
    query.bind(after.map_or(i64::MIN, |after| after.0)).fetch_all(from).await.doing(ACT)
}

fn is_held(row: &sqlx::sqlite::SqliteRow) -> bool {
    rows::get(row, "held").unwrap_or(false)
}

fn hex_id(row: &sqlx::sqlite::SqliteRow) -> Result<String> {
    Ok(rows::get::<Uuid>(row, "delivery_id")?.simple().to_string())
}

/// Each delivery with whether its endpoint is closed.
fn batch(due: &[sqlx::sqlite::SqliteRow]) -> Result<String> {
    let mut items = Vec::with_capacity(due.len());
    for row in due {
        items.push((hex_id(row)?, rows::get::<bool>(row, "closed")?));
    }
    json(&items)
}

async fn move_on(tx: &mut SqliteConnection, batch: &str, now: Timestamp, visibility: Duration) -> Result<()> {
    sqlx::query(WRITE_LAPSED).bind(batch).execute(&mut *tx).await.doing(ACT)?;
    let update = sqlx::query(MOVE).bind(batch).bind(now.0).bind(micros(visibility));
    update.execute(&mut *tx).await.doing(ACT)?;
    Ok(())
}

/// What follows the parking of deliveries, those of the batch that say so: their endpoints are marked as having some, have a
/// probe if they fail, and what is accepted for them from now on is parked at once.
pub(super) async fn mark_as_parked(tx: &mut SqliteConnection, batch: &str, now: Timestamp) -> Result<()> {
    sqlx::query(MARK_PARKED).bind(batch).bind(now.0).execute(&mut *tx).await.doing(ACT)?;
    sqlx::query(PARKS).bind(batch).execute(&mut *tx).await.doing(ACT)?;
    Ok(())
}

async fn next_due(from: impl SqliteExecutor<'_>, now: Timestamp) -> Result<Option<Timestamp>> {
    let query = sqlx::query(NEXT_DUE).bind(now.0).bind((now + Dispatched::AHEAD).0);
    let row = query.fetch_optional(from).await.doing(ACT)?;
    row.map(|row| row.try_get(0).map(Timestamp)).transpose().doing(ACT)
}
