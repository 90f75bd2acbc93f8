//! For which endpoints deliveries wait, and how many.

use super::part::waits;
use super::push_ids;
use super::{Builder, This, endpoints, rows};
use crate::Result;
use crate::error::Doing;
use crate::manage::EndpointWaiting;
use crate::numbers::count;
use paybell_delivery::Timestamp;
use std::cmp::Reverse;
use uuid::Uuid;

const ACT: &str = "count what waits for each endpoint";

/// So many endpoints are looked at, in the order of their ids.
const ENDPOINTS_MAX: i64 = 300;
/// So many deliveries are counted in all to find the endpoints with the most, and of each endpoint at least.
const COUNT_IN_ALL: i64 = 10_000;
const COUNT_EACH_MIN: i64 = 30;
/// The most endpoints of one answer: each may be counted to the limit.
const SHOWN_MAX: u32 = 100;
/// Among so many of an endpoint's oldest the nearest deadline is looked for, and among fewer where few are counted.
const OLDEST: i64 = 100;

/// From each endpoint the index is entered anew behind it, so what waits is not gone through.
pub(in super::super) const ENDPOINTS: &str = concat!(
    "WITH RECURSIVE waiting (endpoint_id) AS (
    SELECT (SELECT d.endpoint_id FROM deliveries d WHERE ",
    waits!("d"),
    " ORDER BY d.endpoint_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT d.endpoint_id FROM deliveries d
        WHERE ",
    waits!("d"),
    " AND d.endpoint_id > waiting.endpoint_id ORDER BY d.endpoint_id LIMIT 1)
    FROM waiting WHERE waiting.endpoint_id IS NOT NULL
)
SELECT endpoint_id FROM waiting WHERE endpoint_id IS NOT NULL LIMIT $1"
);

/// How many wait for an endpoint.
struct Counted {
    id: Uuid,
    waiting: i64,
    deadline_at: Timestamp,
}

/// All are counted a little way, and those that are shown to the limit. Of those that cannot be told apart by then, the
/// nearest deadline comes first.
pub(super) async fn list(ledger: &This, limit: u32) -> Result<Vec<EndpointWaiting>> {
    let found = sqlx::query(ENDPOINTS).bind(ENDPOINTS_MAX).fetch_all(ledger.reader()).await.doing(ACT)?;
    let ids: Vec<Uuid> = found.iter().map(|row| rows::get(row, "endpoint_id")).collect::<Result<_>>()?;
    let count_max = i64::try_from(EndpointWaiting::COUNT_MAX).unwrap_or(i64::MAX);
    let each = i64::try_from(ids.len().max(1)).map_or(COUNT_EACH_MIN, |n| COUNT_IN_ALL / n);
    let each = each.clamp(COUNT_EACH_MIN, count_max);
    let mut counted = count_each(ledger, &ids, each).await?;
    let order = |counted: &Counted| (Reverse(counted.waiting), counted.deadline_at);
    counted.sort_by_key(order);
    counted.truncate(usize::try_from(limit.min(SHOWN_MAX)).unwrap_or(usize::MAX));
    let more: Vec<Uuid> = counted.iter().filter(|it| it.waiting == each && each < count_max).map(|it| it.id).collect();
    counted.retain(|counted| !more.contains(&counted.id));
    counted.extend(count_each(ledger, &more, count_max).await?);
    counted.sort_by_key(order);
    with_endpoints(ledger, counted).await
}

/// Side by side, as the database has more than one processor.
async fn count_each(ledger: &This, ids: &[Uuid], limit: i64) -> Result<Vec<Counted>> {
    let (some, others) = ids.split_at(ids.len() / 2);
    let (mut counted, others) =
        tokio::try_join!(count_in_turn(ledger, some, limit), count_in_turn(ledger, others, limit))?;
    counted.extend(others);
    Ok(counted)
}

async fn count_in_turn(ledger: &This, ids: &[Uuid], limit: i64) -> Result<Vec<Counted>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = count_statement(ids, limit).build().persistent(false).fetch_all(ledger.reader()).await.doing(ACT)?;
    let mut counted = Vec::new();
    for row in &rows {
        // What waited may be gone by now.
        if let Some(deadline_at) = rows::time_if_any(row, "deadline_at")? {
            counted.push(Counted { id: rows::get(row, "id")?, waiting: rows::get(row, "waiting")?, deadline_at });
        }
    }
    Ok(counted)
}

/// In the order of the index, so that no other can be taken for it.
pub(in super::super) fn count_statement(ids: &[Uuid], limit: i64) -> Builder {
    let oldest = concat!("FROM deliveries d WHERE ", waits!("d"), " AND d.endpoint_id = e.id ORDER BY d.id LIMIT");
    let nearest = OLDEST.min(limit / 4 + 1);
    let mut query = Builder::new(format!(
        "SELECT e.id, (SELECT count(*) FROM (SELECT d.id {oldest} {limit}) counted) AS waiting,
            (SELECT min(soon.deadline_at) FROM (SELECT d.deadline_at {oldest} {nearest}) soon) AS deadline_at
        FROM endpoints e WHERE e.id IN ("
    ));
    push_ids(&mut query, ids.iter().copied());
    query
}

async fn with_endpoints(ledger: &This, counted: Vec<Counted>) -> Result<Vec<EndpointWaiting>> {
    let ids: Vec<Uuid> = counted.iter().map(|counted| counted.id).collect();
    let endpoints = endpoints::with_ids(ledger, &ids).await?;
    let of = |id: Uuid| endpoints.iter().find(|endpoint| endpoint.id.0 == id).cloned();
    let waiting = counted.into_iter().filter_map(|Counted { id, waiting, deadline_at }| {
        Some(EndpointWaiting { endpoint: of(id)?, waiting: count(waiting), deadline_at })
    });
    Ok(waiting.collect())
}
