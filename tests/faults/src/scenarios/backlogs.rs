//! Much at once.

use crate::behaviour::Behaviour;
use crate::checker::Terms;
use crate::evidence::now_us;
use crate::layout::Layout;
use crate::report::{Report, latency_p99_us};
use crate::sender::Load;
use crate::stage::{Room, Stage};
use anyhow::{Result, ensure};
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

pub(super) async fn ten_thousand_at_once(room: Room) -> Result<Report> {
    many_at_once(room, 10_000).await
}

pub(super) async fn hundred_thousand_at_once(room: Room) -> Result<Report> {
    many_at_once(room, 100_000).await
}

/// All of it is accepted while nobody attempts, and comes due while nobody dispatches.
async fn many_at_once(room: Room, count: u64) -> Result<Report> {
    let layout = Layout::production().setting("PAYBELL_LIFETIME", "1h");
    let mut stage = Stage::bare(room, layout, Terms::default()).await?;
    let merchants = ["shop-1", "shop-2", "shop-3", "shop-4"];
    for name in merchants {
        stage.merchant(name, "standard", Behaviour::Ok, json!({ "concurrency_max": 50 })).await?;
    }
    let away = ["worker-1", "worker-2", "dispatcher-1"];
    for name in away {
        stage.cluster.kill(name)?;
    }
    stage.load(Load::of("p", count, 20_000).to(&merchants).connections(64))?;
    stage.loads_end().await?;
    // By now all of it is past its grace time, and the queue has forgotten it.
    sleep(Duration::from_millis(1_200)).await;
    tokio::task::block_in_place(|| stage.cluster.servers()?.redis.flushall())?;
    for name in away {
        stage.cluster.node(name)?.start_again().await?;
    }
    stage.fired("due at one instant", count);
    stage.faults_over();
    stage.settle_within = Duration::from_secs(60).max(Duration::from_millis(count * 6));
    stage.finish().await
}

pub(super) async fn merchant_comes_back(room: Room) -> Result<Report> {
    const COUNT: u64 = 5_000;
    let mut stage = Stage::set(room, Layout::production().setting("PAYBELL_RETRY_CAP", "5s")).await?;
    stage.terms.retry_cap_us = 5_000_000;
    stage.merchant("away", "standard", Behaviour::Hang, json!({ "concurrency_max": 20 })).await?;
    stage.load(Load::of("away", COUNT, 1_000).to(&["away"]))?;
    stage.load(Load::of("p", 500, 50))?;
    stage.until_accepted(COUNT + 400).await?;
    let waiting = stage.cluster.source().reading(0).await?.pending;
    stage.receiver.behave("/away", Behaviour::Slow(Duration::from_millis(15)));
    stage.fired("deliveries that waited for the merchant", u64::try_from(waiting)?);
    stage.faults_over();
    stage.finish().await
}

pub(super) async fn one_merchant_times_out(room: Room) -> Result<Report> {
    let mut stage = Stage::set(room, Layout::production()).await?;
    stage.merchant("hung", "standard", Behaviour::Hang, json!({ "concurrency_max": 50 })).await?;
    stage.terms.unwilling.push("/hung".to_owned());
    stage.load(Load::of("alone", 1_000, 100))?;
    stage.loads_end().await?;
    let (from, until) = (0, now_us());
    let alone = latency_p99_us(&stage.room.folder, "shop", from, until)?;
    stage.load(Load::of("hung", 3_000, 1_000).to(&["hung"]))?;
    stage.loads_end().await?;
    let from = now_us();
    stage.load(Load::of("beside", 1_000, 100))?;
    stage.loads_end().await?;
    sleep(Duration::from_secs(1)).await;
    let beside = latency_p99_us(&stage.room.folder, "shop", from, now_us())?;
    stage.room.say(&format!("p99 alone {alone} µs, beside {beside} µs"));
    let timed_out = u64::from(stage.receiver.in_flight("/hung"));
    stage.fired("requests that hung beside", timed_out);
    stage.receiver.behave("/hung", Behaviour::Ok);
    stage.faults_over();
    let report = stage.finish().await?;
    // A fifth worse at most; some milliseconds are the machine's own noise.
    ensure!(beside <= alone + alone / 5 + 30_000, "p99 was {alone} µs alone and {beside} µs beside a hung merchant");
    Ok(report)
}
