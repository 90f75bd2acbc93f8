//! Much at once.

use crate::behaviour::Behaviour;
use crate::checker::Terms;
use crate::evidence::now_us;
use crate::layout::Layout;
use crate::report::{Report, latency_p99_us};
use crate::room::Room;
use crate::sender::Load;
use crate::stage::Stage;
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

/// An hour's outage, scaled: what waits has been tried until its delays were as long as they get.
pub(super) async fn merchant_comes_back(room: Room) -> Result<Report> {
    const COUNT: u64 = 100_000;
    let layout = Layout::production().setting("PAYBELL_RETRY_CAP", "5s").setting("PAYBELL_LIFETIME", "1h");
    let mut stage = Stage::set(room, layout).await?;
    stage.terms.retry_cap_us = 5_000_000;
    stage.merchant("away", "standard", Behaviour::Reset, json!({ "concurrency_max": 30 })).await?;
    stage.load(Load { repeat_every: 1_000, ..Load::of("away", COUNT, 20_000).to(&["away"]).connections(64) })?;
    stage.loads_end().await?;
    // Another merchant is served as usual while it comes back.
    stage.load(Load::of("p", 1_000, 50))?;
    let tried = stage.receiver.requests();
    let waiting = stage.cluster.source().reading(0).await?.pending;
    stage.room.say(&format!("{waiting} wait, after {tried} requests in vain; the merchant comes back"));
    ensure!(waiting > i64::try_from(COUNT * 9 / 10)?, "only {waiting} wait");
    stage.receiver.behave("/away", Behaviour::Slow(Duration::from_millis(5)));
    stage.fired("deliveries that waited for the merchant", u64::try_from(waiting)?);
    stage.faults_over();
    stage.settle_within = Duration::from_secs(180);
    stage.finish().await
}

/// How much worse the others' p99 may be beside a merchant that hangs: a fifth, and what the machine itself varies by.
const NOISE_US: i64 = 30_000;

pub(super) async fn one_merchant_times_out(room: Room) -> Result<Report> {
    const COUNT: u64 = 50_000;
    let mut layout = Layout::production();
    for (name, value) in [("TIME_LIMIT", "30s"), ("VISIBILITY", "36s"), ("LIFETIME", "1h")] {
        layout = layout.setting(&format!("PAYBELL_{name}"), value);
    }
    let terms = Terms { time_limit_us: 30_000_000, visibility_us: 36_000_000, ..Terms::default() };
    let mut stage = Stage::bare(room, layout, terms).await?;
    stage.merchant("shop", "standard", Behaviour::Ok, json!({ "concurrency_max": 50 })).await?;
    stage.merchant("hung", "standard", Behaviour::Hang, json!({ "concurrency_max": 50 })).await?;
    // The first payments of young processes are slower, which would make the comparison a lenient one.
    p99_of_shop(&mut stage, "first").await?;
    let alone = p99_of_shop(&mut stage, "alone").await?;
    stage.load(Load { repeat_every: 1_000, ..Load::of("hung", COUNT, 20_000).to(&["hung"]).connections(64) })?;
    stage.loads_end().await?;
    let waiting = stage.cluster.source().reading(0).await?.pending;
    let beside = p99_of_shop(&mut stage, "beside").await?;
    stage.room.say(&format!("p99 alone {alone} µs, beside {waiting} that wait {beside} µs"));
    stage.fired("deliveries that waited beside", u64::try_from(waiting)?);
    let hung = u64::from(stage.receiver.in_flight("/hung"));
    stage.fired("requests that hung beside", hung);
    stage.receiver.behave("/hung", Behaviour::Ok);
    stage.faults_over();
    stage.settle_within = Duration::from_secs(240);
    let report = stage.finish().await?;
    ensure!(waiting > i64::try_from(COUNT * 9 / 10)?, "only {waiting} waited");
    let allowed = alone + alone / 5 + NOISE_US;
    ensure!(beside <= allowed, "p99 was {alone} µs alone and {beside} µs beside a hung merchant");
    Ok(report)
}

/// The 99th percentile of how long 2,000 payments of `shop` took to their first POST, in µs.
async fn p99_of_shop(stage: &mut Stage, prefix: &str) -> Result<i64> {
    let from = now_us();
    stage.load(Load::of(prefix, 2_000, 100))?;
    stage.loads_end().await?;
    let until = now_us();
    // The last ones are on their way.
    sleep(Duration::from_secs(1)).await;
    latency_p99_us(&stage.room.folder, "shop", from, until)
}
