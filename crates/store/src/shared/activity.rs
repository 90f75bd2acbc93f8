//! Endpoints at a glance: those in trouble, and what happened at one of late.

use super::deliveries::{self, JOINED, SELECT_ROWS};
use super::{Builder, This, id_literal, rows};
use crate::Result;
use crate::error::Doing;
use crate::manage::{Activity, DeliveryRow};
use paybell_delivery::{Attempt, Delivery, Endpoint, EndpointId};
use sqlx::AssertSqlSafe;
use std::collections::{BTreeMap, HashMap};

/// The most deliveries of one answer.
const ACTIVITY_MAX: u32 = 1_000;

/// The failing ones from their index, and then the paused ones from theirs.
pub(in super::super) const TROUBLED: &str = concat!(
    "SELECT * FROM (SELECT ",
    endpoint_columns!(),
    " FROM endpoints e WHERE e.failing_since IS NOT NULL ORDER BY e.failing_since LIMIT $1) failing
    UNION ALL SELECT * FROM (SELECT ",
    endpoint_columns!(),
    " FROM endpoints e WHERE e.paused_at IS NOT NULL AND e.failing_since IS NULL AND e.deleted_at IS NULL
    ORDER BY e.paused_at LIMIT $1) paused"
);

pub(super) async fn troubled(ledger: &This, limit: u32) -> Result<Vec<Endpoint>> {
    const ACT: &str = "list endpoints in trouble";
    let rows = sqlx::query(TROUBLED).bind(i64::from(limit)).fetch_all(ledger.reader()).await.doing(ACT)?;
    let mut endpoints: Vec<Endpoint> = rows.iter().map(rows::endpoint).collect::<Result<_>>()?;
    let since = |endpoint: &Endpoint| endpoint.failing.as_ref().map(|failing| failing.since);
    let paused_at = |endpoint: &Endpoint| endpoint.pause.as_ref().map(|pause| pause.at);
    endpoints.sort_by_key(|endpoint| (since(endpoint).is_none(), since(endpoint), paused_at(endpoint)));
    endpoints.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(endpoints)
}

pub(super) async fn of_endpoint(ledger: &This, id: EndpointId, limit: u32) -> Result<Vec<Activity>> {
    const ACT: &str = "read what happened at an endpoint";
    let mut query = Builder::new(SELECT_ROWS);
    query.push("(SELECT * FROM deliveries WHERE endpoint_id = ").push_bind(id.0);
    query.push(format_args!(" ORDER BY id DESC LIMIT {}", limit.min(ACTIVITY_MAX)));
    query.push(") d").push(JOINED).push("ORDER BY d.id DESC");
    let rows = query.build().fetch_all(ledger.reader()).await.doing(ACT)?;
    let rows: Vec<DeliveryRow> = rows.iter().map(deliveries::read).collect::<Result<_>>()?;
    let mut last = HashMap::new();
    if let Some(statement) = last_attempts(&rows) {
        let query = sqlx::query(AssertSqlSafe(statement)).persistent(false);
        for row in query.fetch_all(ledger.reader()).await.doing(ACT)? {
            let attempt: Attempt = rows::attempt(&row)?;
            last.insert(attempt.delivery_id, attempt);
        }
    }
    let with_last = |row: DeliveryRow| Activity { last: last.remove(&row.delivery.id), row };
    Ok(rows.into_iter().map(with_last).collect())
}

/// Reads the last finished attempts, those of one number after those of the other. The ids stand in the text, so that
/// PostgreSQL plans for the partitions of their days alone.
fn last_attempts(rows: &[DeliveryRow]) -> Option<String> {
    let mut by_number: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for Delivery { id, attempts, claimed_at, .. } in rows.iter().map(|row| &row.delivery) {
        let finished = attempts.saturating_sub(u32::from(claimed_at.is_some()));
        by_number.entry(finished).or_default().push(id_literal(id.0));
    }
    by_number.remove(&0);
    let of_number = |(number, ids): (u32, Vec<String>)| {
        let (columns, ids) = (attempt_columns!(), ids.join(", "));
        format!("SELECT {columns} FROM attempts WHERE delivery_id IN ({ids}) AND number = {number}")
    };
    let all: Vec<String> = by_number.into_iter().map(of_number).collect();
    (!all.is_empty()).then(|| all.join(" UNION ALL "))
}
