//! For which endpoints deliveries wait, and how many.

use super::part::waits;
use super::push_ids;
use super::{Builder, Row, This, endpoints, rows};
use crate::error::Doing;
use crate::manage::EndpointWaiting;
use crate::{Result, StoreError};
use paybell_delivery::Timestamp;
use std::cmp::Reverse;
use uuid::Uuid;

const ACT: &str = "count what waits for each endpoint";

/// So many endpoints are looked at, in the order of their ids.
const ENDPOINTS_MAX: u32 = 300;
/// So many deliveries of each are counted to find the endpoints with the most.
const COUNTED_FIRST: u64 = 33;
/// The most endpoints of one answer: each may be counted to the limit.
const SHOWN_MAX: u32 = 100;

/// The endpoints for which deliveries wait, each counted a little way. From each endpoint the index is entered anew behind
/// it, so what waits is not gone through.
pub(in super::super) fn endpoints_statement() -> Builder {
    let first = concat!("SELECT d.endpoint_id FROM deliveries d WHERE ", waits!("d"));
    let counted = counted("waiting.endpoint_id", COUNTED_FIRST);
    Builder::new(format!(
        "WITH RECURSIVE waiting (endpoint_id) AS (
            SELECT ({first} ORDER BY d.endpoint_id LIMIT 1)
            UNION ALL
            SELECT ({first} AND d.endpoint_id > waiting.endpoint_id ORDER BY d.endpoint_id LIMIT 1)
            FROM waiting WHERE waiting.endpoint_id IS NOT NULL
        )
        SELECT endpoint_id AS id, {counted} FROM waiting WHERE endpoint_id IS NOT NULL LIMIT {ENDPOINTS_MAX}"
    ))
}

/// How many wait for each of these, to the limit.
pub(in super::super) fn count_statement(ids: &[Uuid]) -> Builder {
    let counted = counted("e.id", EndpointWaiting::COUNT_MAX);
    let mut query = Builder::new(format!("SELECT e.id, {counted} FROM endpoints e WHERE e.id IN ("));
    push_ids(&mut query, ids.iter().copied());
    query
}

/// The oldest that wait for an endpoint, to a limit, as a column of their count and nearest deadline, so that they are gone
/// through once; nothing where there is none. In the order of the index, so that no other can be taken for it.
fn counted(endpoint: &str, limit: u64) -> String {
    let waits = waits!("d");
    format!(
        "(SELECT count(*) || ' ' || min(oldest.deadline_at) FROM (
            SELECT d.deadline_at FROM deliveries d WHERE {waits} AND d.endpoint_id = {endpoint} ORDER BY d.id LIMIT {limit}
        ) oldest) AS counted"
    )
}

/// How many wait for an endpoint.
struct Counted {
    id: Uuid,
    waiting: u64,
    deadline_at: Timestamp,
}

/// All are counted a little way, and those that are shown to the limit. Of those that cannot be told apart by then, the
/// nearest deadline comes first.
pub(super) async fn list(ledger: &This, limit: u32) -> Result<Vec<EndpointWaiting>> {
    let found = endpoints_statement().build().fetch_all(ledger.reader()).await.doing(ACT)?;
    let mut counted = read(&found)?;
    let order = |counted: &Counted| (Reverse(counted.waiting), counted.deadline_at);
    counted.sort_by_key(order);
    counted.truncate(usize::try_from(limit.min(SHOWN_MAX)).unwrap_or(usize::MAX));
    let more: Vec<Uuid> = counted.iter().filter(|it| it.waiting == COUNTED_FIRST).map(|it| it.id).collect();
    if !more.is_empty() {
        counted.retain(|counted| !more.contains(&counted.id));
        let further = count_statement(&more).build().persistent(false).fetch_all(ledger.reader()).await.doing(ACT)?;
        counted.extend(read(&further)?);
        counted.sort_by_key(order);
    }
    with_endpoints(ledger, counted).await
}

fn read(rows: &[Row]) -> Result<Vec<Counted>> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        // What waited may be gone by now.
        let Some(counted) = rows::get::<Option<&str>>(row, "counted")? else { continue };
        let parsed = counted.split_once(' ').and_then(|(n, at)| Some((n.parse().ok()?, at.parse().ok()?)));
        let (waiting, at) = parsed.ok_or_else(|| StoreError::Unreadable(format!("the count {counted:?}")))?;
        all.push(Counted { id: rows::get(row, "id")?, waiting, deadline_at: Timestamp(at) });
    }
    Ok(all)
}

async fn with_endpoints(ledger: &This, counted: Vec<Counted>) -> Result<Vec<EndpointWaiting>> {
    let ids: Vec<Uuid> = counted.iter().map(|counted| counted.id).collect();
    let endpoints = endpoints::with_ids(ledger, &ids).await?;
    let of = |id: Uuid| endpoints.iter().find(|endpoint| endpoint.id.0 == id).cloned();
    let waiting = counted.into_iter().filter_map(|Counted { id, waiting, deadline_at }| {
        Some(EndpointWaiting { endpoint: of(id)?, waiting, deadline_at })
    });
    Ok(waiting.collect())
}
