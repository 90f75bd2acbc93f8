//! Redis, and the way to it.

use crate::behaviour::Behaviour;
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

/// Two merchants: one quick, and one that is slow, so that a backlog of it is in the queue.
async fn with_backlog(room: Room) -> Result<Stage> {
    let mut stage = Stage::set(room, Layout::production()).await?;
    // Slow enough that a backlog comes about even where the machine is too busy for the whole load.
    let slow = Behaviour::Slow(Duration::from_millis(200));
    stage.merchant("slow", "ok-body", slow, json!({ "concurrency_max": 20 })).await?;
    Ok(stage)
}

pub(super) async fn redis_is_killed_and_comes_back_empty(room: Room) -> Result<Report> {
    let mut stage = with_backlog(room).await?;
    stage.load(Load::of("p", 1_500, 500).to(&["shop", "slow"]))?;
    stage.until_accepted(400).await?;
    stage.cluster.kill_redis()?;
    let before = stage.accepted();
    stage.until_accepted(before + 200).await?;
    stage.cluster.start_redis()?;
    stage.fired("kills of Redis", 1);
    stage.faults_over();
    let report = stage.finish().await?;
    ensure!(report.slowest_refusal_s == 0.0, "the intake refused, though the queue is no matter of its");
    Ok(report)
}

pub(super) async fn redis_is_flushed(room: Room) -> Result<Report> {
    let mut stage = with_backlog(room).await?;
    stage.load(Load::of("p", 1_500, 500).to(&["shop", "slow"]))?;
    let mut lost = 0;
    for _ in 0..3 {
        stage.until_accepted(stage.accepted() + 300).await?;
        lost += queued(&stage)?;
        stage.cluster.flush_redis()?;
    }
    stage.fired("jobs lost by FLUSHALL", lost);
    stage.faults_over();
    stage.finish().await
}

/// How many jobs wait in Redis.
fn queued(stage: &Stage) -> Result<u64> {
    let script = "local n = 0 for _, key in ipairs(redis.call('KEYS', '*lane:*')) do n = n + redis.call('ZCARD', key) end return n";
    count(stage, script)
}

/// Runs a script in Redis that answers a number.
fn count(stage: &Stage, script: &str) -> Result<u64> {
    count_by(stage, &["EVAL", script, "0"])
}

fn count_by(stage: &Stage, words: &[&str]) -> Result<u64> {
    let redis = &stage.cluster.servers()?.redis;
    let answer = tokio::task::block_in_place(|| redis.query(words))?;
    // The reply's type is the client's own; its words are enough here.
    let words: String = format!("{answer:?}").chars().filter(char::is_ascii_digit).collect();
    Ok(words.parse()?)
}

pub(super) async fn redis_is_full(room: Room) -> Result<Report> {
    let mut stage = with_backlog(room).await?;
    stage.load(Load::of("p", 1_500, 400).to(&["shop", "slow"]))?;
    stage.until_accepted(200).await?;
    let config = |value: &str| {
        let redis = &stage.cluster.servers()?.redis;
        tokio::task::block_in_place(|| redis.query(&["CONFIG", "SET", "maxmemory", value])).map(drop)
    };
    stage.cluster.trouble(Place::Queue, "redis");
    config("1")?;
    let before = stage.accepted();
    stage.until_accepted(before + 600).await?;
    let refused = count(&stage, "return redis.call('INFO', 'errorstats'):match('errorstat_OOM:count=(%d+)') + 0")?;
    config("0")?;
    stage.cluster.trouble_is_over("redis");
    stage.fired("commands refused by a full Redis", refused);
    stage.faults_over();
    let report = stage.finish().await?;
    ensure!(report.slowest_refusal_s == 0.0, "the intake refused, though the queue is no matter of its");
    Ok(report)
}

/// Ten minutes, scaled.
const DOWN: Duration = Duration::from_secs(120);

pub(super) async fn redis_is_down(room: Room) -> Result<Report> {
    let mut stage = with_backlog(room).await?;
    stage.load(Load::of("p", 13_000, 100).to(&["shop", "slow"]))?;
    stage.until_accepted(100).await?;
    stage.cluster.kill_redis()?;
    let seen = stage.receiver.requests();
    sleep(DOWN).await;
    let went_on = stage.receiver.requests() - seen;
    stage.room.say(&format!("while Redis was down for {DOWN:?}, {went_on} POSTs went out"));
    stage.cluster.start_redis()?;
    stage.fired("seconds without Redis", DOWN.as_secs());
    ensure!(
        went_on > DOWN.as_secs() * 2,
        "without Redis the workers look for themselves, but only {went_on} POSTs went out"
    );
    stage.faults_over();
    stage.stop_loads();
    let report = stage.finish().await?;
    ensure!(report.slowest_refusal_s == 0.0, "the intake refused, though the queue is no matter of its");
    Ok(report)
}

pub(super) async fn redis_is_a_black_hole(room: Room) -> Result<Report> {
    let mut stage = with_backlog(room).await?;
    stage.load(Load::of("p", 1_500, 250).to(&["shop", "slow"]))?;
    stage.until_accepted(200).await?;
    let to_redis = &stage.cluster.servers()?.to_redis;
    stage.cluster.link_to_redis(Fault::Blackhole)?;
    sleep(Duration::from_secs(4)).await;
    stage.cluster.link_to_redis(Fault::None)?;
    let affected = to_redis.affected();
    stage.fired("connections and pieces that the link to Redis swallowed", affected);
    stage.faults_over();
    let report = stage.finish().await?;
    ensure!(report.slowest_refusal_s == 0.0, "the intake refused, though the queue is no matter of its");
    Ok(report)
}

pub(super) async fn old_copy_is_restored(room: Room) -> Result<Report> {
    let mut stage = with_backlog(room).await?;
    stage.load(Load::of("p", 1_200, 500).to(&["shop", "slow"]))?;
    stage.until_accepted(600).await?;
    let redis = &stage.cluster.servers()?.redis;
    let stale = queued(&stage)?;
    tokio::task::block_in_place(|| redis.query(&["SAVE"]))?;
    // Most of what is in the copy is done by now.
    stage.until_accepted(1_100).await?;
    sleep(Duration::from_secs(2)).await;
    stage.cluster.kill_redis()?;
    stage.cluster.start_redis()?;
    stage.fired("stale jobs restored", stale);
    stage.faults_over();
    stage.finish().await
}

/// Puts jobs into their lanes: pairs of an endpoint's id and a payload, both in hex.
const REPEAT: &str = "
local prefix = redis.call('KEYS', '*turned')[1]:match('^(.*)turned$')
local added = 0
for i = 1, #ARGV, 2 do
    local payload = ARGV[i + 1]:gsub('..', function(byte) return string.char(tonumber(byte, 16)) end)
    added = added + redis.call('ZADD', prefix .. 'lane:' .. ARGV[i], 'NX', i, payload)
    redis.call('ZADD', prefix .. 'ring', 'NX', i, ARGV[i])
    redis.call('INCR', prefix .. 'depth')
end
return added";

pub(super) async fn ids_are_repeated(room: Room) -> Result<Report> {
    let mut layout = Layout::production();
    for number in 3..=8 {
        layout = layout.with(&format!("worker-{number}"), "worker");
    }
    let mut stage = Stage::set(room, layout).await?;
    let first_fails = vec![Behaviour::Answer(503, "busy", None), Behaviour::Slow(Duration::from_millis(60))];
    stage.receiver.behave("/shop", Behaviour::InTurn(first_fails));
    stage.load(Load::of("p", 600, 200))?;
    let mut repeated = 0;
    for _ in 0..60 {
        sleep(Duration::from_millis(40)).await;
        repeated += repeat_jobs(&stage).await?;
    }
    stage.fired("jobs repeated", repeated);
    stage.faults_over();
    stage.finish().await
}

/// Queues the last job of every pending delivery that was surely handed out once more, whoever is at it.
async fn repeat_jobs(stage: &Stage) -> Result<u64> {
    let dump = stage.cluster.source().dump().await?;
    let hex = |id: &str| id.replace('-', "");
    let mut words = vec!["EVAL".to_owned(), REPEAT.to_owned(), "0".to_owned()];
    for delivery in dump.deliveries.iter().filter(|delivery| delivery.state == "pending") {
        let endpoint = dump.endpoints.iter().find(|endpoint| endpoint.id == delivery.endpoint);
        let cap = endpoint.map_or(1, |endpoint| endpoint.concurrency_max);
        let attempts = delivery.attempts.saturating_sub(1);
        words.extend([hex(&delivery.endpoint), format!("{}{attempts:08x}{cap:08x}", hex(&delivery.id))]);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    count_by(stage, &words)
}
