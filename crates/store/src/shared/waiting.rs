//! What waits, by the moment of its next attempt.

use super::deliveries::{self, JOINED, SELECT_ROWS};
use super::{Builder, This, rows};
use crate::Result;
use crate::error::Doing;
use crate::manage::{DeliveryFilter, DeliveryRow, NextAttempts, Page, PageRequest, RetryWall};
use crate::numbers::count;
use crate::page::{malformed, page, rows_wanted};
use paybell_delivery::{State, Timestamp};
use sqlx::Row as _;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use uuid::Uuid;

/// The most rows that one page looks at; they lie far apart, as they were made at any time.
const LOOK: i64 = 600;

const ACT: &str = "list what waits";
const COUNT: &str = "count what waits";

/// Where a page ended: a delivery by its next attempt.
#[derive(Clone, Copy)]
pub(in super::super) struct Place {
    pub(in super::super) due_at: i64,
    pub(in super::super) id: Uuid,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.due_at, self.id)
    }
}

impl FromStr for Place {
    type Err = ();
    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let (due_at, id) = text.split_once('_').ok_or(())?;
        Ok(Self { due_at: due_at.parse().map_err(drop)?, id: id.parse().map_err(drop)? })
    }
}

pub(super) async fn list(ledger: &This, filter: &DeliveryFilter, request: &PageRequest) -> Result<Page<DeliveryRow>> {
    let nothing = Page { items: Vec::new(), next: None };
    let DeliveryFilter { merchant_id, endpoint_id, state, reason, pay_for, gateway_payment_id, .. } = filter;
    if state.is_some_and(|state| state != State::Pending) || reason.is_some() {
        return Ok(nothing);
    }
    let narrow = merchant_id.is_some() || endpoint_id.is_some() || pay_for.is_some() || gateway_payment_id.is_some();
    if narrow {
        let filter = DeliveryFilter { state: Some(State::Pending), ..filter.clone() };
        return deliveries::list(ledger, &filter, request).await;
    }
    by_next_attempt(ledger, filter, request).await
}

/// All that is pending and made within some time, from the dispatcher's index.
async fn by_next_attempt(ledger: &This, filter: &DeliveryFilter, request: &PageRequest) -> Result<Page<DeliveryRow>> {
    let read = |cursor: &String| cursor.parse::<Place>().map_err(|()| malformed(cursor));
    let after = request.after.as_ref().map(read).transpose()?;
    let until = if is_judged(filter) { last_looked_at(ledger, after).await? } else { None };
    let mut query = page_statement(filter, after, until, rows_wanted(request));
    let rows = query.build().fetch_all(ledger.reader()).await.doing(ACT)?;
    let place = |row: &DeliveryRow| Place { due_at: row.delivery.due_at.0, id: row.delivery.id.0 };
    let mut page = page(rows.iter().map(deliveries::read).collect::<Result<_>>()?, request, place);
    page.next = page.next.or_else(|| until.map(|place| place.to_string()));
    Ok(page)
}

/// Whether not all that is pending is wanted.
fn is_judged(filter: &DeliveryFilter) -> bool {
    filter.created_since.is_some() || filter.created_before.is_some()
}

pub(in super::super) fn page_statement(
    filter: &DeliveryFilter,
    after: Option<Place>,
    until: Option<Place>,
    wanted: i64,
) -> Builder {
    let mut query = Builder::new(SELECT_ROWS);
    query.push("(SELECT * FROM (SELECT d.* FROM deliveries d WHERE d.state = 'pending'");
    push_stretch(&mut query, after, until);
    let look = if is_judged(filter) { LOOK * 2 } else { wanted };
    query.push(format_args!(" ORDER BY d.due_at, d.id LIMIT {look}) d WHERE true"));
    if let Some(since) = filter.created_since {
        query.push(" AND d.created_at >= ").push_bind(since.0);
    }
    if let Some(before) = filter.created_before {
        query.push(" AND d.created_at < ").push_bind(before.0);
    }
    query.push(format_args!(" ORDER BY d.due_at, d.id LIMIT {wanted}"));
    query.push(") d").push(JOINED).push("ORDER BY d.due_at, d.id");
    query
}

/// The last row that a page may look at; nothing when all that there is will be looked at.
async fn last_looked_at(ledger: &This, after: Option<Place>) -> Result<Option<Place>> {
    let last = last_statement(after).build().fetch_optional(ledger.reader()).await.doing(ACT)?;
    last.map(|row| Ok(Place { due_at: rows::get(&row, "due_at")?, id: rows::get(&row, "id")? })).transpose()
}

pub(in super::super) fn last_statement(after: Option<Place>) -> Builder {
    let mut query = Builder::new("SELECT d.due_at, d.id FROM deliveries d WHERE d.state = 'pending'");
    push_stretch(&mut query, after, None);
    query.push(format_args!(" ORDER BY d.due_at, d.id LIMIT 1 OFFSET {}", LOOK - 1));
    query
}

fn push_stretch(query: &mut Builder, after: Option<Place>, until: Option<Place>) {
    if let Some(Place { due_at, id }) = after {
        query.push(" AND d.due_at >= ").push_bind(due_at).push(" AND (d.due_at, d.id) > (").push_bind(due_at);
        query.push(", ").push_bind(id).push(")");
    }
    if let Some(Place { due_at, id }) = until {
        query.push(" AND d.due_at <= ").push_bind(due_at).push(" AND (d.due_at, d.id) <= (").push_bind(due_at);
        query.push(", ").push_bind(id).push(")");
    }
}

/// Each bar from the dispatcher's index alone, and what is parked from its own; side by side, as the database has more than
/// one processor.
pub(super) async fn retry_wall(ledger: &This, now: Timestamp, within: &[Duration]) -> Result<RetryWall> {
    let mut ends: Vec<Timestamp> = [now].into_iter().chain(within.iter().map(|within| now + *within)).collect();
    ends.sort_unstable();
    let begins = [None].into_iter().chain(ends.iter().copied().map(Some));
    let bars: Vec<Bar> = begins.zip(ends.iter().copied().map(Some).chain([None])).collect();
    let (sooner, later) = bars.split_at(bars.len() / 2);
    let (mut bars, later, parked) =
        tokio::try_join!(count_bars(ledger, sooner), count_bars(ledger, later), count_parked(ledger))?;
    bars.extend(later);
    Ok(RetryWall { bars, parked })
}

async fn count_bars(ledger: &This, bars: &[Bar]) -> Result<Vec<NextAttempts>> {
    if bars.is_empty() {
        return Ok(Vec::new());
    }
    let row = bars_statement(bars).build().fetch_one(ledger.reader()).await.doing(COUNT)?;
    let counted =
        |(n, &(since, before))| Ok(NextAttempts { since, before, count: count(row.try_get(n).doing(COUNT)?) });
    bars.iter().enumerate().map(counted).collect()
}

async fn count_parked(ledger: &This) -> Result<u64> {
    let row = parked_statement().build().fetch_one(ledger.reader()).await.doing(COUNT)?;
    Ok(count(rows::get(&row, "parked")?))
}

/// From a moment on, and until before another.
pub(in super::super) type Bar = (Option<Timestamp>, Option<Timestamp>);

pub(in super::super) fn bars_statement(bars: &[Bar]) -> Builder {
    let mut query = Builder::new("SELECT ");
    for (n, (since, before)) in bars.iter().enumerate() {
        query.push(if n == 0 { "" } else { ", " });
        query.push("(SELECT count(*) FROM (SELECT d.due_at FROM deliveries d WHERE d.state = 'pending'");
        if let Some(since) = since {
            query.push(" AND d.due_at >= ").push_bind(since.0);
        }
        if let Some(before) = before {
            query.push(" AND d.due_at < ").push_bind(before.0);
        }
        query.push(format_args!(" ORDER BY d.due_at LIMIT {}) bar)", NextAttempts::COUNT_MAX));
    }
    query
}

/// In the order of the index, so that no other can be taken for it.
pub(in super::super) fn parked_statement() -> Builder {
    Builder::new(format!(
        "SELECT count(*) AS parked FROM (SELECT d.id FROM deliveries d WHERE d.state = 'pending' AND d.due_at = d.deadline_at
            ORDER BY d.endpoint_id, d.deadline_at, d.id LIMIT {}) held",
        NextAttempts::COUNT_MAX
    ))
}
