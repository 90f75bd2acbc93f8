//! The figures of the moment, counted to a limit.

use super::{COUNTED_AT_ONCE, Row, This, rows};
use crate::Result;
use crate::engine::Gauges;
use crate::error::Doing;
use crate::numbers::count;
use paybell_delivery::Timestamp;
use std::time::{Duration, Instant};

const ACT: &str = "count deliveries";

/// A piece of what is pending, in the order in which it is due, after `$3`. The earliest deadline is that of what is due soonest;
/// it is exact while all that is pending is counted. What expires soon is counted among the same: nothing is due after its
/// deadline, so it is due as soon.
pub(in super::super) const PENDING: &str = concat!(
    "
SELECT count(*) AS pending, min(due_at) AS due_at, max(due_at) AS last_due_at, min(deadline_at) AS deadline_at,
    count(*) FILTER (WHERE deadline_at < $2) AS expiring
FROM (
    SELECT due_at, deadline_at FROM deliveries WHERE state = 'pending' AND due_at > $3
    ORDER BY due_at",
    first_with_ties!("$1"),
    "
) soonest"
);

const UNDELIVERED: &str = "
SELECT count(*) AS undelivered FROM (SELECT 1 AS one FROM deliveries WHERE state = 'undelivered' LIMIT $1) counted";

const FAILING: &str = "
SELECT count(*) AS failing FROM (SELECT 1 AS one FROM endpoints WHERE failing_since IS NOT NULL LIMIT $1) counted";

pub(super) async fn gauges(ledger: &This, now: Timestamp, count_max: u64) -> Result<Gauges> {
    let pending = pending(ledger, now, count_max).await?;
    let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
    let undelivered = ledger.run(ACT, sqlx::query(UNDELIVERED).bind(limit)).await?;
    let failing = ledger.run(ACT, sqlx::query(FAILING).bind(limit)).await?;
    Ok(Gauges {
        failing_endpoints: count(rows::get(the(&failing)?, "failing")?),
        undelivered: count(rows::get(the(&undelivered)?, "undelivered")?),
        ..pending
    })
}

/// Counts what is pending, piece by piece, and rests after each for as long as it took.
async fn pending(ledger: &This, now: Timestamp, count_max: u64) -> Result<Gauges> {
    let soon = (now + Gauges::EXPIRING_WITHIN).0;
    let (mut sum, mut after) = (Gauges::default(), i64::MIN);
    loop {
        let begun_at = Instant::now();
        let limit = COUNTED_AT_ONCE.min(count_max - sum.pending);
        let query = sqlx::query(PENDING).bind(i64::try_from(limit).unwrap_or(i64::MAX)).bind(soon).bind(after);
        let found = ledger.run(ACT, query).await?;
        let piece = the(&found)?;
        let counted = count(rows::get(piece, "pending")?);
        if sum.pending == 0 {
            let due_at = rows::time_if_any(piece, "due_at")?;
            sum.oldest_due = due_at.map_or(Duration::ZERO, |due_at| now.since(due_at));
        }
        let deadline_at = rows::time_if_any(piece, "deadline_at")?;
        sum.earliest_deadline_at = sum.earliest_deadline_at.into_iter().chain(deadline_at).min();
        sum.expiring += count(rows::get(piece, "expiring")?);
        sum.pending = (sum.pending + counted).min(count_max);
        let last_due_at = rows::time_if_any(piece, "last_due_at")?;
        let Some(last_due_at) = last_due_at.filter(|_| counted >= limit && sum.pending < count_max) else {
            return Ok(sum);
        };
        after = last_due_at.0;
        tokio::time::sleep(begun_at.elapsed()).await;
    }
}

/// The one row of a count.
fn the(rows: &[Row]) -> Result<&Row> {
    rows.first().ok_or(sqlx::Error::RowNotFound).doing(ACT)
}
