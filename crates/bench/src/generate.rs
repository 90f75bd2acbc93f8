//! Deliveries written straight into the database, as the engine would have left them: the payment, its delivery, one
//! attempt.

use crate::database::Database;
use crate::payment::{ID_PREFIX, STOCK_MARK};
use anyhow::{Result, ensure};
use sqlx::{PgPool, Row};
use std::ops::Range;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Rows of one statement.
const CHUNK: u64 = 50_000;

pub(crate) const HOUR_US: i64 = 3_600_000_000;

/// Number n goes to the endpoints in turn. Ids rise with time as the engine's do. The endpoints are those whose merchant's
/// name begins with $3; $4 is the present, and n comes due at $5 + n × $6, unless it is delivered ($7).
const GENERATE: &str = "
WITH target AS MATERIALIZED (
    SELECT array_agg(id ORDER BY merchant_id, id) AS ids, array_agg(merchant_id ORDER BY merchant_id, id) AS merchants
    FROM endpoints WHERE starts_with(merchant_id, $3)
), item AS MATERIALIZED (
    SELECT n, target.ids[1 + n % cardinality(target.ids)] AS endpoint_id,
        target.merchants[1 + n % cardinality(target.ids)] AS merchant_id,
        (time || '7' || substr(hash, 1, 3) || '8' || substr(hash, 4, 15))::uuid AS payment_id,
        (time || '7' || substr(hash, 1, 3) || '8' || substr(hash, 17, 15))::uuid AS delivery_id
    FROM target, generate_series($1::int8, $2::int8 - 1) AS n,
        LATERAL (SELECT md5(n::text) AS hash, lpad(to_hex($4 / 1000 - 600000 + n / 100), 12, '0') AS time OFFSET 0) id
), payment AS (
    INSERT INTO payments (id, merchant_id, gateway_payment_id, kind, pay_for, amount_minor, currency, method,
        description, payer_email, payer_phone, data, confirmed_at, accepted_at, test)
    SELECT payment_id, merchant_id, $8 || n, 'payment.confirmed', 'order-' || n, 100 + n % 100000, 'EUR', 'card',
        'Order ' || n || ' of a shop that sells things, with a description of the usual length for such a thing',
        'payer' || n % 1000 || '@example.com', '+49 30 1234567', $9, $4 - 600000000, $4 - 600000000, false
    FROM item
), delivery AS (
    INSERT INTO deliveries (id, payment_id, endpoint_id, amount_minor, currency, due_at, deadline_at, created_at,
        finished_at, attempts, in_doubt, state)
    SELECT delivery_id, payment_id, endpoint_id, 100 + n % 100000, 'EUR', ($5 + n * $6)::int8, $4 + 258600000000,
        $4 - 600000000, CASE WHEN $7 THEN $4 END, 1, false, CASE WHEN $7 THEN 'delivered' ELSE 'pending' END
    FROM item
)
INSERT INTO attempts (delivery_id, number, status, started_at, duration_us, outcome, detail, response_head,
    response_body)
SELECT delivery_id, 1, CASE WHEN $7 THEN 200 ELSE 503 END, $4 - 1000000, 500,
    CASE WHEN $7 THEN 'acknowledged' ELSE 'wrong_status' END,
    CASE WHEN $7 THEN '200, a 2xx status' ELSE '503, not a 2xx status' END,
    E'content-length: 2\\ndate: Fri, 02 Jan 2026 03:04:05 GMT\\n', 'ok'
FROM item";

/// The `data` of the payments that the gateway sends.
pub(crate) const DATA: &str = r#"{"channel":"web","language":"en","cart":["a book","a lamp","two chairs"],"campaign":"spring","note":"leave it at the door, please; the bell does not ring"}"#;

/// What is generated.
#[derive(Clone, Debug)]
pub(crate) struct Stock {
    /// The numbers; those of several stocks in one database must not overlap.
    pub(crate) numbers: Range<u64>,
    /// For endpoints of the merchants whose names begin so.
    pub(crate) merchants: &'static str,
    pub(crate) state: StockState,
}

/// Where the deliveries stand.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StockState {
    /// Pending, coming due evenly over a span of time, in µs since 1970.
    Due {
        /// The first.
        from_us: i64,
        /// The last.
        until_us: i64,
    },
    Delivered,
}

impl StockState {
    /// Pending for the next retries: from one hour on, over two days.
    pub(crate) fn later() -> Result<Self> {
        let now = now_us()?;
        Ok(StockState::Due { from_us: now + HOUR_US, until_us: now + 49 * HOUR_US })
    }
}

/// The present in µs since 1970. All is on one machine, so this is the database's clock too.
pub(crate) fn now_us() -> Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?)
}

/// Writes them, without durability meanwhile, and shows how far it is.
pub(crate) async fn generate(database: &Database, stocks: &[Stock]) -> Result<()> {
    database.relax().await?;
    for stock in stocks {
        write_stock(&database.pool, stock).await?;
    }
    database.harden().await
}

async fn write_stock(pool: &PgPool, stock: &Stock) -> Result<()> {
    let now = now_us()?;
    in_chunks(&stock.numbers, |numbers| write_chunk(pool, stock, numbers, now)).await
}

/// Writes the deliveries with these numbers, two chunks at a time, and shows how far it is. `write` answers how many rows
/// it wrote.
pub(crate) async fn in_chunks<F>(numbers: &Range<u64>, write: impl Fn(Range<u64>) -> F) -> Result<()>
where
    F: Future<Output = Result<u64>>,
{
    let (start, end) = (numbers.start, numbers.end);
    let count = end - start;
    let (begun, mut told) = (Instant::now(), Instant::now());
    let (mut from, mut written) = (start, 0);
    while from < end {
        let until = end.min(from + 2 * CHUNK);
        let middle = from + (until - from) / 2;
        let (first, second) = tokio::try_join!(write(from..middle), write(middle..until))?;
        written += first + second;
        from = until;
        if told.elapsed() > Duration::from_secs(5) {
            told = Instant::now();
            eprintln!("{} of {count} deliveries are generated, {:.0} s", from - start, begun.elapsed().as_secs_f64());
        }
    }
    ensure!(written == count, "{written} of {count} deliveries were generated: is there an endpoint?");
    Ok(())
}

async fn write_chunk(pool: &PgPool, stock: &Stock, numbers: Range<u64>, now: i64) -> Result<u64> {
    let (first_due, due_each) = dues(stock, now);
    let written = sqlx::query(GENERATE)
        .bind(i64::try_from(numbers.start)?)
        .bind(i64::try_from(numbers.end)?)
        .bind(stock.merchants)
        .bind(now)
        .bind(first_due)
        .bind(due_each)
        .bind(matches!(stock.state, StockState::Delivered))
        .bind(format!("{ID_PREFIX}{STOCK_MARK}"))
        .bind(DATA)
        .execute(pool)
        .await?;
    Ok(written.rows_affected())
}

/// When number 0 would come due, and how much later each next one, in µs.
fn dues(stock: &Stock, now: i64) -> (f64, f64) {
    match stock.state {
        StockState::Delivered => (now as f64, 0.0),
        StockState::Due { from_us, until_us } => {
            let count = (stock.numbers.end - stock.numbers.start).max(1) as f64;
            let each = (until_us - from_us) as f64 / count;
            (from_us as f64 - each * stock.numbers.start as f64, each)
        }
    }
}

/// How many of the generated deliveries with these numbers are still pending.
pub(crate) async fn still_pending(pool: &PgPool) -> Result<i64> {
    let pending = sqlx::query("SELECT count(*) FROM deliveries WHERE state = 'pending'");
    Ok(pending.fetch_one(pool).await?.try_get(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stock_comes_due_evenly_over_its_span() {
        for (numbers, from_us, until_us) in [(0..100, 1_000, 2_000), (500..600, 1_000, 2_000), (7..10, 5, 5)] {
            let stock =
                Stock { numbers: numbers.clone(), merchants: "m", state: StockState::Due { from_us, until_us } };
            let (first, each) = dues(&stock, 0);
            let due = |number: u64| first + each * number as f64;
            assert!((due(numbers.start) - from_us as f64).abs() < 1e-6, "{numbers:?}");
            assert!((due(numbers.end) - until_us as f64).abs() < 1e-6, "{numbers:?}");
        }
    }
}
