//! A short scenario without faults in which every planted bug matters: merchants that acknowledge, that fail first, that
//! answer wrongly, that are slow, that never answer; and people who settle and resend.

use crate::behaviour::Behaviour::{self, Answer, Hang, InTurn, Slow};
use crate::layout::Layout;
use crate::report::Report;
use crate::room::Room;
use crate::sender::Load;
use crate::stage::Stage;
use anyhow::{Context, Result};
use paybell_testkit::eventually;
use serde_json::{Value, json};
use std::time::Duration;

/// The merchants beside `shop`.
const OTHERS: [&str; 5] = ["flaky", "wrong", "slow", "late", "sick"];
/// How many payments each of them gets.
const EACH: u64 = 8;
/// How many deliveries a person settles, and how many a person resends.
const SETTLES: usize = 3;
const RESENDS: usize = 2;

/// Plays it; what the checker finds is in the report.
pub(crate) async fn play(room: Room, layout: Layout, patience: Duration, awaits_gauges: bool) -> Result<Report> {
    let mut stage = Stage::set(room, layout).await?;
    stage.settle_within = patience;
    stage.terms.awaits_gauges = awaits_gauges;
    place_merchants(&mut stage).await?;
    // It lasts for over 2 s, so that what comes much later than it should still comes within the run.
    stage.load(Load::of("p", 60, 25))?;
    stage.load(Load::of("q", EACH * OTHERS.len() as u64, 200).to(&OTHERS))?;
    let acts = people_act(&stage).await?;
    stage.receiver.behave("/sick", Behaviour::Ok);
    stage.loads_end().await?;
    stage.fired("acts of people", acts);
    stage.faults_over();
    stage.finish().await
}

async fn place_merchants(stage: &mut Stage) -> Result<()> {
    let failure = || Answer(500, "", None);
    let flaky = InTurn(vec![failure(), failure(), failure(), Behaviour::Ok]);
    stage.merchant("flaky", "standard", flaky, json!({})).await?;
    let wrong = InTurn(vec![Answer(200, "<html>ok</html>", None), Behaviour::Ok]);
    stage.merchant("wrong", "ok-body", wrong, json!({})).await?;
    let slow = Slow(Duration::from_millis(300));
    stage.merchant("slow", "standard", slow, json!({ "concurrency_max": 2 })).await?;
    // The first attempt takes its 2 s; the second begins in time, and must end with the deadline.
    stage.merchant("late", "standard", Hang, json!({ "lifetime_s": 3, "concurrency_max": 20 })).await?;
    stage.terms.unwilling.push("/late".to_owned());
    stage.merchant("sick", "standard", failure(), json!({})).await?;
    Ok(())
}

/// People settle what a sick merchant does not take, and resend what a sound one has taken. Answers how often.
async fn people_act(stage: &Stage) -> Result<u64> {
    let sick = ids(stage, "/v1/deliveries?merchant=sick&limit=100", SETTLES).await?;
    for id in &sick {
        let who = json!({ "who": "Ada", "note": "told by telephone" });
        stage.act(&format!("/v1/deliveries/{id}/settle"), &who, "delivery.settle", id).await?;
    }
    let taken = ids(stage, "/v1/deliveries?merchant=shop&state=delivered&limit=100", RESENDS).await?;
    for id in &taken {
        stage.act(&format!("/v1/deliveries/{id}/resend"), &json!({}), "delivery.resend", id).await?;
    }
    Ok((sick.len() + taken.len()).try_into()?)
}

/// The first ids of a list, once it has so many.
async fn ids(stage: &Stage, path: &str, count: usize) -> Result<Vec<String>> {
    let api = stage.api()?;
    let what = format!("{path} has {count}");
    let listed = eventually(&what, Duration::from_secs(20), async || {
        let page = api.get(path).await?.expect_status(200)?;
        let items = page["items"].as_array().context("a list has items")?;
        let id = |item: &Value| item["id"].as_str().map(str::to_owned);
        Ok((items.len() >= count).then(|| items.iter().filter_map(id).take(count).collect()))
    });
    listed.await
}
