//! Retention on PostgreSQL: a partition for each day. Days of 2001, as the migration makes those of the present.

use crate::fixture::{Fixture, payment, record, terms};
use anyhow::{Context, Result, bail, ensure};
use paybell_delivery::{Decision, DeliveryId, Outcome, PaymentId, Reason, Timestamp};
use paybell_store::engine::{Accepted, Kept};
use paybell_store::{Ledger, PostgresLedger, Sealer};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use uuid::Uuid;

const DAY: Duration = Duration::from_secs(24 * 3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// Partitions of one pass: of the day and of a week ahead.
const AHEAD: u64 = 8;

/// So many days after the first of January 2001, at noon.
fn on(day: u32) -> Timestamp {
    Timestamp(978_350_400_000_000) + DAY * day
}

/// What was done, when nothing of it failed.
async fn keep(ledger: &dyn Ledger, now: Timestamp) -> Result<Kept> {
    let kept = ledger.keep_attempts(now, WEEK).await?;
    ensure!(kept.failed.is_none(), "{kept:?}");
    Ok(kept)
}

/// How many partitions were dropped until nothing was left to do.
async fn drop_old(ledger: &dyn Ledger, now: Timestamp) -> Result<u64> {
    let mut dropped = 0;
    loop {
        let kept = keep(ledger, now).await?;
        dropped += kept.dropped;
        if !kept.more {
            return Ok(dropped);
        }
    }
}

/// A delivery that was refused at that moment.
async fn refused(f: &Fixture, then: Timestamp) -> Result<DeliveryId> {
    let job = f.accept_one(then).await?;
    f.refuse(job, then).await?;
    Ok(job.delivery_id)
}

/// Where the attempts of a delivery are.
async fn table_of(connection: &mut PgConnection, id: DeliveryId) -> Result<String> {
    let table = sqlx::query("SELECT tableoid::regclass::text FROM attempts WHERE delivery_id = $1").bind(id.0);
    Ok(table.fetch_one(connection).await?.try_get(0)?)
}

async fn tables(connection: &mut PgConnection, like: &str) -> Result<Vec<String>> {
    let tables = sqlx::query("SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relname LIKE $1 ORDER BY 1");
    let tables = tables.bind(like).fetch_all(connection).await?;
    Ok(tables.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

#[tokio::test]
async fn new_database_has_the_partitions_of_today_and_a_week_ahead() -> Result<()> {
    let f = Fixture::postgres().await?;
    let mut connection = PgConnection::connect(f.postgres_url()?).await?;
    let now = f.ledger.now().await?;
    let digits = |day: u32| (now + DAY * day).to_rfc3339()[..10].replace('-', "");
    let expected: Vec<String> = (0..8).map(|day| format!("attempts_{}", digits(day))).collect();
    assert_eq!(tables(&mut connection, "attempts\\_2%").await?, expected);
    assert_eq!(keep(&*f.ledger, now).await?.made, 0);
    Ok(())
}

#[tokio::test]
async fn attempts_fall_in_the_partition_of_their_day_or_beside() -> Result<()> {
    let f = Fixture::postgres().await?;
    let mut connection = PgConnection::connect(f.postgres_url()?).await?;
    f.shop().await?;
    let beside = refused(&f, on(2)).await?;
    assert_eq!(keep(&*f.ledger, on(0)).await?.made, AHEAD - 1, "all but the day of which attempts fell beside");
    assert_eq!(keep(&*f.ledger, on(0)).await?.made, 0);
    assert_eq!(keep(&*f.ledger, on(1)).await?.made, 1, "the next day");
    for (day, table) in
        [(0, "attempts_20010101"), (8, "attempts_20010109"), (2, "attempts_other"), (9, "attempts_other")]
    {
        let id = refused(&f, on(day) + Duration::from_secs(1)).await?;
        assert_eq!(table_of(&mut connection, id).await?, table);
        assert_eq!(f.view(id, on(9)).await?.attempts.len(), 1);
    }
    assert_eq!(table_of(&mut connection, beside).await?, "attempts_other");
    let mut foreign = payment("foreign", on(0));
    foreign.id = PaymentId(Uuid::from_u128(0xf000_0000_0000_4000_8000_0000_0000_0000));
    let accepted = f.ledger.accept(&[foreign], &terms(on(0))).await?.pop().context("an answer")?;
    let Accepted::New { jobs, .. } = accepted else { bail!("{accepted:?}") };
    f.refuse(jobs[0], on(0)).await?;
    assert_eq!(table_of(&mut connection, jobs[0].delivery_id).await?, "attempts_other");
    Ok(())
}

#[tokio::test]
async fn what_people_made_is_left_to_them() -> Result<()> {
    let f = Fixture::postgres().await?;
    keep(&*f.ledger, on(0)).await?;
    let by_hand = "ALTER TABLE attempts DETACH PARTITION attempts_20010101;
        ALTER TABLE attempts_20010102 RENAME TO attempts_of_the_audit;
        CREATE VIEW report AS SELECT * FROM attempts_20010103";
    assert_eq!(f.execute(by_hand).await?, None);
    let (mut dropped, mut refusals) = (0, 0);
    loop {
        let kept = f.ledger.keep_attempts(on(20), WEEK).await?;
        dropped += kept.dropped;
        if let Some(failed) = kept.failed {
            ensure!(!failed.is_transient(), "{failed:?}");
            refusals += 1;
        }
        if !kept.more {
            break;
        }
    }
    assert_eq!(dropped, AHEAD - 3, "what something depends on keeps no other");
    assert!(refusals > 0, "but is told");
    let mut connection = PgConnection::connect(f.postgres_url()?).await?;
    let left = ["attempts_20010101", "attempts_20010103"];
    assert_eq!(tables(&mut connection, "attempts\\_2001010%").await?, left);
    assert_eq!(tables(&mut connection, "attempts\\_of%").await?, ["attempts_of_the_audit"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_at_once_do_it_once() -> Result<()> {
    let f = Fixture::postgres().await?;
    let ledgers = [f.ledger.clone(), f.another().await?, f.another().await?];
    let (mut made, mut dropped) = (0, 0);
    for day in [0, 20, 40] {
        let calls: Vec<_> = ledgers.iter().map(|ledger| tokio::spawn(pass_by_pass(ledger.clone(), on(day)))).collect();
        for call in calls {
            let done = call.await??;
            (made, dropped) = (made + done.0, dropped + done.1);
        }
        // What one finds another at is left to the next pass.
        let done = pass_by_pass(f.ledger.clone(), on(day)).await?;
        (made, dropped) = (made + done.0, dropped + done.1);
    }
    assert_eq!((made, dropped), (3 * AHEAD, 2 * AHEAD), "each once");
    Ok(())
}

/// As many passes as can be needed. Answers how many partitions were made and dropped.
async fn pass_by_pass(ledger: Arc<dyn Ledger>, now: Timestamp) -> Result<(u64, u64)> {
    let (mut made, mut dropped) = (0, 0);
    for _ in 0..AHEAD {
        let kept = keep(&*ledger, now).await?;
        (made, dropped) = (made + kept.made, dropped + kept.dropped);
    }
    Ok((made, dropped))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn table_that_is_locked_delays_nobody_for_long_and_is_tried_again() -> Result<()> {
    let f = Fixture::postgres().await?;
    f.shop().await?;
    keep(&*f.ledger, on(0)).await?;
    let claimed = f.won(f.accept_one(on(20)).await?, on(20)).await?;
    // As a dump does.
    let mut dump = PgConnection::connect(f.postgres_url()?).await?;
    sqlx::raw_sql("BEGIN; LOCK TABLE attempts IN ACCESS SHARE MODE").execute(&mut dump).await?;
    let pass = tokio::spawn({
        let ledger = f.ledger.clone();
        async move { ledger.keep_attempts(on(20), WEEK).await }
    });
    let mut probe = PgConnection::connect(f.postgres_url()?).await?;
    let waits = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'attempts'::regclass";
    while !pass.is_finished() && !sqlx::query(waits).fetch_one(&mut probe).await?.try_get::<bool, _>(0)? {}
    f.record(record(&claimed, Outcome::Acknowledged, Decision::Delivered, on(20))).await?;
    let failed = pass.await??.failed.context("a dump holds the table")?;
    ensure!(failed.is_transient(), "{failed:?}");
    sqlx::raw_sql("COMMIT").execute(&mut dump).await?;
    assert_eq!(drop_old(&*f.ledger, on(20)).await?, AHEAD);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_go_on_while_partitions_are_made_and_dropped() -> Result<()> {
    let f = Arc::new(Fixture::postgres().await?);
    f.shop().await?;
    keep(&*f.ledger, on(0)).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let traffic: Vec<_> = (0..3)
        .map(|n| {
            let (f, stop) = (f.clone(), stop.clone());
            tokio::spawn(async move {
                let mut delivered = 0;
                while !stop.load(Ordering::Relaxed) {
                    deliver(&f, on(30) + Duration::from_micros(delivered * 10 + n)).await?;
                    delivered += 1;
                }
                anyhow::Ok(delivered)
            })
        })
        .collect();
    let keeping = async {
        let mut dropped = 0;
        for day in [2, 4, 20, 30, 31, 36] {
            dropped += drop_old(&*f.ledger, on(day)).await?;
        }
        anyhow::Ok(dropped)
    };
    let dropped = keeping.await;
    stop.store(true, Ordering::Relaxed);
    for task in traffic {
        let delivered: u64 = task.await??;
        assert!(delivered > 0);
    }
    assert_eq!(dropped?, 3 * AHEAD - 4, "of the first to the twelfth day and of the twentieth to the twenty-seventh");
    let mut connection = PgConnection::connect(f.postgres_url()?).await?;
    let strays = "SELECT count(*) FROM deliveries d
        WHERE d.attempts <> (SELECT count(*) FROM attempts a WHERE a.delivery_id = d.id)";
    let strays: i64 = sqlx::query(strays).fetch_one(&mut connection).await?.try_get(0)?;
    assert_eq!(strays, 0, "no young attempt is lost");
    Ok(())
}

/// One delivery from its acceptance to its end, looked at after that.
async fn deliver(f: &Fixture, now: Timestamp) -> Result<()> {
    let job = f.accept_one(now).await?;
    let claimed = f.won(job, now).await?;
    f.record(record(&claimed, Outcome::Refused, Decision::Undelivered(Reason::Refused), now)).await?;
    assert_eq!(f.view(job.delivery_id, now).await?.attempts.len(), 1);
    Ok(())
}

#[tokio::test]
async fn role_that_does_not_own_the_table_is_told_and_still_deletes() -> Result<()> {
    let f = Fixture::postgres().await?;
    keep(&*f.ledger, on(0)).await?;
    let name = format!("lesser_{}", Uuid::now_v7().simple());
    let rights = format!(
        "CREATE ROLE {name} LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name};
        INSERT INTO attempts (delivery_id, number, started_at, outcome, detail)
        VALUES ('00000000-0000-0000-0000-000000000000', 1, 1, 'acknowledged', '')"
    );
    let mut owner = PgConnection::connect(f.postgres_url()?).await?;
    sqlx::raw_sql(AssertSqlSafe(rights)).execute(&mut owner).await?;
    let url = f.postgres_url()?.replace("postgres@", &format!("{name}@"));
    let lesser = PostgresLedger::connect(&url.as_str().into(), 2, Sealer::new(&[7; 32])).await?;
    let kept = lesser.keep_attempts(on(20), WEEK).await?;
    assert_eq!((kept.made, kept.dropped, kept.deleted), (0, 0, 1));
    let failed = kept.failed.context("it owns nothing")?;
    ensure!(!failed.is_transient(), "{failed:?}");
    Ok(())
}
