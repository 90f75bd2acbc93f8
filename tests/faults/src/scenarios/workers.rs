//! Deaths and pauses of those who attempt.

use crate::behaviour::Behaviour;
use crate::checker::Terms;
use crate::layout::Layout;
use crate::proxy::Fault;
use crate::report::Report;
use crate::room::Room;
use crate::sender::Load;
use crate::stage::Stage;
use crate::troubles::Place;
use anyhow::{Result, ensure};
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

pub(super) async fn workers_are_killed_in_turn(room: Room) -> Result<Report> {
    let mut stage = Stage::bare(room, Layout::production(), Terms::default()).await?;
    // What a dead worker held counts against the endpoint's cap until its lease ends: so the cap is a high one.
    let behaviour = Behaviour::Slow(Duration::from_millis(5));
    stage.merchant("shop", "standard", behaviour, json!({ "concurrency_max": 1000 })).await?;
    stage.load(Load::of("p", 1_000_000, 150))?;
    for kill in 0..8_u64 {
        stage.until_seen(stage.receiver.requests() + 15 + kill * 3).await?;
        let name = if kill % 2 == 0 { "worker-1" } else { "worker-2" };
        stage.cluster.kill(name)?;
        stage.cluster.node(name)?.start_again().await?;
    }
    stage.fired("kills of workers", 8);
    stage.faults_over();
    stage.stop_loads();
    stage.finish().await
}

pub(super) async fn worker_is_killed_after_the_answer(room: Room) -> Result<Report> {
    let mut stage = Stage::bare(room, Layout::production(), Terms::default()).await?;
    let behaviour = Behaviour::OnTheTick(Duration::from_millis(300));
    stage.merchant("shop", "standard", behaviour, json!({ "concurrency_max": 1000 })).await?;
    stage.load(Load::of("p", 1_000_000, 300))?;
    let mut struck = 0;
    for round in 0..4 {
        let name = if round % 2 == 0 { "worker-1" } else { "worker-2" };
        stage.until("20 are in flight", || stage.receiver.in_flight("/shop") >= 20).await?;
        // The kill follows an acknowledgement before it can be recorded.
        let before = stage.receiver.acknowledged();
        stage.until("more answers are sent", || stage.receiver.acknowledged() >= before + 10).await?;
        struck += u64::from(stage.receiver.in_flight("/shop"));
        stage.cluster.kill(name)?;
        stage.cluster.node(name)?.start_again().await?;
    }
    stage.fired("attempts in flight at the kills", struck);
    stage.faults_over();
    stage.stop_loads();
    let report = stage.finish().await?;
    ensure!(report.counts.repeated > 0, "no kill came between an answer and its record, so nothing was tested");
    Ok(report)
}

pub(super) async fn worker_is_frozen(room: Room) -> Result<Report> {
    let mut stage = Stage::set(room, Layout::production()).await?;
    stage.receiver.behave("/shop", Behaviour::Slow(Duration::from_millis(40)));
    stage.load(Load::of("p", 1_000_000, 300))?;
    stage.until_seen(200).await?;
    stage.cluster.freeze("worker-1")?;
    let held = u64::from(stage.receiver.in_flight("/shop"));
    sleep(Duration::from_millis(8_500)).await;
    stage.stop_loads();
    stage.cluster.thaw("worker-1")?;
    stage.fired("freezes of a worker", 1);
    stage.room.say(&format!("{held} were in flight at the freeze"));
    stage.faults_over();
    // What the frozen one does when it wakes is to be seen before the end.
    sleep(Duration::from_millis(1_500)).await;
    stage.finish().await
}

pub(super) async fn worker_is_frozen_within_its_claims(room: Room) -> Result<Report> {
    let mut stage = Stage::set(room, Layout::production().with("worker-3", "worker")).await?;
    let short = json!({ "concurrency_max": 200, "lifetime_s": 5 });
    stage.merchant("short", "standard", Behaviour::Ok, short).await?;
    stage.terms.unwilling.push("/short".to_owned());
    stage.load(Load::of("p", 1_000_000, 150).to(&["shop", "short"]).connections(96))?;
    stage.until_seen(50).await?;
    let frozen = ["worker-1", "worker-2"];
    let mut caught = 0;
    // A freeze that caught nothing is made anew.
    for _ in 0..8 {
        caught = freeze_within_claims(&stage, &frozen).await?;
        if caught > 0 {
            break;
        }
        for name in frozen {
            stage.cluster.thaw(name)?;
        }
    }
    sleep(Duration::from_millis(7_800)).await;
    stage.stop_loads();
    for name in frozen {
        stage.cluster.thaw(name)?;
    }
    stage.fired("claims that frozen workers held", caught);
    stage.faults_over();
    sleep(Duration::from_millis(1_500)).await;
    stage.finish().await
}

/// Freezes workers while the answers to their claims are on their way, which takes long enough for many to be. Answers
/// how many claims they hold.
async fn freeze_within_claims(stage: &Stage, names: &[&str]) -> Result<u64> {
    let to_postgres = &stage.cluster.servers()?.to_postgres;
    stage.cluster.trouble(Place::Database, "the link to PostgreSQL");
    to_postgres.set(Fault::Delay(Duration::from_millis(120)));
    sleep(Duration::from_millis(1_500)).await;
    for name in names {
        stage.cluster.freeze(name)?;
    }
    to_postgres.set(Fault::None);
    stage.cluster.trouble_is_over("the link to PostgreSQL");
    sleep(Duration::from_millis(1_000)).await;
    stage.cluster.source().claims_held(Duration::from_millis(500)).await
}

pub(super) async fn worker_drains(room: Room) -> Result<Report> {
    let mut stage = Stage::set(room, Layout::production().setting("PAYBELL_DRAIN", "6s")).await?;
    for number in 0..3 {
        let name = format!("slow-{number}");
        let slow = Behaviour::Slow(Duration::from_millis(1_200));
        stage.merchant(&name, "standard", slow, json!({ "concurrency_max": 50 })).await?;
    }
    stage.load(Load::of("p", 400, 400).to(&["slow-0", "slow-1", "slow-2"]))?;
    let in_flight = |stage: &Stage| (0..3).map(|n| stage.receiver.in_flight(&format!("/slow-{n}"))).sum::<u32>();
    stage.until("100 are in flight", || in_flight(&stage) >= 100).await?;
    let count = u64::from(in_flight(&stage));
    for name in ["worker-1", "worker-2"] {
        let engine = stage.cluster.node(name)?;
        let status = tokio::task::block_in_place(|| engine.terminate())?;
        ensure!(status.success(), "{name} did not drain in its grace time: {status}");
        engine.start_again().await?;
    }
    stage.fired("in flight at SIGTERM", count);
    stage.faults_over();
    let report = stage.finish().await?;
    let unknown = report.counts.attempts.get("unknown").copied().unwrap_or(0);
    ensure!(
        unknown == 0 && report.counts.repeated == 0,
        "a drain loses nothing and repeats nothing: {:?}",
        report.counts
    );
    Ok(report)
}
