//! The database is lost, an older copy takes its place, and the gateway hands in again what it handed in since: the
//! steps of docs/OPERATIONS.md. Every payment that was ever answered with a 2xx is there, once, and acknowledged.

use crate::gateway::{Gateway, Log, list, pay, payment_id};
use crate::rig::{Mode, PATIENCE, Rig, in_both_modes};
use anyhow::{Context, Result, ensure};
use paybell_testkit::{Engine, Postgres, Reply, Request, eventually};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

in_both_modes!(older_copy_and_what_was_handed_in_since_make_a_whole);

async fn older_copy_and_what_was_handed_in_since_make_a_whole(mode: Mode) -> Result<()> {
    // Each payment is refused once and then acknowledged slowly, four at a time, so that some are in every state.
    let script = vec![Reply::new(503, ""), Reply::ok().after(Duration::from_millis(40))];
    let rig = Rig::start_with(mode, "standard", script, json!({ "concurrency_max": 4 }), |settings| settings).await?;
    let gateway = Gateway::start(vec![rig.api().clone()]);
    gateway.until_more_accepted(30).await?;
    let since = newest_accepted_at(&rig.engine).await?;
    gateway.until_more_accepted(30).await?;
    let delivered = eventually("some are delivered before the copy begins", PATIENCE, async || {
        let delivered = ids(&list(rig.api(), "/v1/deliveries?state=delivered").await?);
        Ok((!delivered.is_empty()).then_some(delivered))
    })
    .await?;
    let before = gateway.log();
    let copy = Copy::take(&rig).await?;
    let begun_by_then = gateway.log();
    gateway.until_more_accepted(60).await?;
    eventually("a payment that the copy cannot hold is acknowledged", PATIENCE, async || {
        let acknowledged = acknowledged(&rig.receiver.requests());
        Ok(acknowledged.iter().any(|id| !begun_by_then.contains_key(id)).then_some(()))
    })
    .await?;
    eventually("jobs wait in the queue", PATIENCE, async || Ok((jobs_in_redis(&rig)? >= 20).then_some(()))).await?;
    rig.engine.kill9();
    let log = gateway.stop().await?;
    ensure!(jobs_in_redis(&rig)? > 0, "Redis still holds jobs of the database that is lost");

    let restored = SystemTime::now();
    let engine = copy.restore(&rig).await?;
    let stored = payments(&engine, "/v1/payments?merchant=shop").await?;
    before.iter().filter_map(|(id, accepted)| Some((id, accepted.as_ref()?))).try_for_each(|(id, accepted)| {
        ensure!(stored.get(id) == Some(accepted), "{id} was accepted before the copy began, and is not in it");
        Ok(())
    })?;
    let lost = log.keys().filter(|id| !stored.contains_key(*id)).count();
    ensure!(lost >= 60, "the copy is older: {lost} payments are not in it");

    hand_in_again(&engine, &log, &stored).await?;
    let listed = payments(&engine, &format!("/v1/payments?accepted_since={since}")).await?;
    let missed: Vec<_> = log.keys().filter(|id| !before.contains_key(*id) && !listed.contains_key(*id)).collect();
    ensure!(missed.is_empty(), "handed in since the copy began, and not listed: {missed:?}");
    let _worker = start_worker(mode, &rig, &engine, restored).await?;
    everything_is_stored_once_and_acknowledged(&rig, &engine, &log).await?;
    merchants_can_tell_what_they_see_twice(&rig.receiver.requests(), &delivered, restored)
}

/// In production only the API ran until now, so that nothing was sent before all is as it should be.
async fn start_worker(mode: Mode, rig: &Rig, api: &Engine, restored: SystemTime) -> Result<Option<Engine>> {
    if mode == Mode::Embedded {
        return Ok(None);
    }
    let sent = rig.receiver.requests().iter().any(|request| request.at > restored);
    ensure!(!sent, "an API alone sends nothing");
    Ok(Some(api.sibling().setting("PAYBELL_ROLES", "worker,dispatcher").start().await?))
}

async fn newest_accepted_at(engine: &Engine) -> Result<String> {
    let newest = engine.api().get("/v1/payments?limit=1").await?.expect_status(200)?;
    Ok(newest["items"][0]["accepted_at"].as_str().context("a payment")?.to_owned())
}

/// How many jobs Redis holds; enough of them where there is none.
fn jobs_in_redis(rig: &Rig) -> Result<u64> {
    let Some(redis) = &rig.redis else { return Ok(u64::MAX) };
    let depth = format!("{:?}", redis.query(&["GET", "{paybell}:depth"])?);
    Ok(depth.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0))
}

/// All of the log, also what is in the copy: the gateway cannot know exactly what is.
async fn hand_in_again(engine: &Engine, log: &Log, stored: &BTreeMap<String, String>) -> Result<()> {
    for id in log.keys() {
        let answer = pay(engine.api(), id).await?;
        let known = stored.get(id);
        let expected = if known.is_some() { 200 } else { 202 };
        ensure!(answer.status == expected, "{id}, {known:?} in the copy: {} {}", answer.status, answer.body);
        ensure!(known.is_none_or(|known| *known == payment_id(&answer.body)), "{id} keeps its id");
    }
    Ok(())
}

async fn everything_is_stored_once_and_acknowledged(rig: &Rig, engine: &Engine, log: &Log) -> Result<()> {
    eventually("nothing is pending", PATIENCE, async || {
        let pending = engine.api().get("/v1/deliveries?state=pending&limit=1").await?.expect_status(200)?;
        Ok(pending["items"].as_array().is_some_and(Vec::is_empty).then_some(()))
    })
    .await?;
    let stored = payments(engine, "/v1/payments?merchant=shop").await?;
    ensure!(stored.keys().eq(log.keys()), "what is stored and the log differ");
    let acknowledged = acknowledged(&rig.receiver.requests());
    let untold: Vec<_> = log.keys().filter(|id| !acknowledged.contains(*id)).collect();
    ensure!(untold.is_empty(), "the merchant did not acknowledge {untold:?}");
    let delivered = list(engine.api(), "/v1/deliveries?state=delivered").await?;
    ensure!(delivered.len() == log.len(), "{} deliveries of {} payments", delivered.len(), log.len());
    Ok(())
}

/// What docs/OPERATIONS.md tells merchants.
fn merchants_can_tell_what_they_see_twice(
    requests: &[Request],
    delivered_in_the_copy: &BTreeSet<String>,
    restored: SystemTime,
) -> Result<()> {
    let mut webhook_ids: HashMap<String, BTreeSet<&str>> = HashMap::new();
    for request in requests {
        let header = |name: &str| request.header(name).with_context(|| format!("no {name}"));
        webhook_ids.entry(gateway_id(request)?).or_default().insert(header("webhook-id")?);
        let again = request.at > restored && delivered_in_the_copy.contains(header("paybell-delivery")?);
        ensure!(!again, "what the copy knows as delivered is not sent again");
    }
    let anew = webhook_ids.values().filter(|ids| ids.len() == 2).count();
    ensure!(anew > 0, "what the merchant saw and the copy does not hold comes with another webhook-id");
    ensure!(webhook_ids.values().all(|ids| ids.len() <= 2));
    Ok(())
}

/// A copy of the database, taken while it is used.
enum Copy {
    Postgres(Vec<u8>),
    Sqlite(TempDir),
}

impl Copy {
    async fn take(rig: &Rig) -> Result<Copy> {
        if let Some(url) = rig.engine.setting("PAYBELL_DATABASE_URL") {
            let mut dump = Postgres::shared().await?.command("pg_dump")?;
            return Ok(Copy::Postgres(succeeded(dump.args(["--format=custom", "--dbname", &url]).output()?)?));
        }
        let folder = TempDir::with_prefix("paybell-copy-")?;
        let mut live = open_sqlite(&data_folder(rig)?.join("paybell.db")).await?;
        sqlx::query("VACUUM INTO $1").bind(sqlite_copy(&folder).display().to_string()).execute(&mut live).await?;
        Ok(Copy::Sqlite(folder))
    }

    /// Does away with the database, puts the copy in its place, and starts an engine on it.
    async fn restore(&self, rig: &Rig) -> Result<Engine> {
        let engine = match self {
            Copy::Postgres(dump) => {
                let postgres = Postgres::shared().await?;
                drop_database(postgres, &rig.engine.setting("PAYBELL_DATABASE_URL").context("a database")?).await?;
                let url = postgres.create_database().await?;
                let mut restore = postgres.command("pg_restore")?;
                let restore = restore.args(["--exit-on-error", "--no-owner", "--dbname", &url]).stdin(Stdio::piped());
                let mut restoring = restore.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
                restoring.stdin.take().context("standard input")?.write_all(dump)?;
                succeeded(restoring.wait_with_output()?)?;
                rig.engine.sibling().setting("PAYBELL_DATABASE_URL", url).setting("PAYBELL_ROLES", "api")
            }
            Copy::Sqlite(copy) => {
                let folder = data_folder(rig)?;
                for entry in std::fs::read_dir(&folder)? {
                    std::fs::remove_file(entry?.path())?;
                }
                std::fs::copy(sqlite_copy(copy), folder.join("paybell.db"))?;
                rig.engine.sibling()
            }
        };
        engine.start().await
    }
}

fn sqlite_copy(folder: &TempDir) -> PathBuf {
    folder.path().join("copy.db")
}

async fn drop_database(postgres: &Postgres, url: &str) -> Result<()> {
    let name = url.rsplit('/').next().context("a name")?;
    let mut connection = PgConnection::connect(&postgres.url("postgres")).await?;
    let drop = sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"));
    sqlx::raw_sql(drop).execute(&mut connection).await.map(std::mem::drop).context("drop the database")
}

async fn open_sqlite(file: &Path) -> Result<SqliteConnection> {
    SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.context("open the live database")
}

fn data_folder(rig: &Rig) -> Result<PathBuf> {
    Ok(rig.engine.setting("PAYBELL_DATA_DIR").context("a data folder")?.into())
}

fn succeeded(output: Output) -> Result<Vec<u8>> {
    ensure!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

/// Paybell's id of each payment of a list, by the gateway's id.
async fn payments(engine: &Engine, path: &str) -> Result<BTreeMap<String, String>> {
    let listed = list(engine.api(), path).await?;
    let text = |item: &Value, field: &str| item[field].as_str().map(str::to_owned).context("text");
    let payments: BTreeMap<_, _> =
        listed.iter().map(|item| Ok((text(item, "id")?, text(item, "payment_id")?))).collect::<Result<_>>()?;
    ensure!(payments.len() == listed.len(), "{} of {} payments are there twice", payments.len(), listed.len());
    Ok(payments)
}

fn ids(items: &[Value]) -> BTreeSet<String> {
    items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)).collect()
}

/// The gateway's ids of what the merchant acknowledged: every request but the first of each `webhook-id`.
fn acknowledged(requests: &[Request]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let again = requests.iter().filter(|request| !seen.insert(request.header("webhook-id")));
    again.filter_map(|request| gateway_id(request).ok()).collect()
}

fn gateway_id(request: &Request) -> Result<String> {
    let body: Value = serde_json::from_slice(&request.body)?;
    Ok(body["data"]["id"].as_str().context("the gateway's id")?.to_owned())
}
