//! The rows that remain of a delivered payment, written once: the payment, its delivery, its attempt.

use super::Parsed;
use super::serve::{BATCH, BATCHES_AT_ONCE};
use crate::payment::payment;
use anyhow::Result;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::task::JoinSet;
use uuid::Uuid;

/// The rows that a payment leaves in the engine's database.
const ROWS_EACH: usize = 3;

const WRITE: &str = "
WITH item AS MATERIALIZED (
    SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::int8[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::text[], $13::text[])
    AS item (payment_id, delivery_id, endpoint_id, merchant_id, gateway_payment_id, pay_for, amount_minor, currency,
        method, description, payer_email, payer_phone, data)
), payment AS (
    INSERT INTO payments (id, merchant_id, gateway_payment_id, kind, pay_for, amount_minor, currency, method,
        description, payer_email, payer_phone, data, confirmed_at, accepted_at, test)
    SELECT payment_id, merchant_id, gateway_payment_id, 'payment.confirmed', pay_for, amount_minor, currency, method,
        description, payer_email, payer_phone, data, $14, $14, false
    FROM item
), delivery AS (
    INSERT INTO deliveries (id, payment_id, endpoint_id, amount_minor, currency, due_at, deadline_at, created_at,
        finished_at, attempts, in_doubt, state)
    SELECT delivery_id, payment_id, endpoint_id, amount_minor, currency, $14, $14 + 259200000000, $14, $14, 1, false,
        'delivered'
    FROM item
)
INSERT INTO attempts (delivery_id, number, status, started_at, duration_us, outcome, detail, response_head,
    response_body)
SELECT delivery_id, 1, 200, $14, 500, 'acknowledged', '200, a 2xx status', $15, 'ok' FROM item";

/// The header lines of the sink's answers.
const RESPONSE_HEAD: &str = "content-length: 2\ndate: Fri, 02 Jan 2026 03:04:05 GMT\n";

/// The columns of a batch.
#[derive(Default)]
pub(crate) struct Batch<'a> {
    payment_ids: Vec<Uuid>,
    delivery_ids: Vec<Uuid>,
    endpoint_ids: Vec<Uuid>,
    merchants: Vec<&'a str>,
    ids: Vec<&'a str>,
    pay_for: Vec<Option<&'a str>>,
    amounts: Vec<i64>,
    currencies: Vec<&'a str>,
    methods: Vec<Option<&'a str>>,
    descriptions: Vec<Option<&'a str>>,
    payer_emails: Vec<Option<&'a str>>,
    payer_phones: Vec<Option<&'a str>>,
    data: Vec<Option<&'a str>>,
}

impl<'a> Batch<'a> {
    pub(crate) fn with_capacity(payments: usize) -> Self {
        Self { payment_ids: Vec::with_capacity(payments), ..Self::default() }
    }

    /// Adds a payment to one endpoint.
    pub(crate) fn push(&mut self, payment: &Parsed<'a>) {
        self.payment_ids.push(Uuid::now_v7());
        self.delivery_ids.push(Uuid::now_v7());
        // The merchant's endpoint, told by its name.
        let mut endpoint = [0; 16];
        endpoint.iter_mut().zip(payment.merchant.bytes().rev()).for_each(|(to, from)| *to = from);
        self.endpoint_ids.push(Uuid::from_bytes(endpoint));
        self.merchants.push(payment.merchant);
        self.ids.push(payment.id);
        self.pay_for.push(payment.pay_for);
        self.amounts.push(payment.amount);
        self.currencies.push(payment.currency);
        self.methods.push(payment.method);
        self.descriptions.push(payment.description);
        self.payer_emails.push(payment.payer_email);
        self.payer_phones.push(payment.payer_phone);
        self.data.push(payment.data.map(serde_json::value::RawValue::get));
    }
}

/// Writes a batch in one statement, which is one transaction.
pub(crate) async fn write(pool: &PgPool, batch: &Batch<'_>) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    sqlx::query(WRITE)
        .bind(&batch.payment_ids)
        .bind(&batch.delivery_ids)
        .bind(&batch.endpoint_ids)
        .bind(&batch.merchants)
        .bind(&batch.ids)
        .bind(&batch.pay_for)
        .bind(&batch.amounts)
        .bind(&batch.currencies)
        .bind(&batch.methods)
        .bind(&batch.descriptions)
        .bind(&batch.payer_emails)
        .bind(&batch.payer_phones)
        .bind(&batch.data)
        .bind(i64::try_from(now.as_micros())?)
        .bind(RESPONSE_HEAD)
        .execute(pool)
        .await?;
    Ok(())
}

/// Writes batches as fast as it goes for so many seconds. Answers rows a second.
pub(crate) async fn measure_rows(database_url: &str, seconds: u64) -> Result<f64> {
    let pool = PgPoolOptions::new().max_connections(BATCHES_AT_ONCE as u32).connect(database_url).await?;
    let numbers = Arc::new(AtomicUsize::new(1_000_000_000));
    let begun = Instant::now();
    let mut writers = JoinSet::new();
    for _ in 0..BATCHES_AT_ONCE {
        let (pool, numbers) = (pool.clone(), numbers.clone());
        writers.spawn(async move {
            let mut written = 0;
            while begun.elapsed() < Duration::from_secs(seconds) {
                let first = numbers.fetch_add(BATCH, Relaxed);
                let bodies: Vec<String> =
                    (first..first + BATCH).map(|number| payment(number, &format!("floor-{}", number % 20))).collect();
                let mut batch = Batch::default();
                for body in &bodies {
                    batch.push(&super::parse(body)?);
                }
                write(&pool, &batch).await?;
                written += BATCH * ROWS_EACH;
            }
            anyhow::Ok(written)
        });
    }
    let mut rows = 0;
    while let Some(written) = writers.join_next().await {
        rows += written??;
    }
    Ok(rows as f64 / begun.elapsed().as_secs_f64())
}
