//! An embedded `paybell serve` and the demo, as real processes.

use anyhow::{Context, Result, ensure};
use paybell_testkit::{Engine, Receiver, Reply, eventually};
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_refused_the_folder_while_keys_still_work() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let engine = Engine::embedded(folder.path()).start().await?;
    let refused = engine.run(&["serve", "--listen", "127.0.0.1:0"]);
    let error = format!("{:#}", refused.expect_err("the folder is taken"));
    let process = engine.pid().context("it runs")?;
    ensure!(error.contains(&format!("another paybell (process {process}) runs on the data folder")), "{error}");
    ensure!(error.contains(&folder.path().display().to_string()), "{error}");
    ensure!(engine.run(&["keys", "list"])?.contains("gateway"), "keys work meanwhile");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_process_ends_with_success_and_leaves_its_folder_free() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let engine = Engine::embedded(folder.path()).start().await?;
    let ended = engine.terminate()?;
    ensure!(ended.success(), "{ended}");
    engine.start_again().await?;
    let log = engine.log();
    ensure!(log.contains("paybell is ready") && log.contains("embedded"), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_liveness_are_served_and_the_dashboard_wants_an_operator() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let engine = Engine::embedded(folder.path()).start().await?;
    let metrics = engine.api().get("/metrics").await?;
    ensure!(metrics.body.as_str().is_some_and(|text| text.contains("paybell_http_requests_total")), "{metrics:?}");
    ensure!(engine.api().get("/healthz").await?.status == 200, "alive");
    let page = engine.api().get("/").await?;
    let asked = page.headers.get("location").is_some_and(|to| to.to_str().is_ok_and(|to| to.starts_with("/sign-in")));
    ensure!(page.status == 303 && asked, "{page:?}");
    Ok(())
}

#[test]
fn the_demo_loses_nothing_and_counts_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = Command::new(env!("CARGO_BIN_EXE_paybell"))
        .args(["demo", "--payments", "25", "--json"])
        .current_dir(folder.path())
        .env("TMPDIR", folder.path())
        .output()?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{}: {out}{err}", output.status);
    let summary: Value = serde_json::from_str(&out).with_context(|| format!("one JSON object: {out}"))?;
    let figures = ["accepted", "delivered", "undelivered", "lost"].map(|name| summary[name].as_u64());
    ensure!(figures == [Some(25), Some(20), Some(5), Some(0)], "{summary}");
    let attempts = |merchant: &str| summary["merchants"][merchant]["attempts"].as_u64().unwrap_or(0);
    ensure!(attempts("bakery") == 5 && attempts("bookshop") == 15 && attempts("cinema") == 15, "{summary}");
    ensure!(std::fs::read_dir(folder.path())?.count() == 0, "the demo leaves nothing behind");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_flight_when_it_is_terminated_comes_to_its_end() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let receiver = Receiver::start(vec![Reply::ok().after(Duration::from_secs(2))])?;
    let engine = Engine::embedded(folder.path()).start().await?;
    engine.api().create_merchant("shop").await?;
    engine.api().create_endpoint("shop", &receiver.url("/paid"), "standard", Value::Null).await?;
    let accepted = engine.api().pay("shop", "1", Value::Null).await?;
    receiver.wait_for(1, Duration::from_secs(10)).await?;
    ensure!(engine.terminate()?.success(), "it ends with success");
    engine.start_again().await?;
    let delivery = engine.api().delivery(accepted.deliveries.first().context("a delivery")?).await?;
    let attempts = delivery["attempts"].as_array().context("attempts")?;
    ensure!(delivery["state"] == "delivered" && attempts.len() == 1, "{delivery}");
    ensure!(receiver.requests().len() == 1, "it was not repeated");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let receiver = Receiver::start(vec![Reply::Hang])?;
    let engine = Engine::embedded(folder.path()).start().await?;
    engine.api().create_merchant("shop").await?;
    engine.api().create_endpoint("shop", &receiver.url("/paid"), "standard", Value::Null).await?;
    engine.api().pay("shop", "1", Value::Null).await?;
    receiver.wait_for(1, Duration::from_secs(10)).await?;
    let process = engine.pid().context("it runs")?.to_string();
    ensure!(Command::new("kill").args(["-TERM", &process]).status()?.success(), "the first signal");
    eventually("it says that it stops", Duration::from_secs(5), async || {
        Ok(engine.log().contains("once more to stop at once").then_some(()))
    })
    .await?;
    let begun = Instant::now();
    let ended = engine.terminate()?;
    ensure!(ended.code() == Some(130) && begun.elapsed() < Duration::from_secs(5), "{ended}");
    Ok(())
}
