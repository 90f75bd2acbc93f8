//! Accept: payments and their deliveries, in one transaction.

use super::shared::rows;
use super::{SqliteLedger, json};
use crate::accepting::{Made, Tally};
use crate::engine::{AcceptTerms, Accepted, ClaimAhead};
use crate::error::Doing;
use crate::numbers::micros;
use crate::{Result, StoreError};
use paybell_delivery::{DeliveryId, EndpointId, Job, MerchantId, Payment, PaymentId, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Row, Sqlite, SqliteConnection};
use uuid::Uuid;

const ACT: &str = "accept payments";

const INSERT_PAYMENTS: &str = "
INSERT INTO payments (id, merchant_id, gateway_payment_id, kind, pay_for, amount_minor, currency, balance_minor,
    balance_currency, method, description, payer_email, payer_phone, data, confirmed_at, accepted_at, test)
SELECT unhex(item.value ->> 'id'), m.id, item.value ->> 'gateway_payment_id', item.value ->> 'kind',
    item.value ->> 'pay_for', item.value ->> 'amount_minor', item.value ->> 'currency',
    item.value ->> 'balance_minor', item.value ->> 'balance_currency', item.value ->> 'method',
    item.value ->> 'description', item.value ->> 'payer_email', item.value ->> 'payer_phone',
    item.value ->> 'data', item.value ->> 'confirmed_at', $2, item.value ->> 'test'
FROM jsonb_each($1) item CROSS JOIN merchants m ON m.id = item.value ->> 'merchant_id' AND m.deleted_at IS NULL
WHERE true
ON CONFLICT (gateway_payment_id, merchant_id) DO NOTHING";

/// The payments that the statement before inserted, of which there were `$1`: SQLite numbers the rows of a table one after the
/// other. In one row, as all that is told here: the thread of a connection wakes its reader for each row, by two system calls.
const TELL_PAYMENTS: &str =
    "SELECT json_group_array(hex(id)) AS told FROM payments WHERE rowid > last_insert_rowid() - $1";

/// A delivery's id is the first eight bytes of its payment's and eight random ones in the variant of RFC 9562.
/// What is claimed ahead holds for `$5`, of merchants that are not among `$6`. What is for an endpoint that parks is parked.
const INSERT_DELIVERIES: &str = "
INSERT INTO deliveries (id, payment_id, endpoint_id, amount_minor, currency, due_at, deadline_at, created_at, claimed_at,
    claimed_until, attempts, in_doubt, state)
SELECT unhex(hex(substr(payment_id, 1, 8)) || '8' || substr(hex(randomblob(8)), 2)), payment_id, endpoint_id,
    amount_minor, currency, $2 + iif(parks, life, min($4, life / 2)), $2 + life, $2, iif(ahead, $2, NULL), iif(ahead, $2 + $5, NULL), ahead, 0, 'pending'
FROM (
    SELECT p.id AS payment_id, p.amount_minor, p.currency, e.id AS endpoint_id, min(ifnull(e.lifetime_us, $3), $3) AS life,
        (e.paused_at IS NOT NULL OR e.failing_since IS NOT NULL) AND e.id IN endpoints_that_park AS parks,
        $5 IS NOT NULL AND e.paused_at IS NULL AND e.failing_since IS NULL
            AND p.merchant_id NOT IN (SELECT value FROM jsonb_each($6)) AS ahead
    FROM jsonb_each($1) item CROSS JOIN payments p ON p.id = unhex(item.value)
        CROSS JOIN endpoints e ON e.merchant_id = p.merchant_id AND e.deleted_at IS NULL
)";

/// The deliveries of the new payments `$1`, each as a [`Told`], a payment's in the order of its endpoints.
const TELL_DELIVERIES: &str = "
SELECT json_group_array(json_array(hex(d.payment_id), hex(d.id), hex(d.endpoint_id), d.deadline_at, d.attempts,
    e.concurrency_max, e.version, e.paused_at IS NOT NULL OR e.failing_since IS NOT NULL) ORDER BY e.id) AS told
FROM jsonb_each($1) item CROSS JOIN deliveries d ON d.payment_id = unhex(item.value)
    CROSS JOIN endpoints e ON e.id = d.endpoint_id";

/// Of a delivery: its payment's id, its own, its endpoint's, its deadline, its attempts, its endpoint's cap and version, and
/// whether that takes nothing now.
type Told = (Uuid, Uuid, Uuid, i64, u32, u32, i64, u8);

/// What was accepted before, with its deliveries of that time.
const FIND: &str = concat!(
    "SELECT ",
    payment_columns!(),
    ", d.id AS delivery_id, d.endpoint_id
    FROM jsonb_each($1) item
    CROSS JOIN payments p ON p.gateway_payment_id = item.value ->> 1 AND p.merchant_id = item.value ->> 0
    LEFT JOIN deliveries d ON d.payment_id = p.id AND d.resend_of IS NULL
    ORDER BY d.id"
);

/// A payment as its statement reads it.
#[derive(Serialize)]
struct Item<'a> {
    id: String,
    merchant_id: &'a str,
    gateway_payment_id: &'a str,
    kind: &'a str,
    pay_for: Option<&'a str>,
    amount_minor: i64,
    currency: &'static str,
    balance_minor: Option<i64>,
    balance_currency: Option<&'static str>,
    method: Option<&'a str>,
    description: Option<&'a str>,
    payer_email: Option<&'a str>,
    payer_phone: Option<&'a str>,
    data: Option<&'a str>,
    confirmed_at: i64,
    test: bool,
}

impl SqliteLedger {
    pub(super) async fn accept(
        &self,
        payments: &[Payment],
        terms: &AcceptTerms,
        ahead: Option<&ClaimAhead>,
    ) -> Result<Vec<Accepted>> {
        let mut tally = Tally::new(payments)?;
        let mut tx = self.begin(ACT).await?;
        let new = insert_payments(&mut tx, &mut tally, payments, terms).await?;
        if !new.is_empty() {
            insert_deliveries(&mut tx, &mut tally, &new, (terms, ahead)).await?;
        }
        let missing = tally.not_inserted();
        if !missing.is_empty() {
            find(&mut tx, &mut tally, &missing).await?;
        }
        tx.commit().await.doing(ACT)?;
        Ok(tally.answers(terms.now))
    }
}

async fn insert_payments(
    tx: &mut SqliteConnection,
    tally: &mut Tally<'_>,
    payments: &[Payment],
    terms: &AcceptTerms,
) -> Result<Vec<String>> {
    let items: Vec<Item<'_>> = payments.iter().map(Item::from).collect();
    let insert = sqlx::query(INSERT_PAYMENTS).bind(json(&items)?).bind(terms.now.0);
    let count = insert.execute(&mut *tx).await.doing(ACT)?.rows_affected();
    let new: Vec<Uuid> = match usize::try_from(count) {
        Ok(0) => Vec::new(),
        Ok(all) if all == payments.len() => payments.iter().map(|payment| payment.id.0).collect(),
        _ => tell(tx, sqlx::query(TELL_PAYMENTS).bind(i64::try_from(count).unwrap_or(i64::MAX))).await?,
    };
    new.iter().for_each(|id| tally.inserted(PaymentId(*id), None));
    Ok(new.iter().map(|id| id.simple().to_string()).collect())
}

async fn insert_deliveries(
    tx: &mut SqliteConnection,
    tally: &mut Tally<'_>,
    new: &[String],
    (terms, ahead): (&AcceptTerms, Option<&ClaimAhead>),
) -> Result<()> {
    let except: Vec<&str> = ahead.iter().flat_map(|ahead| &ahead.except).map(MerchantId::as_str).collect();
    let new = json(&new)?;
    let insert = sqlx::query(INSERT_DELIVERIES).bind(new.as_str()).bind(terms.now.0);
    let insert = insert.bind(micros(terms.lifetime)).bind(micros(terms.grace));
    let insert = insert.bind(ahead.map(|ahead| micros(ahead.visibility))).bind(json(&except)?);
    insert.execute(&mut *tx).await.doing(ACT)?;
    for (payment, delivery, endpoint, deadline_at, attempts, concurrency_max, endpoint_version, closed) in
        tell::<Told>(tx, sqlx::query(TELL_DELIVERIES).bind(new)).await?
    {
        let (delivery_id, endpoint_id) = (DeliveryId(delivery), EndpointId(endpoint));
        let job = Job { delivery_id, endpoint_id, attempts, concurrency_max };
        let deadline_at = Timestamp(deadline_at);
        tally.inserted(PaymentId(payment), Some(Made { job, endpoint_version, closed: closed != 0, deadline_at }));
    }
    Ok(())
}

/// What a statement tells, as JSON in one row.
async fn tell<T: DeserializeOwned>(
    tx: &mut SqliteConnection,
    query: Query<'_, Sqlite, SqliteArguments>,
) -> Result<Vec<T>> {
    let told: String = query.fetch_one(tx).await.doing(ACT)?.try_get("told").doing(ACT)?;
    serde_json::from_str(&told).map_err(|e| StoreError::Unreadable(format!("what was accepted: {e}")))
}

async fn find(tx: &mut SqliteConnection, tally: &mut Tally<'_>, missing: &[&Payment]) -> Result<()> {
    let keys: Vec<_> = missing.iter().map(|p| (p.merchant_id.as_str(), p.gateway_payment_id.as_str())).collect();
    for row in sqlx::query(FIND).bind(json(&keys)?).fetch_all(tx).await.doing(ACT)? {
        tally.found(rows::found(&row)?);
    }
    Ok(())
}

impl<'a> From<&'a Payment> for Item<'a> {
    fn from(payment: &'a Payment) -> Self {
        Self {
            id: payment.id.0.simple().to_string(),
            merchant_id: payment.merchant_id.as_str(),
            gateway_payment_id: &payment.gateway_payment_id,
            kind: &payment.kind,
            pay_for: payment.pay_for.as_deref(),
            amount_minor: payment.amount.amount_minor,
            currency: payment.amount.currency.code(),
            balance_minor: payment.balance.map(|money| money.amount_minor),
            balance_currency: payment.balance.map(|money| money.currency.code()),
            method: payment.method.as_deref(),
            description: payment.description.as_deref(),
            payer_email: payment.payer_email.as_deref(),
            payer_phone: payment.payer_phone.as_deref(),
            data: payment.data.as_deref(),
            confirmed_at: payment.confirmed_at.0,
            test: payment.test,
        }
    }
}
