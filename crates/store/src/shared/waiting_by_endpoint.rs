//! For which endpoints deliveries wait, and how many.

use super::find_deliveries::{push_ids, waits};
use super::{Builder, This, endpoints, rows};
use crate::Result;
use crate::error::Doing;
use crate::manage::{EndpointWaiting, Sum};
use crate::numbers::count;
use paybell_delivery::Timestamp;
use std::cmp::Reverse;
use uuid::Uuid;

const ACT: &str = "count what waits for each endpoint";

/// So many endpoints are looked at.
const ENDPOINTS_MAX: i64 = 1_000;
/// So many deliveries are counted in all to find the endpoints with the most, and of each endpoint at least.
const COUNT_IN_ALL: i64 = 50_000;
const COUNT_EACH_MIN: i64 = 50;
/// Among so many of an endpoint's oldest the nearest deadline is looked for.
const OLDEST: i64 = 500;

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
    let count_max = i64::try_from(Sum::COUNT_MAX).unwrap_or(i64::MAX);
    let each = i64::try_from(ids.len().max(1)).map_or(COUNT_EACH_MIN, |n| COUNT_IN_ALL / n);
    let each = each.clamp(COUNT_EACH_MIN, count_max);
    let mut counted = count_each(ledger, &ids, each).await?;
    let order = |counted: &Counted| (Reverse(counted.waiting), counted.deadline_at);
    counted.sort_by_key(order);
    counted.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let more: Vec<Uuid> = counted.iter().filter(|it| it.waiting == each && each < count_max).map(|it| it.id).collect();
    counted.retain(|counted| !more.contains(&counted.id));
    counted.extend(count_each(ledger, &more, count_max).await?);
    counted.sort_by_key(order);
    with_endpoints(ledger, counted).await
}

async fn count_each(ledger: &This, ids: &[Uuid], limit: i64) -> Result<Vec<Counted>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Builder::new("SELECT e.id, (SELECT count(*) FROM (SELECT d.id FROM deliveries d WHERE ");
    query.push(concat!("d.endpoint_id = e.id AND ", waits!("d"), " LIMIT ")).push_bind(limit);
    query.push(
        ") counted) AS waiting, (SELECT min(oldest.deadline_at) FROM (SELECT d.deadline_at FROM deliveries d WHERE ",
    );
    query.push(concat!("d.endpoint_id = e.id AND ", waits!("d"), " ORDER BY d.id LIMIT ")).push_bind(OLDEST.min(limit));
    query.push(") oldest) AS deadline_at FROM endpoints e WHERE e.id IN (");
    let rows = push_ids(&mut query, ids.iter().copied())
        .build()
        .persistent(false)
        .fetch_all(ledger.reader())
        .await
        .doing(ACT)?;
    let mut counted = Vec::new();
    for row in &rows {
        // What waited may be gone by now.
        if let Some(deadline_at) = rows::time_if_any(row, "deadline_at")? {
            counted.push(Counted { id: rows::get(row, "id")?, waiting: rows::get(row, "waiting")?, deadline_at });
        }
    }
    Ok(counted)
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
