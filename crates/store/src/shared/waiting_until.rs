//! What expires soon, by its deadline.

use super::deliveries::{self, JOINED, SELECT_ROWS};
use super::part::{LOOK_MAX, push_judgement_of_payment, waits};
use super::{Builder, This, find_deliveries, push_ids, rows};
use crate::Result;
use crate::error::Doing;
use crate::manage::{DeliveryFilter, DeliveryRow, Page, PageRequest};
use crate::page::{malformed, page, rows_wanted};
use paybell_delivery::{State, Timestamp};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

const ACT: &str = "list what expires soon";
/// The most entries of the index that one page looks at, and the same where each costs a look at its payment.
const LOOK: i64 = 10_000;
const LOOK_AT_PAYMENTS: i64 = 500;

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
    let Some(among) = among(ledger, filter).await? else { return Ok(Page { items: Vec::new(), next: None }) };
    let look = among.look(filter);
    let until = match look {
        Some(look) => last_looked_at(ledger, before, after, look).await?,
        None => None,
    };
    let wanted = rows_wanted(request);
    let rows = page_statement(filter, &among, before, after, (look.unwrap_or(wanted), wanted))
        .build()
        .persistent(matches!(among, Among::All))
        .fetch_all(ledger.reader())
        .await
        .doing(ACT)?;
    let place = |row: &DeliveryRow| Place { deadline_at: row.delivery.deadline_at.0, id: row.delivery.id.0 };
    let mut page = page(rows.iter().map(deliveries::read).collect::<Result<_>>()?, request, place);
    page.next = page.next.or_else(|| until.map(|place| place.to_string()));
    Ok(page)
}

/// Among which deliveries a page looks.
#[derive(Clone, Debug)]
pub(in super::super) enum Among {
    /// All that expire.
    All,
    /// Those of these endpoints, which the index tells.
    Endpoints(Vec<Uuid>),
    /// The few of these payments.
    Payments(Vec<Uuid>),
}

impl Among {
    /// How many entries of the index one page looks at; nothing when it shows all that it reads.
    fn look(&self, filter: &DeliveryFilter) -> Option<i64> {
        let by_payment = filter.pay_for.is_some() || filter.gateway_payment_id.is_some();
        let dated = filter.created_since.is_some() || filter.created_before.is_some();
        match self {
            Among::Payments(_) => None,
            _ if by_payment => Some(LOOK_AT_PAYMENTS),
            Among::All if !dated => None,
            _ => Some(LOOK),
        }
    }
}

/// Nothing when there cannot be any.
async fn among(ledger: &This, filter: &DeliveryFilter) -> Result<Option<Among>> {
    if let Some(payments) = find_deliveries::payments(ledger, filter).await? {
        return Ok((!payments.is_empty()).then_some(Among::Payments(payments)));
    }
    let endpoints = find_deliveries::endpoints(ledger, filter).await?;
    Ok(match endpoints {
        None => Some(Among::All),
        Some(endpoints) => (!endpoints.is_empty()).then_some(Among::Endpoints(endpoints)),
    })
}

/// The `wanted` with the nearest deadline, among as many as are looked at.
pub(in super::super) fn page_statement(
    filter: &DeliveryFilter,
    among: &Among,
    before: Timestamp,
    after: Option<Place>,
    (look, wanted): (i64, i64),
) -> Builder {
    let mut query = Builder::new(SELECT_ROWS);
    query.push("(SELECT d.deadline_at, d.id FROM (SELECT d.* FROM deliveries d WHERE ");
    if let Among::Payments(payments) = among {
        push_ids(query.push("d.payment_id IN ("), payments.iter().copied())
            .push(format_args!(" LIMIT {LOOK_MAX}) d WHERE "));
        push_stretch(&mut query, before, after);
    } else {
        push_stretch(&mut query, before, after);
        query.push(format_args!(" ORDER BY d.deadline_at, d.id LIMIT {look}) d WHERE true"));
    }
    push_judgement(&mut query, filter, among);
    query.push(format_args!(" ORDER BY d.deadline_at, d.id LIMIT {wanted}"));
    query.push(") found JOIN deliveries d ON d.id = found.id").push(JOINED);
    query.push("ORDER BY found.deadline_at, found.id");
    query
}

/// What expires, as its index has it.
fn push_stretch(query: &mut Builder, before: Timestamp, after: Option<Place>) {
    query.push(waits!("d")).push(" AND d.deadline_at < ").push_bind(before.0);
    if let Some(Place { deadline_at, id }) = after {
        query.push(" AND d.deadline_at >= ").push_bind(deadline_at);
        query.push(" AND (d.deadline_at, d.id) > (").push_bind(deadline_at).push(", ").push_bind(id).push(")");
    }
}

fn push_judgement(query: &mut Builder, filter: &DeliveryFilter, among: &Among) {
    match (among, filter.endpoint_id) {
        (Among::Endpoints(endpoints), _) => {
            push_ids(query.push(" AND d.endpoint_id IN ("), endpoints.iter().copied());
        }
        (Among::Payments(_), Some(endpoint)) => {
            query.push(" AND d.endpoint_id = ").push_bind(endpoint.0);
        }
        _ => {}
    }
    if let Some(since) = filter.created_since {
        query.push(" AND d.created_at >= ").push_bind(since.0);
    }
    if let Some(before) = filter.created_before {
        query.push(" AND d.created_at < ").push_bind(before.0);
    }
    if !matches!(among, Among::Payments(_)) {
        push_judgement_of_payment(query, filter);
    }
}

/// The last entry that a page may look at; nothing when all that there is will be looked at.
async fn last_looked_at(ledger: &This, before: Timestamp, after: Option<Place>, look: i64) -> Result<Option<Place>> {
    let mut query = Builder::new("SELECT d.deadline_at, d.id FROM deliveries d WHERE ");
    push_stretch(&mut query, before, after);
    query.push(format_args!(" ORDER BY d.deadline_at, d.id LIMIT 1 OFFSET {}", look - 1));
    let last = query.build().fetch_optional(ledger.reader()).await.doing(ACT)?;
    last.map(|row| Ok(Place { deadline_at: rows::get(&row, "deadline_at")?, id: rows::get(&row, "id")? })).transpose()
}
