//! The plans of what pages read, made where they are most tempting to get wrong (see [`super::plans`]): each statement
//! enters deliveries by the index that it was written for, and sorts nothing that was not cut before.

use super::PostgresLedger;
use super::plans::growth;
use super::shared::find_deliveries::frontier_statement;
use super::shared::part::{Part, Stretch};
use super::shared::waiting::{self, Place};
use super::shared::waiting_until::Among;
use super::shared::{deliveries, payments, sums, waiting_by_endpoint, waiting_until};
use crate::Sealer;
use crate::manage::{DeliveryFilter, PaymentFilter};
use paybell_delivery::{Reason, State, Timestamp};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, QueryBuilder, Row};
use std::time::Duration;
use uuid::Uuid;

type Statement = QueryBuilder<Postgres>;

/// The parts of lists, each with the index that it is a stretch of, and a filter that asks for it.
fn parts() -> Vec<(Part, &'static str, DeliveryFilter)> {
    let id = Uuid::from_u128(1);
    let by_state = |state| DeliveryFilter { state: Some(state), ..DeliveryFilter::default() };
    let by_reason = DeliveryFilter { reason: Some(Reason::Refused), ..by_state(State::Undelivered) };
    let (pending, all) = (by_state(State::Pending), DeliveryFilter::default());
    let dated = DeliveryFilter {
        created_since: Some(Timestamp(1)),
        created_before: Some(Timestamp(2)),
        pay_for: Some("order".to_owned()),
        ..by_state(State::Pending)
    };
    vec![
        (Part::All, "deliveries_pkey", all.clone()),
        (Part::All, "deliveries_pkey", pending.clone()),
        (Part::All, "deliveries_pkey", dated.clone()),
        (Part::Payments(vec![id, id]), "deliveries_of_payment", pending.clone()),
        (Part::Endpoint(id), "deliveries_of_endpoint", all),
        (Part::Endpoint(id), "deliveries_of_endpoint", by_state(State::Delivered)),
        (Part::Failed(State::Undelivered), "deliveries_undelivered", by_state(State::Undelivered)),
        (Part::Failed(State::Undelivered), "deliveries_undelivered", by_reason.clone()),
        (Part::Failed(State::Settled), "deliveries_settled", by_state(State::Settled)),
        (Part::FailedOf(id, State::Undelivered), "deliveries_failed", by_state(State::Undelivered)),
        (Part::FailedOf(id, State::Undelivered), "deliveries_failed", by_reason),
        (Part::FailedOf(id, State::Settled), "deliveries_failed", by_state(State::Settled)),
        (Part::WaitingFor(id), "deliveries_waiting", pending.clone()),
        (Part::WaitingFor(id), "deliveries_waiting", dated),
        (Part::FirstAttemptsTo(id), "deliveries_of_endpoint", pending),
    ]
}

/// Each statement with its index and the first column of the order in which it reads that.
fn statements() -> Vec<(Statement, &'static str)> {
    let (id, now) = (Uuid::from_u128(1), Timestamp(1_000));
    let after = Some(Place { due_at: 1, id });
    let nearest = Some(waiting_until::Place { deadline_at: 1, id });
    let within = [Duration::from_secs(60), Duration::from_secs(600)];
    let dated = DeliveryFilter { created_since: Some(now), ..DeliveryFilter::default() };
    let expiring =
        |filter: &_, among: &_, after| waiting_until::page_statement(filter, among, now, after, (10_000, 51));
    let mut all = vec![
        (waiting::page_statement(&DeliveryFilter::default(), None, None, 51), "deliveries_due"),
        (waiting::page_statement(&DeliveryFilter::default(), after, None, 51), "deliveries_due"),
        (waiting::page_statement(&dated, after, after, 51), "deliveries_due"),
        (waiting::last_statement(None), "deliveries_due"),
        (waiting::last_statement(after), "deliveries_due"),
        (waiting::bars_statement(&[(None, Some(now)), (Some(now), Some(now)), (Some(now), None)]), "deliveries_due"),
        (waiting::parked_statement(), "deliveries_parked"),
        (Statement::new(payments::DELIVERIES), "deliveries_of_payment"),
        (expiring(&DeliveryFilter::default(), &Among::All, None), "deliveries_expiring"),
        (expiring(&dated, &Among::All, nearest), "deliveries_expiring"),
        (expiring(&dated, &Among::Endpoints(vec![id, id]), nearest), "deliveries_expiring"),
        (expiring(&dated, &Among::Payments(vec![id, id]), nearest), "deliveries_of_payment"),
        (sums::expiring_statement(now, &within), "deliveries_expiring"),
        (waiting_by_endpoint::endpoints_statement(), "deliveries_waiting"),
        (waiting_by_endpoint::count_statement(&[id, id]), "deliveries_waiting"),
    ];
    for (part, index, filter) in parts() {
        for stretch in [Stretch::default(), Stretch { after: Some(id), until: Some(id) }] {
            let both = [part.clone(), part.clone()];
            all.push((deliveries::page_statement(&both[..1], &filter, stretch, 51), index));
            all.push((deliveries::page_statement(&both, &filter, stretch, 51), index));
            all.extend(
                frontier_statement(&both, &filter, stretch.after, Part::may_be_cut).map(|statement| (statement, index)),
            );
        }
        all.push((sums::sum_statement(&[part], &filter), index));
    }
    all
}

#[tokio::test]
async fn pages_read_deliveries_by_the_index_that_answers_them() -> anyhow::Result<()> {
    let url = paybell_testkit::Postgres::shared().await?.create_database().await?;
    let ledger = PostgresLedger::connect(&url.as_str().into(), 2, Sealer::new(&[0; 32])).await?;
    crate::Ledger::migrate(&ledger).await?;
    let mut connection = ledger.pool.acquire().await?;
    for grow in growth() {
        sqlx::raw_sql(AssertSqlSafe(grow)).execute(&mut *connection).await?;
        for (statement, index) in statements() {
            let sql = statement.sql().as_str().to_owned();
            check(&plan(&mut connection, &sql).await?, index, &sql);
        }
        let by_id = PaymentFilter { gateway_payment_id: Some("1".to_owned()), ..PaymentFilter::default() };
        let sql = payments::page_statement(&by_id, None, 51).sql().as_str().to_owned();
        let found = plan(&mut connection, &sql).await?.join("\n");
        assert!(found.contains("using payment_is_unique on payments"), "{found}");
    }
    Ok(())
}

/// The plan for any arguments: what is bound takes part by its type alone.
async fn plan(connection: &mut PgConnection, sql: &str) -> anyhow::Result<Vec<String>> {
    const TYPES: &str = "SELECT unnest(parameter_types)::text FROM pg_prepared_statements WHERE name = 'page'";
    sqlx::raw_sql(AssertSqlSafe(format!("PREPARE page AS {sql}"))).execute(&mut *connection).await?;
    let types = sqlx::raw_sql(TYPES).fetch_all(&mut *connection).await?;
    let types: Vec<String> = types.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let arguments: Vec<&str> =
        types.iter().map(|name| if name == "uuid" { "gen_random_uuid()" } else { "'1'" }).collect();
    let arguments = if types.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE page{arguments}; DEALLOCATE page");
    let rows = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(connection).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// What these are asked for is in them, but for what only payments say.
const COVERING: [&str; 6] = [
    "deliveries_undelivered",
    "deliveries_settled",
    "deliveries_failed",
    "deliveries_waiting",
    "deliveries_expiring",
    "deliveries_parked",
];

fn check(plan: &[String], index: &str, sql: &str) {
    let shown = format!("{sql}\n{}", plan.join("\n"));
    let covered = COVERING.contains(&index) && !sql.contains("FROM payments p WHERE");
    let (mut looks, mut above) = (0, "");
    for (line, below) in plan.iter().zip(plan.iter().skip(1).map(String::as_str).chain([""])) {
        let is_found =
            line.contains("using deliveries_pkey on") && below.trim_start().starts_with("Index Cond: (id = ");
        if line.contains(" on deliveries") && !is_found {
            looks += 1;
            assert!(line.contains(&format!("using {index} on")), "by {index}?\n{shown}");
            assert!(!covered || line.contains("Index Only Scan"), "rows are read for what {index} holds\n{shown}");
            assert!(index == "deliveries_of_payment" || !above.starts_with("->  Sort"), "a backlog is sorted\n{shown}");
        }
        let of_payments = line.contains(" on payments");
        assert!(!of_payments || line.contains("using payments_pkey on"), "payments are looked up one by one\n{shown}");
        if line.trim_start().starts_with("->") {
            above = line.trim_start();
        }
    }
    assert!(looks > 0 && !shown.contains("Seq Scan"), "{shown}");
}
