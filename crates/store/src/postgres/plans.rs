//! The plans of the engine's statements, made where they are most tempting to get wrong: the planner was never told how
//! large the tables are, or was told when each had a single row.

use super::PostgresLedger;
use super::shared::deliveries::attempts_of;
use super::shared::{activity, find_deliveries, gauges, reconcile};
use super::{accept, claim, dispatch, keep_attempts, probe, record, release, take_back};
use crate::Sealer;
use crate::ids::{Day, id_at};
use paybell_delivery::{DeliveryId, Timestamp};
use sqlx::{AssertSqlSafe, PgConnection, Row};

/// Each statement with arguments for it.
const STATEMENTS: [(&str, &str); 23] = [
    (
        accept::ACCEPT,
        "$IDS, $TEXTS, $TEXTS, $TEXTS, $TEXTS, $NUMBERS, $TEXTS, $NUMBERS, $TEXTS, $TEXTS, $TEXTS, $TEXTS, \
        $TEXTS, $TEXTS, $NUMBERS, ARRAY[false, false], 1, 1, 1, 1, $TEXTS",
    ),
    (accept::FIND, "$TEXTS, $TEXTS"),
    (claim::CLAIM, "$IDS, $NUMBERS, 1, 1"),
    (claim::GIVE_BACK, "$IDS, 1"),
    (take_back::TAKE_BACK, "1, $IDS, $NUMBERS"),
    (super::ENDPOINTS_BY_ID, "$IDS"),
    (
        record::RECORD,
        "$IDS, $NUMBERS, $NUMBERS, $NUMBERS, $TEXTS, $TEXTS, $NUMBERS, $TEXTS, NULL, ARRAY[true, true], \
        $TEXTS, $TEXTS, $NUMBERS, $NUMBERS",
    ),
    (dispatch::DISPATCH, "1000, 1, 500, $IDS, 0"),
    (dispatch::NEXT_DUE, "1000, 1500"),
    (gauges::PENDING, "100, 1, 1000"),
    (release::OPEN, "$IDS, 1000, 1"),
    (release::RELEASE, "$IDS, 1, 500, 1"),
    (probe::PROBE, "1000, 1, 100, 1"),
    (probe::LEAVE_ALONE, "$IDS, 1"),
    (release::CLEAR, "$IDS, 1"),
    (release::PARK_NO_MORE, "$IDS"),
    (keep_attempts::MAY_BE_MADE, "'t', gen_random_uuid(), gen_random_uuid()"),
    (keep_attempts::DELETE_OTHER, "gen_random_uuid(), 5000"),
    (keep_attempts::DELETE_OLD_CHECKS, "gen_random_uuid(), 5000"),
    (activity::TROUBLED, "50"),
    (reconcile::PAYMENTS, "'m', gen_random_uuid(), gen_random_uuid(), 1, 1, 50"),
    (find_deliveries::BY_GATEWAY_ID, "'g', 1000"),
    (find_deliveries::BY_PAY_FOR, "'order', 1000"),
];

/// Of an index that holds nothing but what is sought.
const EXACT: &str = "";

/// The column by which each index of the large tables has to be entered.
const ENTRANCES: [(&str, &str); 19] = [
    ("merchants_pkey", "(id ="),
    ("endpoints_pkey", "(id ="),
    ("endpoints_of_merchant", "(merchant_id ="),
    ("endpoints_parked", EXACT),
    ("endpoints_to_probe", EXACT),
    ("endpoints_that_park_pkey", "(endpoint_id ="),
    ("payments_pkey", "(id ="),
    ("payment_is_unique", "(gateway_payment_id ="),
    ("deliveries_pkey", "(id ="),
    ("deliveries_due", "(due_at "),
    ("deliveries_parked", "(endpoint_id ="),
    ("deliveries_of_payment", "(payment_id ="),
    ("attempts_other_pkey", "(delivery_id "),
    ("checks_pkey", "(id "),
    ("endpoints_failing", EXACT),
    ("endpoints_paused", EXACT),
    ("payments_of_merchant", "ROW(merchant_id, id) >"),
    ("payments_for", "(pay_for ="),
    ("deliveries_waiting", EXACT),
];

/// Nothing counts the rows but `ANALYZE`.
const UNCOUNTED: &str = "
ALTER TABLE merchants SET (autovacuum_enabled = off);
ALTER TABLE endpoints SET (autovacuum_enabled = off);
ALTER TABLE payments SET (autovacuum_enabled = off);
ALTER TABLE deliveries SET (autovacuum_enabled = off);
ALTER TABLE attempts_other SET (autovacuum_enabled = off);
ALTER TABLE checks SET (autovacuum_enabled = off);";

/// So many more payments, a twentieth of them pending, and a tenth as many merchants, with an endpoint each.
fn rows(count: u32) -> String {
    format!(
        "WITH merchant AS (
            INSERT INTO merchants
            SELECT gen_random_uuid(), 'm', 1, 1 FROM generate_series(1, {count} / 10 + 1) RETURNING id
        ) INSERT INTO endpoints (id, merchant_id, url, dialect, parameters, options, concurrency_max, secrets, version, created_at,
            updated_at)
        SELECT gen_random_uuid(), id, 'u', 'd', '{{}}', '{{}}', 1, '', 1, 1, 1 FROM merchant;
        INSERT INTO payments (id, merchant_id, gateway_payment_id, kind, amount_minor, currency, confirmed_at,
            accepted_at, test)
        SELECT gen_random_uuid(), m.id, gen_random_uuid()::text, 'k', 1, 'EUR', 1, 1, false
        FROM generate_series(1, {count}), (SELECT id FROM merchants LIMIT 1) m;
        INSERT INTO deliveries (id, payment_id, endpoint_id, amount_minor, currency, due_at, deadline_at, created_at,
            attempts, in_doubt, state, finished_at)
        SELECT gen_random_uuid(), p.id, e.id, 1, 'EUR', n, 2000 + n, 1, 0, false,
            CASE n % 20 WHEN 0 THEN 'pending' ELSE 'delivered' END, CASE n % 20 WHEN 0 THEN NULL ELSE 1 END
        FROM (SELECT id, row_number() OVER () AS n FROM payments) p, (SELECT id FROM endpoints LIMIT 1) e;
        INSERT INTO attempts (delivery_id, number, started_at, outcome, detail)
        SELECT id, 1, 1, 'acknowledged', '' FROM deliveries ON CONFLICT DO NOTHING;
        INSERT INTO checks (id, merchant_id, pay_for, amount_minor, currency, test, answer, reason, asked_at, duration_us)
        SELECT gen_random_uuid(), 'm', 'p', 1, 'EUR', false, 'allow', '', 1, 1 FROM generate_series(1, {count});"
    )
}

async fn migrated() -> anyhow::Result<PostgresLedger> {
    let url = paybell_testkit::Postgres::shared().await?.create_database().await?;
    let ledger = PostgresLedger::connect(&url.as_str().into(), 2, Sealer::new(&[0; 32])).await?;
    ledger.migrate().await?;
    Ok(ledger)
}

#[tokio::test]
async fn no_statement_goes_through_a_table_or_sorts_a_backlog() -> anyhow::Result<()> {
    let ledger = migrated().await?;
    let mut connection = ledger.pool.acquire().await?;
    for grow in growth() {
        sqlx::raw_sql(AssertSqlSafe(grow)).execute(&mut *connection).await?;
        for (sql, arguments) in STATEMENTS {
            check(&plan(&mut connection, sql, arguments).await?);
        }
    }
    Ok(())
}

/// What the planner is led to believe, one after the other.
pub(super) fn growth() -> [String; 3] {
    let never_counted = format!("{UNCOUNTED} {}", rows(2_000));
    let counted_long_ago = format!(
        "DELETE FROM deliveries; DELETE FROM payments; DELETE FROM endpoints; DELETE FROM merchants; {} ANALYZE; {}",
        rows(1),
        rows(20_000)
    );
    [never_counted, counted_long_ago, "ANALYZE".to_owned()]
}

async fn plan(connection: &mut PgConnection, sql: &str, arguments: &str) -> anyhow::Result<Vec<String>> {
    let arguments = arguments.replace("$IDS", "ARRAY[gen_random_uuid(), gen_random_uuid()]");
    let arguments = arguments.replace("$TEXTS", "ARRAY['a', 'b']").replace("$NUMBERS", "ARRAY[1, 2]");
    let arguments = if arguments.is_empty() { arguments } else { format!("({arguments})") };
    let explain = format!("PREPARE act AS {sql}; EXPLAIN (COSTS OFF) EXECUTE act{arguments}; DEALLOCATE act");
    let rows = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(connection).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// Every look at a large table enters an index by its first column, and nothing sorts what is due.
fn check(plan: &[String]) {
    let shown = plan.join("\n");
    assert!(!shown.contains("Sort Key: d.due_at"), "{shown}");
    for (n, line) in plan.iter().enumerate() {
        let large = ["merchants", "endpoints", "payments", "deliveries", "attempts", "checks"]
            .iter()
            .any(|table| line.contains(&format!(" on {table}")));
        if !large || !line.contains("Scan") || line.contains("Tid Scan") {
            continue;
        }
        let entrance = ENTRANCES.iter().find(|(index, _)| line.contains(&format!("using {index} on")));
        let condition = plan.get(n + 1).map_or("", String::as_str);
        let entered = |by: &str| by == EXACT || (condition.contains("Index Cond") && condition.contains(by));
        let entered = entrance.is_some_and(|(_, by)| entered(by));
        assert!(entered, "{line}\nin\n{shown}");
    }
}

#[tokio::test]
async fn attempts_are_sought_in_the_partition_of_their_day_alone() -> anyhow::Result<()> {
    const LOCKED: &str = "SELECT array_agg(relation::regclass::text) FROM pg_locks
        WHERE pid = pg_backend_pid() AND relation::regclass::text ~ '^attempts_[a-z0-9]+$'";
    let ledger = migrated().await?;
    let today = ledger.now().await?;
    let todays = format!("attempts_{}", Day::of(today).digits());
    for (id, table) in [(id_at(today), todays.as_str()), (id_at(Timestamp(0)), "attempts_other")] {
        let mut tx = ledger.pool.begin().await?;
        let explain = format!("EXPLAIN (COSTS OFF) {}", attempts_of(DeliveryId(id)).0);
        let shown = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(&mut *tx).await?;
        let shown: Vec<String> = shown.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        assert!(shown[0].contains(&format!("Index Scan using {table}_pkey on {table} ")), "{shown:?}");
        sqlx::query(attempts_of(DeliveryId(id))).persistent(false).fetch_all(&mut *tx).await?;
        let locked: Vec<String> = sqlx::query(LOCKED).fetch_one(&mut *tx).await?.try_get(0)?;
        assert_eq!(locked, [table], "no other is locked");
        let planned = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT delivery_id%'";
        assert_eq!(sqlx::query(planned).fetch_one(&mut *tx).await?.try_get::<i64, _>(0)?, 0, "none is kept");
    }
    Ok(())
}

#[tokio::test]
async fn what_grows_is_tended_gently() -> anyhow::Result<()> {
    const GROWING: &str = "SELECT relname::text, min(attstattarget)::int4 AS least, max(attstattarget)::int4 AS most,
            reloptions @> '{autovacuum_vacuum_cost_limit=40, autovacuum_vacuum_cost_delay=2}' IS TRUE AS gentle
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
        WHERE attnum > 0 AND relkind = 'r' AND (relname IN ('payments', 'deliveries', 'checks') OR relname ~ '^attempts_')
        GROUP BY relname, reloptions";
    let ledger = migrated().await?;
    let tables = sqlx::query(GROWING).fetch_all(&ledger.pool).await?;
    assert!(tables.len() > 5, "the partitions of {} tables", tables.len());
    for table in tables {
        let tended: (i32, i32, bool) = (table.try_get("least")?, table.try_get("most")?, table.try_get("gentle")?);
        assert_eq!(tended, (20, 20, true), "{}", table.try_get::<String, _>("relname")?);
    }
    Ok(())
}
