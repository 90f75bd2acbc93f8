//! Database rows → domain values.

use super::{Db, Row};
use crate::accepting::Found;
use crate::engine::{Claim, ClaimedDelivery, Dispatched};
use crate::error::Doing;
use crate::numbers::{duration, natural};
use crate::{Result, StoreError};
use paybell_delivery::{
    Attempt, Delivery, DeliveryId, Endpoint, EndpointId, Failing, Job, MerchantId, Money, Pause, Payment, PaymentId,
    Timestamp, release_limit,
};
use sqlx::{Decode, Row as _, Type};
use std::collections::HashMap;
use std::error::Error;
use std::str::FromStr;
use uuid::Uuid;

/// One column of a row.
pub(in super::super) fn get<'r, T>(row: &'r Row, column: &str) -> Result<T>
where
    T: Decode<'r, Db> + Type<Db>,
{
    row.try_get(column).doing("read a row")
}

pub(in super::super) fn time(row: &Row, column: &str) -> Result<Timestamp> {
    get(row, column).map(Timestamp)
}

pub(in super::super) fn time_if_any(row: &Row, column: &str) -> Result<Option<Timestamp>> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp))
}

/// A word or code that is parsed.
pub(super) fn word<T: FromStr>(row: &Row, column: &str) -> Result<T>
where
    T::Err: ToString,
{
    get::<&str>(row, column)?.parse().map_err(|e: T::Err| StoreError::Unreadable(e.to_string()))
}

pub(in super::super) fn merchant_id(row: &Row, column: &str) -> Result<MerchantId> {
    let id: String = get(row, column)?;
    MerchantId::new(id.as_str()).ok_or_else(|| StoreError::Unreadable(format!("{id:?} is not a merchant's id")))
}

pub(in super::super) fn payment(row: &Row) -> Result<Payment> {
    Ok(Payment {
        id: PaymentId(get(row, "payment_id")?),
        merchant_id: merchant_id(row, "merchant_id")?,
        gateway_payment_id: get(row, "gateway_payment_id")?,
        kind: get(row, "kind")?,
        pay_for: get(row, "pay_for")?,
        amount: amount(row)?,
        balance: balance(row)?,
        method: get(row, "method")?,
        description: get(row, "description")?,
        payer_email: get(row, "payer_email")?,
        payer_phone: get(row, "payer_phone")?,
        data: get(row, "data")?,
        confirmed_at: time(row, "confirmed_at")?,
        accepted_at: time(row, "accepted_at")?,
        test: get(row, "test")?,
    })
}

/// A payment's amount.
pub(super) fn amount(row: &Row) -> Result<Money> {
    Ok(Money { amount_minor: get(row, "amount_minor")?, currency: word(row, "currency")? })
}

fn balance(row: &Row) -> Result<Option<Money>> {
    let amount: Option<i64> = get(row, "balance_minor")?;
    amount.map(|amount_minor| Ok(Money { amount_minor, currency: word(row, "balance_currency")? })).transpose()
}

pub(super) fn delivery(row: &Row) -> Result<Delivery> {
    let reason: Option<&str> = get(row, "reason")?;
    Ok(Delivery {
        id: DeliveryId(get(row, "delivery_id")?),
        payment_id: PaymentId(get(row, "payment_id")?),
        endpoint_id: EndpointId(get(row, "endpoint_id")?),
        state: word(row, "state")?,
        reason: reason.map(str::parse).transpose()?,
        attempts: natural(get(row, "attempts")?),
        due_at: time(row, "due_at")?,
        deadline_at: time(row, "deadline_at")?,
        claimed_at: time_if_any(row, "claimed_at")?,
        resend_of: get::<Option<Uuid>>(row, "resend_of")?.map(DeliveryId),
        created_at: time(row, "created_at")?,
        finished_at: time_if_any(row, "finished_at")?,
        settled_by: get(row, "settled_by")?,
        settled_note: get(row, "settled_note")?,
    })
}

pub(super) fn endpoint(row: &Row) -> Result<Endpoint> {
    let unreadable = |e: serde_json::Error| StoreError::Unreadable(e.to_string());
    let (options, parameters): (&str, &str) = (get(row, "options")?, get(row, "parameters")?);
    let paused_by: Option<String> = get(row, "paused_by")?;
    Ok(Endpoint {
        id: EndpointId(get(row, "id")?),
        merchant_id: merchant_id(row, "merchant_id")?,
        url: get(row, "url")?,
        check_url: get(row, "check_url")?,
        dialect: get(row, "dialect")?,
        parameters: serde_json::from_str(parameters).map_err(unreadable)?,
        options: serde_json::from_str(options).map_err(unreadable)?,
        concurrency_max: natural(get(row, "concurrency_max")?),
        time_limit: get::<Option<i64>>(row, "time_limit_us")?.map(duration),
        lifetime: get::<Option<i64>>(row, "lifetime_us")?.map(duration),
        pause: time_if_any(row, "paused_at")?.zip(paused_by).map(|(at, by)| Pause { at, by }),
        failing: failing(row)?,
        version: get(row, "version")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        deleted_at: time_if_any(row, "deleted_at")?,
    })
}

fn failing(row: &Row) -> Result<Option<Failing>> {
    let Some(since) = time_if_any(row, "failing_since")? else { return Ok(None) };
    Ok(Some(Failing { since, probes: natural(get(row, "probes")?), probe_at: time_if_any(row, "probe_at")? }))
}

pub(super) fn attempt(row: &Row) -> Result<Attempt> {
    Ok(Attempt {
        delivery_id: DeliveryId(get(row, "delivery_id")?),
        number: natural(get(row, "number")?),
        started_at: time(row, "started_at")?,
        duration: get::<Option<i64>>(row, "duration_us")?.map(duration),
        outcome: word(row, "outcome")?,
        detail: get(row, "detail")?,
        status: get::<Option<i32>>(row, "status")?.and_then(|status| status.try_into().ok()),
        response_head: get(row, "response_head")?,
        response_body: get(row, "response_body")?,
    })
}

/// The job of a delivery that was just made.
pub(in super::super) fn new_job(row: &Row) -> Result<Job> {
    Ok(Job {
        delivery_id: DeliveryId(get(row, "delivery_id")?),
        endpoint_id: EndpointId(get(row, "endpoint_id")?),
        attempts: 0,
        concurrency_max: natural(get(row, "concurrency_max")?),
    })
}

/// The job of a delivery that is handed out.
pub(in super::super) fn job(row: &Row) -> Result<Job> {
    Ok(Job { attempts: natural(get(row, "attempts")?), ..new_job(row)? })
}

/// An endpoint whose parked deliveries may be released, with how many at once while that is ramped.
pub(in super::super) fn open(row: &Row, now: Timestamp) -> Result<(Uuid, Option<u32>)> {
    Ok((get(row, "id")?, release_limit(time_if_any(row, "reopened_at")?, now)))
}

/// A payment that was accepted before, with one of its deliveries.
pub(in super::super) fn found(row: &Row) -> Result<Found> {
    let delivery_id: Option<Uuid> = get(row, "delivery_id")?;
    let endpoint_id: Option<Uuid> = get(row, "endpoint_id")?;
    let delivery =
        delivery_id.zip(endpoint_id).map(|(delivery, endpoint)| (DeliveryId(delivery), EndpointId(endpoint)));
    Ok(Found { payment: payment(row)?, delivery })
}

/// What became of each job, given the rows of those that were won. The claims are committed by now, so a row that cannot
/// be read must not spoil the others: its own claim runs out.
pub(in super::super) fn claims(jobs: &[Job], rows: &[Row]) -> Vec<Claim> {
    let mut won = HashMap::with_capacity(rows.len());
    for row in rows {
        match claimed(row) {
            Ok(claimed) => drop(won.insert((claimed.delivery_id, claimed.attempt), claimed)),
            Err(error) => {
                let delivery = get::<Uuid>(row, "delivery_id").unwrap_or_default();
                tracing::error!(delivery.id = %delivery, error = &error as &dyn Error, "a claimed delivery is unreadable");
            }
        }
    }
    let mut outcome = |job: &Job| match won.remove(&(job.delivery_id, job.attempts.saturating_add(1))) {
        Some(claimed) => Claim::Won(Box::new(claimed)),
        None => Claim::Lost,
    };
    jobs.iter().map(&mut outcome).collect()
}

fn claimed(row: &Row) -> Result<ClaimedDelivery> {
    Ok(ClaimedDelivery {
        delivery_id: DeliveryId(get(row, "delivery_id")?),
        endpoint_id: EndpointId(get(row, "endpoint_id")?),
        endpoint_version: get(row, "version")?,
        attempt: natural(get(row, "attempts")?),
        in_doubt: get(row, "in_doubt")?,
        created_at: time(row, "created_at")?,
        deadline_at: time(row, "deadline_at")?,
        claimed_at: time(row, "claimed_at")?,
        probes: get::<Option<i32>>(row, "failed_probes")?.map(natural),
        payment: payment(row)?,
    })
}

/// What was done with the rows that were due.
pub(in super::super) fn dispatched(rows: &[Row], limit: u32) -> Result<Dispatched> {
    let (found, more) = (rows.len(), u32::try_from(rows.len()).is_ok_and(|n| n >= limit));
    let mut dispatched = Dispatched { found, more, ..Default::default() };
    for row in rows {
        dispatched.last_due_at = dispatched.last_due_at.max(Some(time(row, "due_at")?));
        if get(row, "held")? {
            continue;
        }
        if get(row, "expired")? {
            dispatched.expired += 1;
        } else if get(row, "closed")? {
            dispatched.parked += 1;
        } else {
            dispatched.recovered += u64::from(get::<bool>(row, "lapsed")?);
            dispatched.jobs.push(job(row)?);
        }
    }
    Ok(dispatched)
}
