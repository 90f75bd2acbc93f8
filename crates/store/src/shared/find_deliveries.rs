//! By which index the deliveries of a filter are found, and how far one page looks.
//!
//! Cast:
//! - [`Part`]: a stretch of one index, in the order of the ids (module [`super::part`]). A list merges the parts of its filter.
//! - What an index does not answer is judged row by row, of a bounded number of rows: [`Part::look`] at most, from where
//!   the page before ended to the [`frontier`], beyond which not all parts were looked at.

use super::part::{Part, Stretch};
use super::{Builder, This, rows};
use crate::Result;
use crate::error::Doing;
use crate::manage::DeliveryFilter;
use paybell_delivery::{MerchantId, State};
use sqlx::Row as _;
use uuid::Uuid;

const ACT: &str = "find deliveries";
/// Up to so many payments are looked up one by one; a reference that more of them have does not narrow a search much.
const PAYMENTS_MAX: usize = 1_000;

/// Where a filter's deliveries are; nowhere when there cannot be any.
pub(super) async fn parts(ledger: &This, filter: &DeliveryFilter) -> Result<Vec<Part>> {
    let pending = [State::Pending, State::Delivered];
    if filter.reason.is_some() && filter.state.is_some_and(|state| pending.contains(&state)) {
        return Ok(Vec::new());
    }
    if let Some(payments) = payments(ledger, filter).await? {
        return Ok(if payments.is_empty() { Vec::new() } else { vec![Part::Payments(payments)] });
    }
    let endpoints = endpoints(ledger, filter).await?;
    let failed = [State::Undelivered, State::Settled];
    let failed = failed.into_iter().filter(|state| filter.state.is_none_or(|only| only == *state));
    let failed: Vec<State> = failed.filter(|_| filter.state.is_some() || filter.reason.is_some()).collect();
    Ok(match endpoints {
        None if failed.is_empty() => vec![Part::All],
        None => failed.into_iter().map(Part::Failed).collect(),
        Some(endpoints) if endpoints.is_empty() => Vec::new(),
        Some(endpoints) if filter.state == Some(State::Pending) => {
            let each = |endpoint| [Part::WaitingFor(endpoint), Part::FirstAttemptsTo(endpoint)];
            endpoints.into_iter().flat_map(each).collect()
        }
        Some(endpoints) if failed.is_empty() => endpoints.into_iter().map(Part::Endpoint).collect(),
        Some(endpoints) => {
            let each = |endpoint| failed.iter().map(move |state| Part::FailedOf(endpoint, *state));
            endpoints.into_iter().flat_map(each).collect()
        }
    })
}

pub(in super::super) const BY_GATEWAY_ID: &str =
    "SELECT id, merchant_id, pay_for FROM payments WHERE gateway_payment_id = $1 LIMIT $2";
pub(in super::super) const BY_PAY_FOR: &str =
    "SELECT id, merchant_id, pay_for FROM payments WHERE pay_for = $1 LIMIT $2";

/// The payments that are asked for, if few have the reference, whosever they are.
pub(super) async fn payments(ledger: &This, filter: &DeliveryFilter) -> Result<Option<Vec<Uuid>>> {
    let (sql, reference) = match (&filter.gateway_payment_id, &filter.pay_for) {
        (Some(gateway_id), _) => (BY_GATEWAY_ID, gateway_id),
        (None, Some(pay_for)) => (BY_PAY_FOR, pay_for),
        (None, None) => return Ok(None),
    };
    let query = sqlx::query(sql).bind(reference).bind(i64::try_from(PAYMENTS_MAX + 1).unwrap_or(i64::MAX));
    let found = query.fetch_all(ledger.reader()).await.doing(ACT)?;
    if found.len() > PAYMENTS_MAX {
        return Ok(None);
    }
    let mut ids = Vec::new();
    for row in &found {
        let of_merchant = filter.merchant_id.as_ref().map(MerchantId::as_str);
        let merchant = of_merchant.is_none_or(|id| rows::get::<&str>(row, "merchant_id").is_ok_and(|it| it == id));
        let pay_for: Option<String> = rows::get(row, "pay_for")?;
        if merchant && (filter.pay_for.is_none() || filter.pay_for == pay_for) {
            ids.push(rows::get(row, "id")?);
        }
    }
    Ok(Some(ids))
}

/// The endpoints whose deliveries are asked for; nothing stands for all.
pub(super) async fn endpoints(ledger: &This, filter: &DeliveryFilter) -> Result<Option<Vec<Uuid>>> {
    let Some(merchant) = &filter.merchant_id else {
        return Ok(filter.endpoint_id.map(|id| vec![id.0]));
    };
    let of_merchant = sqlx::query("SELECT id FROM endpoints WHERE merchant_id = $1 ORDER BY id");
    let found = of_merchant.bind(merchant.as_str()).fetch_all(ledger.reader()).await.doing(ACT)?;
    let ids: Vec<Uuid> = found.iter().map(|row| row.try_get(0).doing(ACT)).collect::<Result<_>>()?;
    Ok(Some(ids.into_iter().filter(|id| filter.endpoint_id.is_none_or(|only| only.0 == *id)).collect()))
}

/// The newest of the last rows that one page may look at in each part that is cut: what is older waits for the next page.
/// Nothing when all that there is will be looked at.
pub(super) async fn frontier(
    ledger: &This,
    parts: &[Part],
    filter: &DeliveryFilter,
    after: Option<Uuid>,
    is_cut: impl Fn(&Part) -> bool,
) -> Result<Option<Uuid>> {
    let Some(mut query) = frontier_statement(parts, filter, after, is_cut) else { return Ok(None) };
    let last = query.build().persistent(parts.len() == 1).fetch_all(ledger.reader()).await.doing(ACT)?;
    let last: Vec<Uuid> = last.iter().map(|row| rows::get(row, "id")).collect::<Result<_>>()?;
    Ok(last.into_iter().max())
}

/// Nothing when no part is cut. Limits stand in the text of statements: the planner takes a bound one
/// for a tenth of the table.
pub(in super::super) fn frontier_statement(
    parts: &[Part],
    filter: &DeliveryFilter,
    after: Option<Uuid>,
    is_cut: impl Fn(&Part) -> bool,
) -> Option<Builder> {
    let cut: Vec<&Part> = parts.iter().filter(|part| is_cut(part)).collect();
    let mut query = Builder::new("");
    for (n, part) in cut.iter().enumerate() {
        query.push(if n == 0 { "" } else { " UNION ALL " }).push("SELECT * FROM (");
        part.push_rows(&mut query, "d.id", filter, Stretch { after, until: None });
        let skipped = part.look(filter, parts) - 1;
        query.push(format_args!(" {} LIMIT 1 OFFSET {skipped}) part", part.newest_first()));
    }
    (!cut.is_empty()).then_some(query)
}
