//! By which index the deliveries of a filter are found, and how far one page looks.
//!
//! Cast:
//! - [`Part`]: a stretch of one index, in the order of the ids. A list merges the parts of its filter.
//! - What an index does not answer is judged row by row, of a bounded number of rows: [`Part::look`] at most, from where
//!   the page before ended to the [`frontier`], beyond which not all parts were looked at.

use super::{Builder, This, rows};
use crate::Result;
use crate::error::Doing;
use crate::manage::DeliveryFilter;
use crate::page::{id_ceiling, id_floor};
use paybell_delivery::{MerchantId, State};
use sqlx::Row as _;
use uuid::Uuid;

const ACT: &str = "find deliveries";
/// The most rows that one page looks at, and how many of each part at least.
const LOOK: usize = 20_000;
const LOOK_MIN: usize = 50;
/// The same, where each costs a look at its payment.
const LOOK_AT_PAYMENTS: usize = 4_000;
/// Up to so many payments are looked up one by one; a reference that more of them have does not narrow a search much.
const PAYMENTS_MAX: usize = 1_000;
/// Of what is due next, so many are looked at for those that wait for their first attempt.
const SOONEST: i64 = 4_000;

/// What was attempted in vain for a minute or waits for its endpoint, as the indexes that hold it say it.
macro_rules! waits {
    ($d:literal) => {
        concat!($d, ".state = 'pending' AND ", $d, ".due_at > ", $d, ".created_at + 60000000")
    };
}
pub(super) use waits;

/// A stretch of an index.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// All deliveries.
    All,
    /// Those of these payments.
    Payments(Vec<Uuid>),
    /// Those of an endpoint.
    Endpoint(Uuid),
    /// What failed or was settled.
    Failed(State),
    /// The same of an endpoint.
    FailedOf(Uuid, State),
    /// What waits for an endpoint.
    WaitingFor(Uuid),
    /// Of what is due next, the first attempts to these endpoints: the other parts have the rest.
    FirstAttempts(Vec<Uuid>),
}

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
            let waiting = endpoints.iter().copied().map(Part::WaitingFor).collect::<Vec<_>>();
            waiting.into_iter().chain([Part::FirstAttempts(endpoints)]).collect()
        }
        Some(endpoints) if failed.is_empty() => endpoints.into_iter().map(Part::Endpoint).collect(),
        Some(endpoints) => {
            let each = |endpoint| failed.iter().map(move |state| Part::FailedOf(endpoint, *state));
            endpoints.into_iter().flat_map(each).collect()
        }
    })
}

/// The payments that are asked for, if few have the reference, whosever they are.
async fn payments(ledger: &This, filter: &DeliveryFilter) -> Result<Option<Vec<Uuid>>> {
    const BY_GATEWAY_ID: &str = "SELECT id, merchant_id, pay_for FROM payments WHERE gateway_payment_id = $1 LIMIT $2";
    const BY_PAY_FOR: &str = "SELECT id, merchant_id, pay_for FROM payments WHERE pay_for = $1 LIMIT $2";
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
async fn endpoints(ledger: &This, filter: &DeliveryFilter) -> Result<Option<Vec<Uuid>>> {
    let Some(merchant) = &filter.merchant_id else {
        return Ok(filter.endpoint_id.map(|id| vec![id.0]));
    };
    let of_merchant = sqlx::query("SELECT id FROM endpoints WHERE merchant_id = $1 ORDER BY id");
    let found = of_merchant.bind(merchant.as_str()).fetch_all(ledger.reader()).await.doing(ACT)?;
    let ids: Vec<Uuid> = found.iter().map(|row| row.try_get(0).doing(ACT)).collect::<Result<_>>()?;
    Ok(Some(ids.into_iter().filter(|id| filter.endpoint_id.is_none_or(|only| only.0 == *id)).collect()))
}

/// Which rows: those before `after` and not before `until`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stretch {
    pub(super) after: Option<Uuid>,
    pub(super) until: Option<Uuid>,
}

impl Part {
    /// How many rows of it one page looks at, given how many parts there are.
    pub(super) fn look(&self, filter: &DeliveryFilter, parts: usize) -> i64 {
        let look = if self.looks_at_payments(filter) { LOOK_AT_PAYMENTS } else { LOOK };
        i64::try_from((look / parts.max(1)).max(LOOK_MIN)).unwrap_or(i64::MAX)
    }

    fn looks_at_payments(&self, filter: &DeliveryFilter) -> bool {
        let by_payment = filter.pay_for.is_some() || filter.gateway_payment_id.is_some();
        by_payment && !matches!(self, Part::Payments(_))
    }

    /// Whether all of it is wanted, so that a page looks at no more than it shows, or all of it is looked at anyway.
    fn is_exact(&self, filter: &DeliveryFilter) -> bool {
        let dated = filter.created_since.is_some() || filter.created_before.is_some();
        let judged = dated || filter.reason.is_some() || self.looks_at_payments(filter);
        match self {
            Part::Payments(_) | Part::FirstAttempts(_) => true,
            Part::All | Part::Endpoint(_) => !judged && filter.state.is_none(),
            Part::Failed(_) | Part::FailedOf(..) | Part::WaitingFor(_) => !judged,
        }
    }

    /// `SELECT` of the newest `wanted` that match, among the newest `look` rows of the stretch.
    pub(super) fn push(&self, query: &mut Builder, filter: &DeliveryFilter, stretch: Stretch, look: i64, wanted: i64) {
        query.push("SELECT * FROM (SELECT * FROM (");
        self.push_rows(query, "d.*", filter, stretch);
        if !self.is_exact(filter) {
            query.push(" ORDER BY d.id DESC LIMIT ").push_bind(look);
        }
        query.push(") d WHERE true");
        self.push_judgement(query, filter);
        query.push(" ORDER BY d.id DESC LIMIT ").push_bind(wanted).push(") part");
    }

    /// The rows of the index, unjudged.
    fn push_rows(&self, query: &mut Builder, columns: &str, filter: &DeliveryFilter, stretch: Stretch) {
        query.push(format_args!("SELECT {columns} FROM "));
        match self {
            Part::All => query.push("deliveries d WHERE true"),
            Part::Payments(payments) => {
                push_ids(query.push("deliveries d WHERE d.payment_id IN ("), payments.iter().copied())
            }
            Part::Endpoint(id) => query.push("deliveries d WHERE d.endpoint_id = ").push_bind(*id),
            Part::Failed(state) => query.push(format_args!("deliveries d WHERE d.state = '{}'", state.as_str())),
            Part::FailedOf(id, state) => {
                query.push("deliveries d WHERE d.endpoint_id = ").push_bind(*id);
                query.push(format_args!(" AND d.state = '{}'", state.as_str()));
                query.push(" AND d.state IN ('undelivered', 'settled')")
            }
            Part::WaitingFor(id) => {
                query.push("deliveries d WHERE d.endpoint_id = ").push_bind(*id).push(concat!(" AND ", waits!("d")))
            }
            Part::FirstAttempts(endpoints) => {
                query.push("(SELECT * FROM deliveries WHERE state = 'pending' ORDER BY due_at LIMIT ");
                query.push_bind(SOONEST).push(concat!(") d WHERE NOT (", waits!("d"), ") AND d.endpoint_id IN ("));
                push_ids(query, endpoints.iter().copied())
            }
        };
        for (condition, id) in [
            (" AND d.id < ", stretch.after),
            (" AND d.id >= ", stretch.until),
            (" AND d.id >= ", filter.created_since.map(id_floor)),
            (" AND d.id < ", filter.created_before.map(id_ceiling)),
        ] {
            if let Some(id) = id {
                query.push(condition).push_bind(id);
            }
        }
    }

    /// What the index does not answer.
    fn push_judgement(&self, query: &mut Builder, filter: &DeliveryFilter) {
        if let Some(state) = filter.state {
            query.push(format_args!(" AND d.state = '{}'", state.as_str()));
        }
        if let Some(reason) = filter.reason {
            query.push(format_args!(" AND d.reason = '{}'", reason.as_str()));
        }
        if let (Part::Payments(_), Some(endpoint)) = (self, filter.endpoint_id) {
            query.push(" AND d.endpoint_id = ").push_bind(endpoint.0);
        }
        if let Some(since) = filter.created_since {
            query.push(" AND d.created_at >= ").push_bind(since.0);
        }
        if let Some(before) = filter.created_before {
            query.push(" AND d.created_at < ").push_bind(before.0);
        }
        if self.looks_at_payments(filter) {
            for (column, value) in [("pay_for", &filter.pay_for), ("gateway_payment_id", &filter.gateway_payment_id)] {
                if let Some(value) = value {
                    query.push(format_args!(" AND (SELECT p.{column} FROM payments p WHERE p.id = d.payment_id) = "));
                    query.push_bind(value.clone());
                }
            }
        }
    }
}

/// `$1, $2, …)`, as an `IN (` goes on.
pub(super) fn push_ids(query: &mut Builder, ids: impl IntoIterator<Item = Uuid>) -> &mut Builder {
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(id);
    }
    query.push(")")
}

/// The newest of the last rows that one page may look at in each part: what is older waits for the next page. Nothing
/// when all that there is will be looked at.
pub(super) async fn frontier(
    ledger: &This,
    parts: &[Part],
    filter: &DeliveryFilter,
    after: Option<Uuid>,
) -> Result<Option<Uuid>> {
    let judged: Vec<&Part> = parts.iter().filter(|part| !part.is_exact(filter)).collect();
    if judged.is_empty() {
        return Ok(None);
    }
    let mut query = Builder::new("");
    for (n, part) in judged.iter().enumerate() {
        query.push(if n == 0 { "" } else { " UNION ALL " }).push("SELECT * FROM (");
        part.push_rows(&mut query, "d.id", filter, Stretch { after, until: None });
        query.push(" ORDER BY d.id DESC LIMIT 1 OFFSET ").push_bind(part.look(filter, parts.len()) - 1).push(") part");
    }
    let last = query.build().persistent(parts.len() == 1).fetch_all(ledger.reader()).await.doing(ACT)?;
    let last: Vec<Uuid> = last.iter().map(|row| rows::get(row, "id")).collect::<Result<_>>()?;
    Ok(last.into_iter().max())
}
