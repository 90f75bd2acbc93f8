//! Three days of a gateway's life, straight into the database: what waits, was delivered, was given up and settled, over
//! the merchants whose names begin alike, some of them failing and paused; with figures for charts and an audit.

use crate::database::Database;
use crate::generate::{DATA, HOUR_US, in_chunks, now_us};
use crate::payment::{ID_PREFIX, STOCK_MARK};
use anyhow::Result;
use std::ops::Range;

/// How the names of its merchants begin.
pub(crate) const MERCHANTS: &str = "stock-";

/// From the first delivery to the last; no deadline passes in the half hour after it was written.
const LENGTH_US: i64 = 71 * HOUR_US;

/// Marks the endpoints that fail and are paused, as the engine would have; nothing is probed for hours.
const TROUBLE: [&str; 2] = [
    "UPDATE endpoints SET failing_since = created_at, probe_at = created_at + 36000000000, probes = 5, parked = true
        WHERE starts_with(merchant_id, 'stock-failing-')",
    "UPDATE endpoints SET paused_at = created_at, paused_by = 'Olga', parked = true
        WHERE starts_with(merchant_id, 'stock-paused-')",
];

/// The days before today, of which the engine makes no partitions by itself.
const PARTITIONS: &str = "
DO $$
DECLARE
    day date;
    bound text := $f$lpad(to_hex((extract(epoch FROM %L::timestamptz) * 1000)::int8), 12, '0') || repeat('0', 20)$f$;
    low text;
    high text;
BEGIN
    FOR days IN 1..4 LOOP
        day := (now() AT TIME ZONE 'UTC')::date - days;
        EXECUTE 'SELECT ' || format(bound, day || ' 00:00:00Z') INTO low;
        EXECUTE 'SELECT ' || format(bound, (day + 1) || ' 00:00:00Z') INTO high;
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF attempts FOR VALUES FROM (%L) TO (%L)',
            'attempts_' || to_char(day, 'YYYYMMDD'), low, high);
    END LOOP;
END $$";

/// Number n goes to the endpoints in turn, and was made at $4 + n × $5. Of each 20, 7 wait, 9 were delivered, 3 are
/// undelivered and 1 is settled, in no order that has to do with the endpoints. What waits for an endpoint in trouble is
/// parked; the rest comes due from an hour after $3, the present, on.
const HISTORY: &str = "
WITH target AS MATERIALIZED (
    SELECT array_agg(id ORDER BY merchant_id, id) AS ids, array_agg(merchant_id ORDER BY merchant_id, id) AS merchants,
        array_agg(failing_since IS NOT NULL OR paused_at IS NOT NULL ORDER BY merchant_id, id) AS in_trouble
    FROM endpoints WHERE starts_with(merchant_id, $6)
), item AS MATERIALIZED (
    SELECT n, made, target.ids[place] AS endpoint_id, target.merchants[place] AS merchant_id,
        target.in_trouble[place] AS is_parked, lot < 7 AS waits, lot BETWEEN 7 AND 15 AS is_delivered, lot = 19 AS is_settled,
        100 + n % 100000 AS amount_minor, (ARRAY['EUR', 'EUR', 'USD', 'RUB', 'JPY'])[1 + n % 5] AS currency,
        (time || '7' || substr(hash, 1, 3) || '8' || substr(hash, 4, 15))::uuid AS payment_id,
        (time || '7' || substr(hash, 1, 3) || '8' || substr(hash, 17, 15))::uuid AS delivery_id
    FROM target, generate_series($1::int8, $2::int8 - 1) AS n,
        LATERAL (SELECT ($4 + n * $5)::int8 AS made, 1 + n % cardinality(target.ids) AS place,
            n * 7919 % 1009 % 20 AS lot OFFSET 0) number,
        LATERAL (SELECT md5(n::text) AS hash, lpad(to_hex(made / 1000), 12, '0') AS time OFFSET 0) id
), payment AS (
    INSERT INTO payments (id, merchant_id, gateway_payment_id, kind, pay_for, amount_minor, currency, method,
        description, payer_email, payer_phone, data, confirmed_at, accepted_at, test)
    SELECT payment_id, merchant_id, $7 || n, 'payment.confirmed', 'stock-order-' || n, amount_minor, currency, 'card',
        'Order ' || n || ' of a shop that sells things, with a description of the usual length for such a thing',
        'payer' || n % 1000 || '@example.com', '+49 30 1234567', $8, made, made, false
    FROM item
), delivery AS (
    INSERT INTO deliveries (id, payment_id, endpoint_id, amount_minor, currency, due_at, deadline_at, created_at,
        finished_at, attempts, in_doubt, state, reason, settled_by, settled_note)
    SELECT delivery_id, payment_id, endpoint_id, amount_minor, currency,
        CASE WHEN waits AND NOT is_parked
            THEN least(deadline - 1000000, $3 + 3600000000 + n * 31 % 1000 * 172800000)
            WHEN waits THEN deadline ELSE made END,
        deadline, made, CASE WHEN is_delivered THEN made + 200000 WHEN NOT waits THEN made + 600000000 END, 1, false,
        CASE WHEN waits THEN 'pending' WHEN is_delivered THEN 'delivered' WHEN is_settled THEN 'settled'
            ELSE 'undelivered' END,
        CASE WHEN NOT (waits OR is_delivered) THEN (ARRAY['expired', 'refused', 'refused'])[1 + n % 3] END,
        CASE WHEN is_settled THEN 'Olga' END, CASE WHEN is_settled THEN 'told by telephone' END
    FROM item, LATERAL (SELECT made + CASE WHEN waits OR is_delivered THEN 259200000000 ELSE 600000000 END AS deadline) ends
)
INSERT INTO attempts (delivery_id, number, status, started_at, duration_us, outcome, detail, response_head,
    response_body)
SELECT delivery_id, 1, CASE WHEN is_delivered THEN 200 WHEN waits THEN 503 ELSE 410 END, made + 100000, 90000,
    CASE WHEN is_delivered THEN 'acknowledged' WHEN waits THEN 'wrong_status' ELSE 'refused' END,
    CASE WHEN is_delivered THEN '200, a 2xx status' WHEN waits THEN '503, not a 2xx status' ELSE '410, a refusal' END,
    E'content-length: 2\\ndate: Fri, 02 Jan 2026 03:04:05 GMT\\n', 'ok'
FROM item";

/// What people wrote beside the newest that are undelivered; the newest of all was attempted 60 times, with long answers.
const DETAILS: [&str; 3] = [
    "INSERT INTO follow_ups (delivery_id, owner, note, updated_by, updated_at)
        SELECT id, 'Olga', 'the merchant was asked by mail and will answer tomorrow', 'Olga', created_at
        FROM deliveries WHERE state = 'undelivered' ORDER BY id DESC LIMIT 10000",
    "INSERT INTO attempts (delivery_id, number, status, started_at, duration_us, outcome, detail, response_head,
        response_body)
        SELECT id, number, 503, created_at + number * 9000000, 90000, 'wrong_status', '503, not a 2xx status',
            E'content-length: 4096\\n', decode(repeat('3c623e21', 1024), 'hex')
        FROM (SELECT id, created_at FROM deliveries WHERE state = 'undelivered' ORDER BY id DESC LIMIT 1) d,
            generate_series(2, 60) AS number",
    "UPDATE deliveries SET attempts = 60
        WHERE id = (SELECT id FROM deliveries WHERE state = 'undelivered' ORDER BY id DESC LIMIT 1)",
];

/// Every minute of two days and every quarter of an hour of three, with some measures and buckets each.
const FIGURES: &str = "
INSERT INTO figures (span_s, at, measure, count)
SELECT span_s, (extract(epoch FROM now())::int8 / span_s - n) * span_s * 1000000, measure, 1000 + (n * 7 + measure) % 500
FROM (VALUES (60, 2880), (900, 288)) AS span (span_s, spans), generate_series(0, spans) AS n,
    (SELECT generate_series(0, 6) UNION ALL SELECT generate_series(110, 130)) AS kind (measure)
ON CONFLICT DO NOTHING";

/// As many acts of people as a hundredth of the deliveries ($1), over the endpoints of the merchants ($2).
const AUDIT: &str = "
INSERT INTO audit (id, at, actor, action, subject, detail)
SELECT (lpad(to_hex(at / 1000), 12, '0') || '7' || substr(hash, 1, 3) || '8' || substr(hash, 4, 15))::uuid, at, 'Olga',
    'endpoint.pause', ids[1 + n % cardinality(ids)], 'after a call with the merchant'
FROM (SELECT array_agg(id::text ORDER BY id) AS ids FROM endpoints WHERE starts_with(merchant_id, $2)) AS of,
    generate_series(0, $1::int8 / 100) AS n,
    LATERAL (SELECT (extract(epoch FROM now()) * 1000000)::int8 - n * 1000000 AS at, md5(n::text) AS hash OFFSET 0) AS act";

/// A settlement of many that has ended.
const BULK_ACT: &str = "
INSERT INTO bulk_acts (id, kind, who, note, filter, actor, total, done, skipped, newest_id, created_at, finished_at)
SELECT gen_random_uuid(), 'settle', 'Olga', 'told by telephone', '{}', 'Olga', 1000, 990, 10, gen_random_uuid(), at, at
FROM (SELECT (extract(epoch FROM now()) * 1000000)::int8 AS at) AS now";

/// Writes `count` deliveries with all that belongs to them, without durability meanwhile.
pub(crate) async fn generate_history(database: &Database, count: u64) -> Result<()> {
    database.relax().await?;
    for sql in TROUBLE.into_iter().chain([PARTITIONS]) {
        database.run(sql).await?;
    }
    let now = now_us()?;
    let each = LENGTH_US as f64 / count.max(1) as f64;
    in_chunks(&(0..count), |numbers| write_chunk(database, numbers, now, each)).await?;
    for sql in DETAILS.into_iter().chain([FIGURES, BULK_ACT]) {
        database.run(sql).await?;
    }
    sqlx::query(AUDIT).bind(i64::try_from(count)?).bind(MERCHANTS).execute(&database.pool).await?;
    database.harden().await
}

async fn write_chunk(database: &Database, numbers: Range<u64>, now: i64, each: f64) -> Result<u64> {
    let written = sqlx::query(HISTORY)
        .bind(i64::try_from(numbers.start)?)
        .bind(i64::try_from(numbers.end)?)
        .bind(now)
        .bind((now - LENGTH_US - HOUR_US / 2) as f64)
        .bind(each)
        .bind(MERCHANTS)
        .bind(format!("{ID_PREFIX}{STOCK_MARK}"))
        .bind(DATA)
        .execute(&database.pool)
        .await?;
    Ok(written.rows_affected())
}
