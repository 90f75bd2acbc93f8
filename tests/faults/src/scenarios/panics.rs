//! A job at which the handler panics, again and again.

use crate::behaviour::Behaviour;
use crate::checker::Terms;
use crate::layout::Layout;
use crate::report::Report;
use crate::room::Room;
use crate::sender::Load;
use crate::stage::Stage;
use anyhow::{Context, Result, ensure};
use paybell_testkit::{Api, eventually};
use serde_json::{Value, json};
use std::time::Duration;

/// So many panics end a delivery.
const PANICS: u64 = 3;
/// How long a delivery may take to its end here.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn handler_panics(room: Room) -> Result<Report> {
    let mut stage = Stage::bare(room, Layout::single(), Terms::default()).await?;
    stage.merchant("poison", "standard", Behaviour::Ok, json!({})).await?;
    stage.merchant("shop", "ok-body", Behaviour::Ok, json!({ "concurrency_max": 50 })).await?;
    // Its merchant is willing; the engine is not able to.
    stage.terms.unwilling.push("/poison".to_owned());
    stage.cluster.arm("worker-1", Some(&format!("answered={PANICS}*panic"))).await?;
    let worker = stage.cluster.node("worker-1")?;
    let lives_as = worker.pid();
    let api = stage.api()?;

    stage.load(Load { repeat_every: 0, ..Load::of("poison", 1, 10).to(&["poison"]) })?;
    stage.loads_end().await?;
    let poisoned = the_delivery_of(&api, "poison").await?;
    let delivery = api.wait_delivery_state(&poisoned, "undelivered", PATIENCE).await?;
    stage.room.say(&format!("the poisoned delivery: {delivery}"));
    ensure!(delivery["reason"] == "panicked", "its reason says why: {delivery:#}");
    let attempts = delivery["attempts"].as_array().context("a delivery is shown with its attempts")?;
    let panicked = attempts.iter().filter(|attempt| attempt["outcome"] == "panicked").count();
    ensure!((panicked, attempts.len()) == (3, 3), "exactly three attempts panicked: {delivery:#}");

    stage.load(Load::of("p", 600, 200))?;
    stage.loads_end().await?;
    delivers_on(&stage).await?;
    let worker = stage.cluster.node("worker-1")?;
    ensure!(worker.pid() == lives_as && worker.ended().is_none(), "the worker's process did not live on");
    let counted = metric(worker.api(), "paybell_handler_panics_total").await?;
    ensure!(counted == PANICS, "the metric says {counted} panics");
    stage.fired("panics of the handler", counted);

    stage.act(&format!("/v1/deliveries/{poisoned}/resend"), &json!({}), "delivery.resend", &poisoned).await?;
    let again = resend_of(&api, &poisoned).await?;
    api.wait_delivery_state(&again, "delivered", PATIENCE).await?;
    stage.faults_over();
    let report = stage.finish().await?;
    let undelivered = report.counts.deliveries.get("undelivered").copied();
    ensure!(undelivered == Some(1), "only the poisoned one is undelivered: {:?}", report.counts.deliveries);
    Ok(report)
}

/// Waits until nothing is pending.
async fn delivers_on(stage: &Stage) -> Result<()> {
    let source = stage.cluster.source();
    eventually("all others are delivered", PATIENCE, async || Ok((source.reading(0).await?.pending == 0).then_some(())))
        .await
}

async fn deliveries_of(api: &Api, merchant: &str) -> Result<Vec<Value>> {
    let page = api.get(&format!("/v1/deliveries?merchant={merchant}&limit=10")).await?.expect_status(200)?;
    page["items"].as_array().cloned().context("a page has items")
}

async fn the_delivery_of(api: &Api, merchant: &str) -> Result<String> {
    let deliveries = deliveries_of(api, merchant).await?;
    ensure!(deliveries.len() == 1, "one payment has one delivery: {deliveries:?}");
    deliveries[0]["id"].as_str().map(str::to_owned).context("a delivery has an id")
}

async fn resend_of(api: &Api, first: &str) -> Result<String> {
    let deliveries = deliveries_of(api, "poison").await?;
    let again = deliveries.iter().filter_map(|delivery| delivery["id"].as_str()).find(|id| *id != first);
    again.map(str::to_owned).context("the resend made no delivery")
}

/// The sum of a counter over its labels, as a process tells it.
async fn metric(api: &Api, name: &str) -> Result<u64> {
    let text = api.get("/metrics").await?.expect_status(200)?;
    let text = text.as_str().context("the metrics are text")?;
    let values = text.lines().filter(|line| line.starts_with(name)).filter_map(|line| line.rsplit(' ').next());
    values.map(|value| Ok(value.parse::<u64>()?)).sum()
}
