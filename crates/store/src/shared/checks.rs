//! Checks: one, lists of them, those of a key, and those before a payment.

use super::{Builder, Row, This, rows};
use crate::Result;
use crate::error::Doing;
use crate::manage::{CheckFilter, Page, PageRequest};
use crate::numbers::duration;
use crate::page::{after, id_ceiling, id_floor, page, rows_wanted};
use paybell_delivery::{Check, CheckId, CheckQuestion, EndpointId, MerchantId, Money, Payment, Timestamp};
use std::time::Duration;
use uuid::Uuid;

const SELECT: &str = concat!("SELECT ", check_columns!(), " FROM checks WHERE ");

/// For how long a check counts as one of the payment that follows it.
const BELONGS_FOR: Duration = Duration::from_secs(24 * 3600);
/// The most checks that are shown beside a payment.
const BESIDE_MAX: i64 = 20;

pub(super) async fn find(ledger: &This, id: CheckId) -> Result<Option<Check>> {
    const FIND: &str = concat!("SELECT ", check_columns!(), " FROM checks WHERE id = $1");
    let rows = ledger.look_up("read a check", sqlx::query(FIND).bind(id.0)).await?;
    rows.first().map(read).transpose()
}

pub(super) async fn by_key(ledger: &This, merchant: &MerchantId, key: &str, since: Timestamp) -> Result<Option<Check>> {
    const FIND: &str = concat!(
        "SELECT ",
        check_columns!(),
        " FROM checks WHERE merchant_id = $1 AND key = $2 AND asked_at >= $3 ORDER BY asked_at, id LIMIT 1"
    );
    let find = sqlx::query(FIND).bind(merchant.as_str()).bind(key).bind(since.0);
    let rows = ledger.look_up("look for a check by its key", find).await?;
    rows.first().map(read).transpose()
}

pub(super) async fn list(ledger: &This, filter: &CheckFilter, request: &PageRequest) -> Result<Page<Check>> {
    const ACT: &str = "list checks";
    let mut query = Builder::new(concat!("SELECT ", check_columns!(), " FROM checks WHERE true"));
    restrict(&mut query, filter);
    if let Some(after) = after::<Uuid>(request)? {
        query.push(" AND id < ").push_bind(after);
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(rows_wanted(request));
    let rows = query.build().fetch_all(ledger.reader()).await.doing(ACT)?;
    Ok(page(rows.iter().map(read).collect::<Result<_>>()?, request, |check: &Check| check.id))
}

/// Those that were asked for the same order in the day before the payment was accepted, the newest first.
pub(super) async fn before(ledger: &This, payment: &Payment) -> Result<Vec<Check>> {
    let Some(pay_for) = &payment.pay_for else { return Ok(Vec::new()) };
    let (since, until) = (payment.accepted_at.before(BELONGS_FOR), payment.accepted_at);
    let mut query = Builder::new(SELECT);
    query.push("merchant_id = ").push_bind(payment.merchant_id.as_str().to_owned());
    query.push(" AND pay_for = ").push_bind(pay_for.clone());
    query.push(" AND id >= ").push_bind(id_floor(since)).push(" AND id < ").push_bind(id_ceiling(until));
    query.push(" AND asked_at >= ").push_bind(since.0).push(" AND asked_at <= ").push_bind(until.0);
    query.push(" ORDER BY id DESC LIMIT ").push_bind(BESIDE_MAX);
    let rows = query.build().fetch_all(ledger.reader()).await.doing("read the checks of a payment")?;
    rows.iter().map(read).collect()
}

fn restrict(query: &mut Builder, filter: &CheckFilter) {
    let CheckFilter { merchant_id, endpoint_id, pay_for, answer, asked_since, asked_before } = filter;
    if let Some(merchant) = merchant_id {
        query.push(" AND merchant_id = ").push_bind(merchant.as_str().to_owned());
    }
    if let Some(endpoint) = endpoint_id {
        query.push(" AND endpoint_id = ").push_bind(endpoint.0);
    }
    if let Some(pay_for) = pay_for {
        query.push(" AND pay_for = ").push_bind(pay_for.clone());
    }
    if let Some(answer) = answer {
        query.push(" AND answer = ").push_bind(answer.as_str());
    }
    if let Some(since) = asked_since {
        query.push(" AND asked_at >= ").push_bind(since.0).push(" AND id >= ").push_bind(id_floor(*since));
    }
    if let Some(before) = asked_before {
        query.push(" AND asked_at < ").push_bind(before.0).push(" AND id < ").push_bind(id_ceiling(*before));
    }
}

fn read(row: &Row) -> Result<Check> {
    Ok(Check {
        id: CheckId(rows::get(row, "id")?),
        question: question(row)?,
        endpoint_id: rows::get::<Option<Uuid>>(row, "endpoint_id")?.map(EndpointId),
        answer: rows::word(row, "answer")?,
        reason: rows::get(row, "reason")?,
        code: rows::get(row, "code")?,
        comment: rows::get(row, "comment")?,
        status: rows::get::<Option<i32>>(row, "status")?.and_then(|status| status.try_into().ok()),
        response_head: rows::get(row, "response_head")?,
        response_body: rows::get(row, "response_body")?,
        asked_at: rows::time(row, "asked_at")?,
        duration: duration(rows::get(row, "duration_us")?),
    })
}

fn question(row: &Row) -> Result<CheckQuestion> {
    Ok(CheckQuestion {
        merchant_id: rows::merchant_id(row, "merchant_id")?,
        key: rows::get(row, "key")?,
        pay_for: rows::get(row, "pay_for")?,
        amount: Money { amount_minor: rows::get(row, "amount_minor")?, currency: rows::word(row, "currency")? },
        method: rows::get(row, "method")?,
        payer_email: rows::get(row, "payer_email")?,
        payer_phone: rows::get(row, "payer_phone")?,
        data: rows::get(row, "data")?,
        test: rows::get(row, "test")?,
    })
}
