//! Deliveries: one with its payment and attempts, and lists of them.

use super::find_deliveries::{frontier, parts};
use super::part::{Part, Stretch};
use super::{Builder, Row, This, follow_up, id_literal, rows};
use crate::Result;
use crate::error::Doing;
use crate::manage::{DeliveryFilter, DeliveryRow, DeliveryView, Page, PageRequest};
use crate::page::{after, id_ceiling, id_floor, page, rows_wanted};
use paybell_delivery::{Attempt, Delivery, DeliveryId, Outcome, Timestamp};
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

const LIST: &str = "list deliveries";

/// Rows as [`read`] takes them; what they are selected from follows, as `d`, and then [`JOINED`].
pub(super) const SELECT_ROWS: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    ", p.merchant_id, p.gateway_payment_id, p.pay_for, p.amount_minor, p.currency, ",
    follow_up_columns!(),
    " FROM "
);

/// What stands beside a delivery `d`: its payment `p`, and what a person wrote.
pub(super) const JOINED: &str =
    " JOIN payments p ON p.id = d.payment_id LEFT JOIN follow_ups f ON f.delivery_id = d.id ";

const FIND: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    ", ",
    payment_columns!(),
    ", ",
    follow_up_columns!(),
    " FROM deliveries d JOIN payments p ON p.id = d.payment_id LEFT JOIN follow_ups f ON f.delivery_id = d.id
    WHERE d.id = $1"
);

pub(super) async fn find(ledger: &This, id: DeliveryId, now: Timestamp) -> Result<Option<DeliveryView>> {
    const ACT: &str = "read a delivery";
    let Some(row) = sqlx::query(FIND).bind(id.0).fetch_optional(ledger.reader()).await.doing(ACT)? else {
        return Ok(None);
    };
    let (delivery, payment) = (rows::delivery(&row)?, rows::payment(&row)?);
    let attempts = sqlx::query(attempts_of(id)).persistent(false).fetch_all(ledger.reader()).await.doing(ACT)?;
    let mut attempts: Vec<Attempt> = attempts.iter().map(rows::attempt).collect::<Result<_>>()?;
    let claimed_until = rows::time_if_any(&row, "claimed_until")?;
    // Between the two reads the attempt in flight may have been recorded.
    let open = claimed_until.filter(|_| attempts.last().is_none_or(|last| last.number < delivery.attempts));
    let mut in_flight = None;
    if let (Some(until), Some(started_at)) = (open, delivery.claimed_at) {
        if until > now {
            in_flight = Some((delivery.attempts, started_at));
        } else {
            attempts.push(lapsed(&delivery, started_at));
        }
    }
    Ok(Some(DeliveryView { delivery, payment, attempts, in_flight, follow_up: follow_up::read(&row)? }))
}

/// The id stands in the text, so that PostgreSQL plans for the partition of its day alone: a plan that is kept for any id
/// locks all partitions at each use. So statements are not kept either.
pub(crate) fn attempts_of(id: DeliveryId) -> AssertSqlSafe<String> {
    let id = id_literal(id.0);
    let columns = attempt_columns!();
    AssertSqlSafe(format!("SELECT {columns} FROM attempts WHERE delivery_id = {id} ORDER BY number"))
}

/// The attempt of a claim that ran out and was not written down yet.
fn lapsed(delivery: &Delivery, started_at: Timestamp) -> Attempt {
    Attempt {
        delivery_id: delivery.id,
        number: delivery.attempts,
        started_at,
        duration: None,
        outcome: Outcome::Unknown,
        detail: "the claim ended before an outcome was recorded".to_owned(),
        status: None,
        response_head: None,
        response_body: None,
    }
}

pub(super) async fn panics(ledger: &This, id: DeliveryId) -> Result<u32> {
    const ACT: &str = "count the panics of a delivery";
    let (id, outcome) = (id_literal(id.0), Outcome::Panicked.as_str());
    let count = format!("SELECT COUNT(*) FROM attempts WHERE delivery_id = {id} AND outcome = '{outcome}'");
    let count = sqlx::query(AssertSqlSafe(count)).persistent(false);
    let row = count.fetch_one(ledger.reader()).await.doing(ACT)?;
    Ok(u32::try_from(row.try_get::<i64, _>(0).doing(ACT)?).unwrap_or(u32::MAX))
}

/// Each endpoint's deliveries are read from its own index, in order and cut, and then merged: sorting all that a
/// merchant ever had would take the longer the more there were.
pub(super) async fn list(ledger: &This, filter: &DeliveryFilter, request: &PageRequest) -> Result<Page<DeliveryRow>> {
    let after = after::<Uuid>(request)?;
    let parts = parts(ledger, filter).await?;
    if parts.is_empty() {
        return Ok(Page { items: Vec::new(), next: None });
    }
    let until = frontier(ledger, &parts, filter, after, |part| !part.is_exact(filter)).await?;
    let mut query = page_statement(&parts, filter, Stretch { after, until }, rows_wanted(request));
    let rows = query.build().persistent(parts.len() == 1).fetch_all(ledger.reader()).await.doing(LIST)?;
    let mut page = page(rows.iter().map(read).collect::<Result<_>>()?, request, |row: &DeliveryRow| row.delivery.id);
    page.next = page.next.or_else(|| until.map(|id| id.to_string()));
    Ok(page)
}

/// The newest `wanted` of all parts. Up to the frontier none has more rows than may be looked at, but for what was made
/// since it was found.
pub(in super::super) fn page_statement(
    parts: &[Part],
    filter: &DeliveryFilter,
    stretch: Stretch,
    wanted: i64,
) -> Builder {
    let mut query = Builder::new(SELECT_ROWS);
    query.push("(SELECT * FROM (");
    for (n, part) in parts.iter().enumerate() {
        query.push(if n == 0 { "" } else { " UNION ALL " });
        let look = part.look(filter, parts).saturating_mul(2);
        part.push(&mut query, "d.endpoint_id, d.state, d.id", filter, stretch, (look, wanted));
    }
    query.push(format_args!(") d ORDER BY d.id DESC LIMIT {wanted}"));
    query.push(") found JOIN deliveries d ON d.id = found.id").push(JOINED).push("ORDER BY found.id DESC");
    query
}

/// All that a filter asks for but the merchant and the endpoint.
pub(super) fn restrict(query: &mut Builder, filter: &DeliveryFilter) {
    let DeliveryFilter { merchant_id: _, endpoint_id: _, state, reason, pay_for, gateway_payment_id, .. } = filter;
    let DeliveryFilter { created_since, created_before, .. } = filter;
    if let Some(state) = state {
        // A literal: with a bound value the partial indexes could not be used.
        query.push(format_args!(" AND d.state = '{}'", state.as_str()));
    }
    if let Some(pay_for) = pay_for {
        query.push(" AND d.payment_id IN (SELECT id FROM payments WHERE pay_for = ").push_bind(pay_for.clone());
        query.push(")");
    }
    if let Some(gateway_id) = gateway_payment_id {
        query.push(" AND d.payment_id IN (SELECT id FROM payments WHERE gateway_payment_id = ");
        query.push_bind(gateway_id.clone()).push(")");
    }
    if let Some(reason) = reason {
        query.push(format_args!(" AND d.reason = '{}'", reason.as_str()));
    }
    if let Some(since) = created_since {
        query.push(" AND d.created_at >= ").push_bind(since.0).push(" AND d.id >= ").push_bind(id_floor(*since));
    }
    if let Some(before) = created_before {
        query.push(" AND d.created_at < ").push_bind(before.0).push(" AND d.id < ").push_bind(id_ceiling(*before));
    }
}

pub(super) fn read(row: &Row) -> Result<DeliveryRow> {
    Ok(DeliveryRow {
        delivery: rows::delivery(row)?,
        merchant_id: rows::merchant_id(row, "merchant_id")?,
        gateway_payment_id: rows::get(row, "gateway_payment_id")?,
        pay_for: rows::get(row, "pay_for")?,
        amount: rows::amount(row)?,
        follow_up: follow_up::read(row)?,
    })
}
