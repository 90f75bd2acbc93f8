//! Carries out a plan.

use crate::behaviour::Behaviour;
use crate::checker::Terms;
use crate::layout::Layout;
use crate::plan::{Plan, Step, Strike};
use crate::proxy::Fault;
use crate::report::Report;
use crate::room::Room;
use crate::sender::Load;
use crate::stage::Stage;
use anyhow::Result;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep_until};

/// How often processes that ended by themselves, as they do without a database, are started again.
const REVIVE_EVERY: Duration = Duration::from_millis(300);

/// Runs a plan against two processes of each role.
///
/// # Errors
/// When a planned fault did not strike, or the engine did not recover. What the checker finds is in the report.
pub async fn run_plan(room: Room, plan: &Plan) -> Result<Report> {
    let mut stage = Stage::bare(room, Layout::doubled(), Terms::default()).await?;
    stage.seed = Some(plan.seed);
    let merchants: Vec<String> = (0..plan.merchants).map(|number| format!("shop-{number}")).collect();
    for (merchant, dialect) in merchants.iter().zip(["standard", "ok-body"].into_iter().cycle()) {
        stage.merchant(merchant, dialect, Behaviour::Ok, json!({ "concurrency_max": 20 })).await?;
    }
    let mut load = Load::of("p", u64::MAX, plan.per_second);
    load.merchants.clone_from(&merchants);
    // Faults may follow each other so closely that an outcome stays unknown for long.
    load.give_up = plan.length + Duration::from_secs(120);
    load.payments = u64::from(u32::MAX);
    stage.load(load)?;
    strike_all(&mut stage, plan, &merchants).await?;
    stage.faults_over();
    stage.stop_loads();
    stage.finish().await
}

/// The beginnings and ends of all faults, in the order of time.
async fn strike_all(stage: &mut Stage, plan: &Plan, merchants: &[String]) -> Result<()> {
    let mut moments: Vec<(Duration, bool, &Step)> = Vec::new();
    for step in &plan.steps {
        moments.push((step.at, false, step));
        moments.push((step.at + step.lasts, true, step));
    }
    moments.sort_by_key(|(at, ends, _)| (*at, *ends));
    let begun = Instant::now();
    let mut struck: BTreeMap<String, u64> = BTreeMap::new();
    for (at, ends, step) in moments {
        while Instant::now() < begun + at {
            stage.cluster.revive()?;
            sleep_until((begun + at).min(Instant::now() + REVIVE_EVERY)).await;
        }
        let verb = if ends { "end of" } else { "now" };
        stage.room.say(&format!("{:6.1} s: {verb} {:?}; {} accepted", at.as_secs_f64(), step.strike, stage.accepted()));
        if ends {
            let count = end(stage, &step.strike, merchants, struck.get(&lane(&step.strike)).copied()).await?;
            stage.note_strike(&format!("{:?}", step.strike), count);
        } else {
            let before = begin(stage, &step.strike, merchants)?;
            struck.insert(lane(&step.strike), before);
        }
    }
    stage.cluster.revive_all().await
}

/// The place of a fault: those of one place never overlap.
fn lane(strike: &Strike) -> String {
    match strike {
        Strike::Kill(name) | Strike::Freeze(name) | Strike::Terminate(name) => name.clone(),
        Strike::KillPostgres | Strike::LinkToPostgres(_) => "postgres".to_owned(),
        Strike::KillRedis | Strike::FlushRedis | Strike::LinkToRedis(_) => "redis".to_owned(),
        Strike::SickMerchants => "merchants".to_owned(),
    }
}

/// Begins a fault; answers the count from which its effects are told.
fn begin(stage: &Stage, strike: &Strike, merchants: &[String]) -> Result<u64> {
    let cluster = &stage.cluster;
    let servers = cluster.servers()?;
    match strike {
        Strike::Kill(name) => cluster.kill(name)?,
        Strike::Freeze(name) => cluster.freeze(name)?,
        Strike::Terminate(name) => cluster.terminate(name)?,
        Strike::KillPostgres => {
            cluster.note_kill();
            block_in_place(|| servers.postgres.kill9());
        }
        Strike::KillRedis => cluster.kill_redis()?,
        Strike::FlushRedis => cluster.flush_redis()?,
        Strike::LinkToPostgres(fault) => {
            servers.to_postgres.set(*fault);
            return Ok(servers.to_postgres.affected());
        }
        Strike::LinkToRedis(fault) => {
            cluster.link_to_redis(*fault)?;
            return Ok(servers.to_redis.affected());
        }
        Strike::SickMerchants => {
            for merchant in merchants {
                stage.receiver.behave(&format!("/{merchant}"), Behaviour::Alternate(sick()));
            }
            return Ok(stage.receiver.requests());
        }
    }
    Ok(0)
}

/// All ways of breaking, with an acknowledgement now and then.
fn sick() -> Vec<Behaviour> {
    vec![
        Behaviour::Answer(503, "busy", Some("1")),
        Behaviour::Hang,
        Behaviour::Ok,
        Behaviour::ResetInBody,
        Behaviour::Answer(500, "<html>", None),
        Behaviour::Reset,
        Behaviour::Slow(Duration::from_millis(300)),
        Behaviour::Drip(Duration::from_millis(200)),
        Behaviour::ResetAfterHead,
    ]
}

/// Ends a fault; answers how often it struck.
async fn end(stage: &Stage, strike: &Strike, merchants: &[String], before: Option<u64>) -> Result<u64> {
    let cluster = &stage.cluster;
    let servers = cluster.servers()?;
    let before = before.unwrap_or(0);
    match strike {
        // Others may be down, so it is not waited for until it is ready.
        Strike::Kill(name) | Strike::Terminate(name) => cluster.launch(name)?,
        Strike::Freeze(name) => cluster.thaw(name)?,
        Strike::KillPostgres => block_in_place(|| servers.postgres.start_again())?,
        Strike::KillRedis => cluster.start_redis()?,
        Strike::FlushRedis => {}
        Strike::LinkToPostgres(_) => {
            servers.to_postgres.set(Fault::None);
            return Ok(servers.to_postgres.affected() - before);
        }
        Strike::LinkToRedis(_) => {
            cluster.link_to_redis(Fault::None)?;
            return Ok(servers.to_redis.affected() - before);
        }
        Strike::SickMerchants => {
            for merchant in merchants {
                stage.receiver.behave(&format!("/{merchant}"), Behaviour::Ok);
            }
            // With nobody to send, merchants may not have been asked.
            return Ok(1.max(stage.receiver.requests() - before));
        }
    }
    Ok(1)
}
