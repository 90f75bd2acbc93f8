//! The figures of the moment, counted to a limit.

use super::{Row, This, rows};
use crate::Result;
use crate::engine::Gauges;
use crate::error::Doing;
use crate::numbers::count;
use paybell_delivery::Timestamp;
use std::time::Duration;

const ACT: &str = "count deliveries";

/// The earliest deadline is that of what is due soonest; it is exact while all that is pending is counted. What expires
/// soon is counted among the same: nothing is due after its deadline, so it is due as soon.
const PENDING: &str = "
SELECT count(*) AS pending, min(due_at) AS due_at, min(deadline_at) AS deadline_at,
    count(*) FILTER (WHERE deadline_at < $2) AS expiring
FROM (
    SELECT due_at, deadline_at FROM deliveries WHERE state = 'pending' ORDER BY due_at LIMIT $1
) soonest";

const UNDELIVERED: &str = "
SELECT count(*) AS undelivered FROM (SELECT 1 AS one FROM deliveries WHERE state = 'undelivered' LIMIT $1) counted";

const FAILING: &str = "
SELECT count(*) AS failing FROM (SELECT 1 AS one FROM endpoints WHERE failing_since IS NOT NULL LIMIT $1) counted";

pub(super) async fn gauges(ledger: &This, now: Timestamp, count_max: u64) -> Result<Gauges> {
    let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
    let soon = (now + Gauges::EXPIRING_WITHIN).0;
    let pending = ledger.run(ACT, sqlx::query(PENDING).bind(limit).bind(soon)).await?;
    let undelivered = ledger.run(ACT, sqlx::query(UNDELIVERED).bind(limit)).await?;
    let failing = ledger.run(ACT, sqlx::query(FAILING).bind(limit)).await?;
    let (pending, undelivered) = (the(&pending)?, the(&undelivered)?);
    Ok(Gauges {
        pending: count(rows::get(pending, "pending")?),
        failing_endpoints: count(rows::get(the(&failing)?, "failing")?),
        undelivered: count(rows::get(undelivered, "undelivered")?),
        oldest_due: rows::time_if_any(pending, "due_at")?.map_or(Duration::ZERO, |due_at| now.since(due_at)),
        expiring: count(rows::get(pending, "expiring")?),
        earliest_deadline_at: rows::time_if_any(pending, "deadline_at")?,
    })
}

/// The one row of a count.
fn the(rows: &[Row]) -> Result<&Row> {
    rows.first().ok_or(sqlx::Error::RowNotFound).doing(ACT)
}
