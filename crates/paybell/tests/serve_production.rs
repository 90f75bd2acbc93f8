//! `paybell` against real PostgreSQL and Redis servers.

use anyhow::{Context, Result, ensure};
use paybell_testkit::{Engine, Postgres, Receiver, Redis};
use serde_json::{Value, json};
use std::process::{Command, Output};
use std::time::Duration;

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// The binary with the settings of production.
fn paybell(database_url: &str, redis_url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paybell"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PAYBELL_") {
            command.env_remove(name);
        }
    }
    let settings =
        [("PAYBELL_DATABASE_URL", database_url), ("PAYBELL_REDIS_URL", redis_url), ("PAYBELL_MASTER_KEY", KEY)];
    command.args(arguments).envs(settings).env("PAYBELL_LISTEN", "127.0.0.1:0");
    command
}

fn refusal(output: &Output) -> String {
    format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr))
}

fn check<'a>(report: &'a Value, name: &str) -> Result<&'a Value> {
    let checks = report["checks"].as_array().context("checks")?;
    checks.iter().find(|check| check["name"] == name).with_context(|| format!("no check {name} in {report}"))
}

fn doctor(database_url: &str, redis_url: &str) -> Result<(bool, Value)> {
    let output = paybell(database_url, redis_url, &["doctor", "--json"]).output()?;
    Ok((output.status.success(), serde_json::from_slice(&output.stdout)?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_migrated_is_refused_and_then_migrated_once() -> Result<()> {
    let database_url = Postgres::shared().await?.create_database().await?;
    let redis_url = Redis::shared_url()?;
    let run = |arguments: &[&str]| paybell(&database_url, &redis_url, arguments).output();
    let refused = refusal(&run(&["serve"])?);
    ensure!(refused.contains("exit status: 1") && refused.contains("run `paybell migrate` first"), "{refused}");
    let (healthy, report) = doctor(&database_url, &redis_url)?;
    ensure!(!healthy && check(&report, "migrations")?["cure"] == "run `paybell migrate`", "{report}");
    let applied: Value = serde_json::from_slice(&run(&["migrate", "--json"])?.stdout)?;
    ensure!(applied["applied"].as_array().is_some_and(|versions| !versions.is_empty()), "{applied}");
    let again: Value = serde_json::from_slice(&run(&["migrate", "--json"])?.stdout)?;
    ensure!(again == json!({ "applied": [], "newer": [] }), "{again}");
    let (healthy, report) = doctor(&database_url, &redis_url)?;
    ensure!(healthy && check(&report, "durability")?["status"] == "ok", "{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_may_lose_commits_is_refused_unless_it_is_allowed_by_name() -> Result<()> {
    let postgres = Postgres::start_with(&["fsync=off"])?;
    let (database_url, redis_url) = (postgres.create_database().await?, Redis::shared_url()?);
    ensure!(paybell(&database_url, &redis_url, &["migrate"]).status()?.success(), "migrating");
    let refused = refusal(&paybell(&database_url, &redis_url, &["serve"]).output()?);
    ensure!(refused.contains("fsync") && refused.contains("allow_unsafe_durability = true"), "{refused}");
    let engine = Engine::production(&database_url, &redis_url).setting("PAYBELL_ALLOW_UNSAFE_DURABILITY", "true");
    engine.start().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_warns_of_a_redis_that_throws_keys_away() -> Result<()> {
    let database_url = Postgres::shared().await?.create_database().await?;
    let redis = Redis::start()?;
    ensure!(paybell(&database_url, &redis.url(), &["migrate"]).status()?.success(), "migrating");
    ensure!(check(&doctor(&database_url, &redis.url())?.1, "redis policy")?["status"] == "ok", "at first");
    redis.query(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])?;
    let (healthy, report) = doctor(&database_url, &redis.url())?;
    ensure!(healthy && check(&report, "redis policy")?["status"] == "warn", "{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_in_processes_of_their_own_deliver_together() -> Result<()> {
    let receiver = Receiver::start(Vec::new())?;
    let database_url = Postgres::shared().await?.create_database().await?;
    let engine = Engine::production(&database_url, &Redis::shared_url()?).setting("PAYBELL_ROLES", "api");
    let api = engine.start().await?;
    let worker = api.sibling().setting("PAYBELL_ROLES", "worker,dispatcher").start().await?;
    let dashboard = api.sibling().setting("PAYBELL_ROLES", "dashboard").start().await?;
    api.api().create_merchant("shop").await?;
    api.api().create_endpoint("shop", &receiver.url("/paid"), "standard", Value::Null).await?;
    let accepted = api.api().pay("shop", "1", Value::Null).await?;
    let delivery = accepted.deliveries.first().context("a delivery")?;
    api.api().wait_delivery_state(delivery, "delivered", Duration::from_secs(15)).await?;
    ensure!(receiver.requests().len() == 1, "{:?}", receiver.requests());
    let metrics = worker.api().get("/metrics").await?.body;
    ensure!(metrics.as_str().is_some_and(|text| text.contains("paybell_attempts_total{outcome=\"acknowledged\"} 1")));
    ensure!(worker.api().get("/v1/payments").await?.status == 404, "a worker has no API");
    ensure!(worker.api().get("/").await?.status == 404, "a worker has no dashboard");
    ensure!(dashboard.api().get("/").await?.status == 303, "the dashboard asks who looks");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_and_accepts_while_redis_is_down() -> Result<()> {
    let receiver = Receiver::start(Vec::new())?;
    let redis = Redis::down()?;
    let database_url = Postgres::shared().await?.create_database().await?;
    let engine = Engine::production(&database_url, &redis.url()).setting("PAYBELL_GRACE", "1s").start().await?;
    engine.api().create_merchant("shop").await?;
    engine.api().create_endpoint("shop", &receiver.url("/paid"), "standard", Value::Null).await?;
    let accepted = engine.api().pay("shop", "1", Value::Null).await?;
    ensure!(engine.log().contains("Redis does not answer"), "{}", engine.log());
    redis.start_again()?;
    let delivery = accepted.deliveries.first().context("a delivery")?;
    engine.api().wait_delivery_state(delivery, "delivered", Duration::from_secs(100)).await?;
    Ok(())
}
