//! All keys of a queue are in one slot of a Redis Cluster, so that each queue (a prefix of its own) is served by one node,
//! and several queues by as many.

use crate::consumers::{SETTINGS, capped_job, job, jobs_of};
use anyhow::{Context, Result, ensure};
use paybell_queue::{Queue, RedisQueue};
use paybell_testkit::{Redis, eventually};
use redis::FromRedisValue;
use std::collections::HashSet;
use std::time::Duration;

fn slot_of(redis: &Redis, key: &str) -> Result<i64> {
    Ok(i64::from_redis_value(redis.query(&["CLUSTER", "KEYSLOT", key])?)?)
}

#[tokio::test]
async fn queue_works_on_a_cluster_and_keeps_its_keys_in_one_slot() -> Result<()> {
    let redis = Redis::start_cluster()?;
    let is_up = async || {
        let info = String::from_redis_value(redis.query(&["CLUSTER", "INFO"])?)?;
        Ok(info.contains("cluster_state:ok").then_some(()))
    };
    eventually("the cluster is up", Duration::from_secs(20), is_up).await?;
    let queue = RedisQueue::connect(&redis.url(), "shop {a}", SETTINGS)?;
    let jobs: Vec<_> = (1..=50).map(|number| job(number % 7, number)).collect();
    ensure!(queue.push(&jobs).await?.added == 50);
    let taken = queue.turn(&[], 20, 1_000).await?;
    ensure!(jobs_of(&taken).len() == 20);
    let admitted = queue.admit(&[job(100, 1), capped_job(1, 99, 3)], 1_000).await?;
    ensure!(admitted[0].is_some() && admitted[1].is_none(), "{admitted:?}");
    ensure!(queue.turn(&taken, 50, 1_000).await?.len() == 30);

    let keys: Vec<String> = Vec::from_redis_value(redis.query(&["KEYS", "*"])?)?;
    ensure!(keys.len() >= 5, "{keys:?}");
    let slots = keys.iter().map(|key| slot_of(&redis, key)).collect::<Result<HashSet<_>>>()?;
    ensure!(slots.len() == 1, "{keys:?} are in {slots:?}");
    let first = keys.first().context("a key")?;
    ensure!(redis.query(&["MGET", first, "another"]).is_err(), "the cluster does not look at slots");
    Ok(())
}
