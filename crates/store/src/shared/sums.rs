//! How many deliveries there are, with their money; counted to a limit.

use super::find_deliveries::{frontier, parts};
use super::part::{Part, Stretch, waits};
use super::{Builder, Row, This, rows};
use crate::Result;
use crate::error::Doing;
use crate::manage::{DeliveryFilter, Expiring, Sum};
use crate::numbers::count;
use paybell_delivery::{Currency, Money, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

const ACT: &str = "sum deliveries up";

/// Of the deliveries `d`. Money is added up in two halves, so that no sum is too large for the database.
macro_rules! sums {
    () => {
        "d.currency, count(*) AS count, CAST(sum(d.amount_minor / 1000000) AS BIGINT) AS millions, \
         CAST(sum(d.amount_minor % 1000000) AS BIGINT) AS rest"
    };
}

fn limit() -> i64 {
    i64::try_from(Sum::COUNT_MAX).unwrap_or(i64::MAX)
}

pub(super) async fn sum_up(ledger: &This, filter: &DeliveryFilter) -> Result<Sum> {
    let parts = parts(ledger, filter).await?;
    if parts.is_empty() {
        return Ok(Sum::default());
    }
    let mut query = sum_statement(&parts, filter);
    let rows = query.build().persistent(parts.len() == 1).fetch_all(ledger.reader()).await.doing(ACT)?;
    let mut tally = Tally::default();
    rows.iter().try_for_each(|row| tally.add(row))?;
    let cut = match is_cut(&parts, filter, tally.count) {
        Some(cut) => cut,
        None => frontier(ledger, &parts, filter, None, Part::may_be_cut).await?.is_some(),
    };
    Ok(tally.sum(cut))
}

/// Whether there is more than was added up, where the count says so by itself.
fn is_cut(parts: &[Part], filter: &DeliveryFilter, count: u64) -> Option<bool> {
    let may_be_cut = || parts.iter().filter(|part| part.may_be_cut());
    let all_are_wanted = may_be_cut().all(|part| part.is_exact(filter));
    let shortest = may_be_cut().map(|part| part.look(filter, parts)).min();
    let is_short = shortest.is_none_or(|look| i64::try_from(count).is_ok_and(|count| count < look));
    match (count >= Sum::COUNT_MAX, all_are_wanted && is_short) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

pub(in super::super) fn sum_statement(parts: &[Part], filter: &DeliveryFilter) -> Builder {
    let mut query = Builder::new(concat!("SELECT ", sums!(), " FROM ("));
    for (n, part) in parts.iter().enumerate() {
        query.push(if n == 0 { "" } else { " UNION ALL " });
        let look = part.look(filter, parts);
        part.push(&mut query, "d.currency, d.amount_minor", filter, Stretch::default(), (look, look));
    }
    query.push(") d GROUP BY d.currency");
    query
}

/// Those whose deadline is nearest, each with the place of the first span of time within which it expires.
pub(super) async fn expiring(ledger: &This, now: Timestamp, within: &[Duration]) -> Result<Vec<Expiring>> {
    let mut ends = within.to_vec();
    ends.sort_unstable();
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = expiring_statement(now, &ends);
    let rows = query.build().fetch_all(ledger.reader()).await.doing(ACT)?;
    within.iter().map(|within| Ok(Expiring { within: *within, sum: up_to(&rows, &ends, *within)? })).collect()
}

/// `ends` ascend.
pub(in super::super) fn expiring_statement(now: Timestamp, ends: &[Duration]) -> Builder {
    let mut query =
        Builder::new(concat!("SELECT d.place, ", sums!(), " FROM (SELECT d.currency, d.amount_minor, CASE"));
    for (place, end) in (0_i32..).zip(ends) {
        query.push(" WHEN d.deadline_at < ").push_bind((now + *end).0).push(format_args!(" THEN {place}"));
    }
    let last = now + ends.last().copied().unwrap_or_default();
    query.push(concat!(" END AS place FROM deliveries d WHERE ", waits!("d"), " AND d.deadline_at < "));
    query.push_bind(last.0).push(format_args!(" ORDER BY d.deadline_at, d.id LIMIT {}", limit()));
    query.push(") d GROUP BY d.place, d.currency");
    query
}

/// The sum of what expires within a time, from sums by place.
fn up_to(rows: &[Row], ends: &[Duration], within: Duration) -> Result<Sum> {
    let mut tally = Tally::default();
    for row in rows {
        let place: i32 = rows::get(row, "place")?;
        if usize::try_from(place).is_ok_and(|place| ends.get(place).is_some_and(|end| *end <= within)) {
            tally.add(row)?;
        }
    }
    Ok(tally.sum(false))
}

/// What was summed up so far.
#[derive(Default)]
struct Tally {
    count: u64,
    money: BTreeMap<&'static str, (Currency, i128)>,
}

impl Tally {
    fn add(&mut self, row: &Row) -> Result<()> {
        let currency: Currency = rows::word(row, "currency")?;
        let (millions, rest): (i64, i64) = (rows::get(row, "millions")?, rows::get(row, "rest")?);
        self.count += count(rows::get(row, "count")?);
        let (_, amount) = self.money.entry(currency.code()).or_insert((currency, 0));
        *amount += i128::from(millions) * 1_000_000 + i128::from(rest);
        Ok(())
    }

    fn sum(self, cut: bool) -> Sum {
        let minor = |amount| i64::try_from(amount).unwrap_or(i64::MAX);
        let money = self.money.into_values().map(|(currency, amount)| Money { amount_minor: minor(amount), currency });
        Sum { count: self.count, cut: cut || self.count >= Sum::COUNT_MAX, money: money.collect() }
    }
}
