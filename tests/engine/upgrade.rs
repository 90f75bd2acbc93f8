//! The schema grows and the processes are exchanged, one after the other, while payments come in and are told. Then a
//! later schema takes something away, and says whom it shuts out.

use crate::gateway::{Gateway, list};
use crate::rig::{Mode, PATIENCE, Rig, outcomes};
use crate::survive::all_are_delivered_and_shown;
use anyhow::{Context, Result, ensure};
use paybell_testkit::{Api, Engine, Reply, eventually};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// What the `paybell migrate` of a version to come would run, statement by statement: a column for each table that the
/// engine works with, an index, and its own row.
const NEWER: [&str; 10] = [
    "ALTER TABLE merchants ADD COLUMN note TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE endpoints ADD COLUMN note TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE payments ADD COLUMN note TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE deliveries ADD COLUMN note TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE attempts ADD COLUMN note TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE keys ADD COLUMN note TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE audit ADD COLUMN note TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE bulk_acts ADD COLUMN remark TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX CONCURRENTLY deliveries_finished ON deliveries (finished_at) WHERE finished_at IS NOT NULL",
    "INSERT INTO _sqlx_migrations VALUES (90, 'add_note', now(), true, '', 1)",
];
const CONTRACTED: &str = "INSERT INTO _sqlx_migrations VALUES (91, 'drop_note_needs_90', now(), true, '', 1)";

#[tokio::test(flavor = "multi_thread")]
async fn schema_grows_and_processes_are_exchanged_under_load() -> Result<()> {
    let script = vec![Reply::new(503, ""), Reply::ok().after(Duration::from_millis(20))];
    let rig = Rig::start(Mode::Production, "standard", script).await?;
    let second = rig.engine.sibling().start().await?;
    let operator = rig.engine.create_key("operator")?;
    let gateway = Gateway::start(vec![rig.api().clone(), second.api().clone()]);
    let readers = Readers::start(vec![rig.api().with_token(&operator), second.api().with_token(&operator)]);
    gateway.until_more_accepted(50).await?;
    readers.until_a_round_more().await?;
    for engine in [&rig.engine, &second] {
        resend_in_bulk(&engine.api().with_token(&operator)).await?;
    }

    migrate_as_a_newer_version(&rig.engine).await?;
    readers.until_a_round_more().await?;
    for engine in [&rig.engine, &second] {
        resend_in_bulk(&engine.api().with_token(&operator)).await?;
    }
    gateway.until_more_accepted(50).await?;
    let said = rig.engine.run(&["migrate"])?;
    ensure!(said.contains("newer than this version") && said.contains("90"), "{said}");

    for engine in [&rig.engine, &second] {
        let status = tokio::task::block_in_place(|| engine.terminate())?;
        ensure!(status.success(), "{status}");
        engine.start_again().await?;
        ensure!(engine.log().contains("the database is newer than this version, and fits it"), "{}", engine.log());
        gateway.until_more_accepted(50).await?;
    }
    readers.until_a_round_more().await?;
    readers.stop().await?;
    let log = gateway.stop().await?;
    let unanswered: Vec<_> = log.iter().filter(|(_, accepted)| accepted.is_none()).collect();
    ensure!(unanswered.is_empty(), "one of the processes is always there: {unanswered:?}");

    let deliveries = list(rig.api(), "/v1/deliveries?merchant=shop").await?;
    ensure!(deliveries.len() == log.len(), "{} deliveries of {} payments", deliveries.len(), log.len());
    let ids: Vec<String> = deliveries.iter().filter_map(|d| d["id"].as_str().map(str::to_owned)).collect();
    all_are_delivered_and_shown(&rig, &ids).await?;
    for id in &ids {
        let delivery = rig.api().delivery(id).await?;
        ensure!(!outcomes(&delivery).contains(&"unknown"), "an exchange loses no attempt's outcome: {delivery:#}");
    }
    what_was_taken_away_shuts_out(&rig, &second).await
}

/// Nothing is undelivered, so it resends nothing; its statements run all the same.
async fn resend_in_bulk(operator: &Api) -> Result<()> {
    let job =
        operator.post("/v1/bulk-resends", &json!({ "filter": { "merchant": "shop" } })).await?.expect_status(202)?;
    let path = format!("/v1/bulk-resends/{}", job["id"].as_str().context("an id")?);
    eventually("the bulk resend is done", PATIENCE, async || {
        let job = operator.get(&path).await?.expect_status(200)?;
        Ok((!job["finished_at"].is_null()).then_some(()))
    })
    .await
}

/// Those that run go on; one that starts is told whom it needs.
async fn what_was_taken_away_shuts_out(rig: &Rig, running: &Engine) -> Result<()> {
    connect(running).await?.execute_alone(CONTRACTED).await?;
    let refused = rig.engine.sibling().start().await.err().context("it started")?;
    let refused = format!("{refused:#}");
    ensure!(refused.contains("too new for this version") && refused.contains("knows migration 90"), "{refused}");
    let accepted = running.api().pay("shop", "last", serde_json::Value::Null).await?;
    rig.wait(&accepted.deliveries[0], "delivered").await.map(drop)
}

/// Gives way to others as `paybell migrate` does: no statement waits for its lock for long.
async fn migrate_as_a_newer_version(engine: &Engine) -> Result<()> {
    let mut database = connect(engine).await?;
    database.execute_alone("SET lock_timeout = '1s'").await?;
    for statement in NEWER {
        if statement.contains("CONCURRENTLY") {
            database.execute_alone("SET lock_timeout = 0").await?;
        }
        let mut tries = 1;
        while let Err(error) = database.execute_alone(statement).await {
            ensure!(tries < 20 && error.to_string().contains("lock timeout"), "{statement}: {error}");
            tries += 1;
        }
    }
    Ok(())
}

async fn connect(engine: &Engine) -> Result<PgConnection> {
    Ok(PgConnection::connect(&engine.setting("PAYBELL_DATABASE_URL").context("a database")?).await?)
}

trait ExecuteAlone {
    /// One statement in a transaction of its own.
    async fn execute_alone(&mut self, sql: &'static str) -> Result<(), sqlx::Error>;
}

impl ExecuteAlone for PgConnection {
    async fn execute_alone(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(sql).execute(self).await.map(drop)
    }
}

/// What operators look at, again and again, through statements that the processes prepared before the schema grew.
const PAGES: [&str; 9] = [
    "/v1/merchants?limit=5",
    "/v1/merchants/shop",
    "/v1/endpoints?merchant=shop",
    "/v1/payments?merchant=shop&limit=5",
    "/v1/deliveries?merchant=shop&limit=5",
    "/v1/deliveries?state=undelivered&limit=5",
    "/v1/deliveries?state=pending&limit=5",
    "/v1/audit?limit=5",
    "/readyz",
];

struct Readers {
    stopped: Arc<AtomicBool>,
    rounds: Vec<Arc<AtomicUsize>>,
    tasks: Vec<tokio::task::JoinHandle<Result<()>>>,
}

impl Readers {
    fn start(apis: Vec<Api>) -> Readers {
        let mut readers = Readers { stopped: Arc::default(), rounds: Vec::new(), tasks: Vec::new() };
        for api in apis {
            let rounds: Arc<AtomicUsize> = Arc::default();
            readers.rounds.push(Arc::clone(&rounds));
            readers.tasks.push(tokio::spawn(read_all(api, Arc::clone(&readers.stopped), rounds)));
        }
        readers
    }

    /// Waits until each process has answered every page at least once more from now on.
    async fn until_a_round_more(&self) -> Result<()> {
        for (rounds, task) in self.rounds.iter().zip(&self.tasks) {
            // The round that is under way may have begun before.
            let wanted = rounds.load(Ordering::Relaxed) + 2;
            eventually("a round of pages", PATIENCE, async || {
                Ok((rounds.load(Ordering::Relaxed) >= wanted || task.is_finished()).then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    async fn stop(self) -> Result<()> {
        self.stopped.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await??;
        }
        Ok(())
    }
}

async fn read_all(api: Api, stopped: Arc<AtomicBool>, rounds: Arc<AtomicUsize>) -> Result<()> {
    while !stopped.load(Ordering::Relaxed) {
        let mut whole = true;
        for page in PAGES {
            // No answer: the process is being exchanged.
            let Ok(answer) = api.get(page).await else {
                whole = false;
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            ensure!(answer.status == 200, "{page}: {} {}", answer.status, answer.body);
        }
        rounds.fetch_add(usize::from(whole), Ordering::Relaxed);
    }
    Ok(())
}
