//! What expires soon, by its deadline.

use super::deliveries::{self, JOINED, SELECT_ROWS};
use super::part::waits;
use super::{Builder, This, rows};
use crate::Result;
use crate::error::Doing;
use crate::manage::{DeliveryFilter, DeliveryRow, Page, PageRequest};
use crate::page::{malformed, page, rows_wanted};
use paybell_delivery::{State, Timestamp};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

const ACT: &str = "list what expires soon";
/// The most rows that one page looks at.
const LOOK: i64 = 2_500;

/// Where a page ended: a delivery by its deadline.
#[derive(Clone, Copy)]
pub(in super::super) struct Place {
    pub(in super::super) deadline_at: i64,
    pub(in super::super) id: Uuid,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.deadline_at, self.id)
    }
}

impl FromStr for Place {
    type Err = ();
    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let (deadline_at, id) = text.split_once('_').ok_or(())?;
        Ok(Self { deadline_at: deadline_at.parse().map_err(drop)?, id: id.parse().map_err(drop)? })
    }
}

pub(super) async fn list(
    ledger: &This,
    filter: &DeliveryFilter,
    before: Timestamp,
    request: &PageRequest,
) -> Result<Page<DeliveryRow>> {
    if filter.state.is_some_and(|state| state != State::Pending) || filter.reason.is_some() {
        return Ok(Page { items: Vec::new(), next: None });
    }
    let read = |cursor: &String| cursor.parse::<Place>().map_err(|()| malformed(cursor));
    let after = request.after.as_ref().map(read).transpose()?;
    let judged = DeliveryFilter { state: None, ..filter.clone() } != DeliveryFilter::default();
    let until = if judged { last_looked_at(ledger, before, after).await? } else { None };
    let look = if judged { LOOK } else { rows_wanted(request) };
    let rows = page_statement(filter, before, after, look, rows_wanted(request))
        .build()
        .fetch_all(ledger.reader())
        .await
        .doing(ACT)?;
    let place = |row: &DeliveryRow| Place { deadline_at: row.delivery.deadline_at.0, id: row.delivery.id.0 };
    let mut page = page(rows.iter().map(deliveries::read).collect::<Result<_>>()?, request, place);
    page.next = page.next.or_else(|| until.map(|place| place.to_string()));
    Ok(page)
}

/// The `wanted` with the nearest deadline, among as many as are looked at.
pub(in super::super) fn page_statement(
    filter: &DeliveryFilter,
    before: Timestamp,
    after: Option<Place>,
    look: i64,
    wanted: i64,
) -> Builder {
    let mut query = Builder::new(SELECT_ROWS);
    query.push("(SELECT d.* FROM deliveries d WHERE ");
    push_stretch(&mut query, before, after);
    query.push(format_args!(" LIMIT {look}) d")).push(JOINED).push("WHERE true");
    push_filter(&mut query, filter);
    query.push(format_args!(" ORDER BY d.deadline_at, d.id LIMIT {wanted}"));
    query
}

/// From the index of what expires, in its order.
fn push_stretch(query: &mut Builder, before: Timestamp, after: Option<Place>) {
    query.push(waits!("d")).push(" AND d.deadline_at < ").push_bind(before.0);
    if let Some(Place { deadline_at, id }) = after {
        query.push(" AND d.deadline_at >= ").push_bind(deadline_at);
        query.push(" AND (d.deadline_at, d.id) > (").push_bind(deadline_at).push(", ").push_bind(id).push(")");
    }
    query.push(" ORDER BY d.deadline_at, d.id");
}

fn push_filter(query: &mut Builder, filter: &DeliveryFilter) {
    let DeliveryFilter { merchant_id, endpoint_id, pay_for, gateway_payment_id, created_since, created_before, .. } =
        filter;
    if let Some(merchant) = merchant_id {
        query.push(" AND p.merchant_id = ").push_bind(merchant.as_str().to_owned());
    }
    if let Some(endpoint) = endpoint_id {
        query.push(" AND d.endpoint_id = ").push_bind(endpoint.0);
    }
    if let Some(pay_for) = pay_for {
        query.push(" AND p.pay_for = ").push_bind(pay_for.clone());
    }
    if let Some(id) = gateway_payment_id {
        query.push(" AND p.gateway_payment_id = ").push_bind(id.clone());
    }
    if let Some(since) = created_since {
        query.push(" AND d.created_at >= ").push_bind(since.0);
    }
    if let Some(before) = created_before {
        query.push(" AND d.created_at < ").push_bind(before.0);
    }
}

/// The last row that a page may look at; nothing when all that there is will be looked at.
async fn last_looked_at(ledger: &This, before: Timestamp, after: Option<Place>) -> Result<Option<Place>> {
    let mut query = Builder::new("SELECT d.deadline_at, d.id FROM deliveries d WHERE ");
    push_stretch(&mut query, before, after);
    query.push(format_args!(" LIMIT 1 OFFSET {}", LOOK - 1));
    let last = query.build().fetch_optional(ledger.reader()).await.doing(ACT)?;
    last.map(|row| Ok(Place { deadline_at: rows::get(&row, "deadline_at")?, id: rows::get(&row, "id")? })).transpose()
}
