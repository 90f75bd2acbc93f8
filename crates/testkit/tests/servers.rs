//! The private servers start, die, come back, and do not outlive their owner.

use anyhow::{Context, Result, ensure};
use paybell_testkit::{Postgres, Redis, eventually};
use sqlx::{Connection as _, PgConnection};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

#[tokio::test]
async fn each_database_is_empty_and_its_server_durable() -> Result<()> {
    let postgres = Postgres::shared().await?;
    let (one, two) = (postgres.create_database().await?, postgres.create_database().await?);
    let mut first = PgConnection::connect(&one).await?;
    sqlx::raw_sql("CREATE TABLE here (x int)").execute(&mut first).await?;
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        let value: String =
            sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(&mut first).await?;
        ensure!(value == "on", "{setting} is {value}");
    }
    let mut second = PgConnection::connect(&two).await?;
    let found: Option<String> = sqlx::query_scalar("SELECT to_regclass('here')::text").fetch_one(&mut second).await?;
    ensure!(found.is_none(), "the second database has the first one's table");
    Ok(())
}

#[tokio::test]
async fn killed_postgres_comes_back_with_what_was_committed() -> Result<()> {
    let postgres = Postgres::start_with(&["work_mem=5MB"])?;
    let url = postgres.create_database().await?;
    let mut connection = PgConnection::connect(&url).await?;
    sqlx::raw_sql("CREATE TABLE kept AS SELECT 7 AS x").execute(&mut connection).await?;
    let first_pid = postgres.pid();
    postgres.kill9();
    ensure!(PgConnection::connect(&url).await.is_err(), "it still answers");
    postgres.start_again()?;
    ensure!(postgres.pid() != first_pid, "it is the same process");
    let mut connection = PgConnection::connect(&url).await?;
    let kept: i32 = sqlx::query_scalar("SELECT x FROM kept").fetch_one(&mut connection).await?;
    let work_mem: String = sqlx::query_scalar("SHOW work_mem").fetch_one(&mut connection).await?;
    ensure!((kept, work_mem.as_str()) == (7, "5MB"), "found {kept} and {work_mem}");
    Ok(())
}

#[test]
fn killed_redis_comes_back_empty() -> Result<()> {
    let redis = Redis::start()?;
    redis.query(&["SET", "key", "value"])?;
    redis.kill9();
    ensure!(redis.query(&["PING"]).is_err(), "it still answers");
    redis.start_again()?;
    ensure!(redis.query(&["DBSIZE"])? == redis::Value::Int(0), "it is not empty");
    Ok(())
}

#[test]
fn each_shared_redis_url_is_a_database_of_its_own() -> Result<()> {
    let (one, two) = (Redis::shared_url()?, Redis::shared_url()?);
    let mut first = redis::Client::open(one)?.get_connection()?;
    redis::cmd("SET").arg("key").arg("value").exec(&mut first)?;
    let mut second = redis::Client::open(two)?.get_connection()?;
    let size: u64 = redis::cmd("DBSIZE").query(&mut second)?;
    ensure!(size == 0, "the second database has {size} keys");
    Ok(())
}

/// Runs only as the child of the test below: starts servers, says their pids, and waits to be killed.
#[tokio::test]
#[ignore = "it is started by servers_die_with_a_test_process_that_is_killed"]
async fn owner_of_servers() -> Result<()> {
    let (postgres, redis) = (Postgres::shared().await?, Redis::start()?);
    let pids = format!("{} {}", postgres.pid().context("pid")?, redis.pid().context("pid")?);
    std::fs::write(std::env::var("PIDS_FILE")?, pids)?;
    std::future::pending().await
}

#[tokio::test]
async fn servers_die_with_a_test_process_that_is_killed() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("pids");
    let mut owner = Command::new(std::env::current_exe()?)
        .args(["--ignored", "--exact", "owner_of_servers"])
        .env("PIDS_FILE", &file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let pids = eventually("the servers start", Duration::from_secs(60), async || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        Ok(text.split_once(' ').map(|(one, two)| [one.to_owned(), two.to_owned()]))
    })
    .await?;
    for pid in &pids {
        ensure!(is_running(pid), "process {pid} does not run");
    }
    owner.kill()?;
    owner.wait()?;
    eventually("the servers die", Duration::from_secs(20), async || {
        Ok((!pids.iter().any(|pid| is_running(pid))).then_some(()))
    })
    .await
}

/// Whether the process exists and is more than an entry that nobody has collected yet.
fn is_running(pid: &str) -> bool {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid).join("status"));
    status.is_ok_and(|text| !text.contains("State:\tZ"))
}
