//! How many are in flight is counted beside the leases: what becomes of the caps when either is lost or wrong.

use crate::consumers::{SETTINGS, capped_job, jobs_of, take, take_jobs};
use anyhow::{Result, ensure};
use paybell_delivery::Job;
use paybell_queue::{Queue as _, QueueSettings, RedisQueue, Taken};
use paybell_testkit::{Redis, eventually};
use std::time::Duration;

const FLYING: &str = "{paybell}:flying";
const LEASES: &str = "{paybell}:leases";

/// A queue with nine jobs of an endpoint with a cap of two, of which two are in flight.
async fn begin(settings: QueueSettings) -> Result<(Redis, RedisQueue, Vec<Job>, Vec<Taken>)> {
    let redis = Redis::start()?;
    let queue = RedisQueue::connect(&redis.url(), "paybell", settings)?;
    let jobs: Vec<Job> = (0..9).map(|number| capped_job(1, number, 2)).collect();
    queue.push(&jobs).await?;
    let taken = take(&queue, &[], 9).await?;
    ensure!(jobs_of(&taken) == jobs[..2]);
    Ok((redis, queue, jobs, taken))
}

fn endpoint(jobs: &[Job]) -> String {
    jobs[0].endpoint_id.0.simple().to_string()
}

#[tokio::test]
async fn cap_holds_when_the_counts_are_lost() -> Result<()> {
    let (redis, queue, jobs, taken) = begin(SETTINGS).await?;
    redis.query(&["DEL", FLYING])?;
    ensure!(take(&queue, &[], 9).await?.is_empty());
    redis.query(&["DEL", FLYING])?;
    let next = take(&queue, &taken[..1], 9).await?;
    ensure!(jobs_of(&next) == jobs[2..3], "one place is free: {next:?}");
    ensure!(jobs_of(&take(&queue, &[taken[1], next[0]], 9).await?) == jobs[3..5]);
    Ok(())
}

#[tokio::test]
async fn places_are_free_at_once_when_the_leases_are_lost() -> Result<()> {
    let (redis, queue, jobs, taken) = begin(SETTINGS).await?;
    ensure!(take(&queue, &[], 9).await?.is_empty(), "the lane is held back");
    redis.query(&["DEL", LEASES])?;
    let next = take(&queue, &[], 9).await?;
    ensure!(jobs_of(&next) == jobs[2..4], "{next:?}");
    ensure!(take(&queue, &taken, 9).await?.is_empty(), "what is lost frees no place of others");
    ensure!(take_jobs(&queue, &next, 9).await? == jobs[4..6]);
    Ok(())
}

#[tokio::test]
async fn place_that_was_left_is_not_counted_off_again() -> Result<()> {
    let (_redis, queue, jobs, taken) = begin(SETTINGS).await?;
    let next = take(&queue, &taken[..1], 9).await?;
    ensure!(jobs_of(&next) == jobs[2..3]);
    for _ in 0..3 {
        ensure!(take(&queue, &[taken[0], taken[0]], 9).await?.is_empty(), "it is told again");
    }
    ensure!(take_jobs(&queue, &[taken[0], taken[1]], 9).await? == jobs[3..4], "told again beside another");
    Ok(())
}

#[tokio::test]
async fn wrong_sum_is_put_right_at_once() -> Result<()> {
    let (redis, queue, jobs, taken) = begin(SETTINGS).await?;
    redis.query(&["HSET", FLYING, &endpoint(&jobs), "0", "all", "0"])?;
    ensure!(take(&queue, &[], 9).await?.is_empty(), "two are in flight");
    redis.query(&["HSET", FLYING, &endpoint(&jobs), "99", "all", "99"])?;
    ensure!(take_jobs(&queue, &taken, 9).await? == jobs[2..4]);
    Ok(())
}

#[tokio::test]
async fn wrong_count_whose_sum_is_right_is_put_right_by_the_recount() -> Result<()> {
    let (redis, queue, jobs, taken) = begin(SETTINGS).await?;
    redis.query(&["HSET", FLYING, &endpoint(&jobs), "99"])?;
    ensure!(take(&queue, &taken, 9).await?.is_empty(), "it seems to be at its cap");
    // The recount is due once this key has ended, after a minute.
    redis.query(&["DEL", "{paybell}:recount"])?;
    ensure!(take_jobs(&queue, &[], 9).await? == jobs[2..4]);
    Ok(())
}

#[tokio::test]
async fn leases_of_thousands_end_together() -> Result<()> {
    const LOST: usize = 3_000;
    let redis = Redis::start()?;
    let settings = QueueSettings { lease: Duration::from_millis(300), ..SETTINGS };
    let queue = RedisQueue::connect(&redis.url(), "paybell", settings)?;
    for number in 0..2 {
        let jobs: Vec<Job> = (1..=LOST as u128).map(|endpoint| capped_job(endpoint, number, 1)).collect();
        ensure!(queue.push(&jobs).await?.added == LOST);
    }
    ensure!(take(&queue, &[], LOST).await?.len() == LOST);
    let mut again = 0;
    eventually("each has its second turn", Duration::from_secs(20), async || {
        again += take(&queue, &[], 2 * LOST).await?.len();
        Ok((again == LOST).then_some(()))
    })
    .await?;
    eventually("nothing is in flight", Duration::from_secs(20), async || {
        take(&queue, &[], 9).await?;
        let left = redis::from_redis_value::<u64>(redis.query(&["EXISTS", FLYING, LEASES])?)?;
        Ok((left == 0).then_some(()))
    })
    .await
}

#[tokio::test]
async fn counts_are_looked_up_by_hash() -> Result<()> {
    let (redis, ..) = begin(SETTINGS).await?;
    let encoding = redis::from_redis_value::<String>(redis.query(&["OBJECT", "ENCODING", FLYING])?)?;
    ensure!(encoding == "hashtable", "it is a {encoding}, which is searched from one end to the other");
    Ok(())
}
