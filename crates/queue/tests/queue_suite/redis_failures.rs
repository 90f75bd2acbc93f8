//! What the queue in Redis does when Redis loses, ends, and comes back.

use crate::consumers::{SETTINGS, capped_job, job, jobs_of, take, take_jobs};
use anyhow::{Result, ensure};
use paybell_delivery::Job;
use paybell_queue::{FallBackQueue, Queue as _, QueueSettings, RedisQueue};
use paybell_testkit::{Redis, eventually, free_port};
use std::collections::HashSet;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

fn connect(redis: &Redis, settings: QueueSettings) -> Result<RedisQueue> {
    Ok(RedisQueue::connect(&redis.url(), "paybell", settings)?)
}

async fn until_it_takes(queue: &RedisQueue, jobs: &[Job]) -> Result<()> {
    eventually("a push succeeds", SOON, async || Ok(queue.push(jobs).await.ok().filter(|pushed| pushed.added > 0)))
        .await?;
    ensure!(take_jobs(queue, &[], 9).await? == jobs, "it takes something else");
    Ok(())
}

#[tokio::test]
async fn what_is_no_job_is_dropped_from_its_lane() -> Result<()> {
    const RUBBISH: &str = "
    for _, lane in ipairs(redis.call('KEYS', '*lane:*')) do
        redis.call('ZADD', lane, -1, 'a ticket', 0, string.rep('x', 25))
    end
    return redis.call('INCRBY', '{paybell}:depth', 2)";
    let redis = Redis::start()?;
    let queue = connect(&redis, SETTINGS)?;
    let jobs: Vec<Job> = (1..=3).map(|number| job(1, number)).collect();
    queue.push(&jobs).await?;
    redis.query(&["EVAL", RUBBISH, "0"])?;
    assert_eq!(take_jobs(&queue, &[], 9).await?, jobs);
    assert_eq!(queue.depth().await?, 0);
    Ok(())
}

#[tokio::test]
async fn flushed_redis_is_used_on_as_an_empty_one() -> Result<()> {
    let redis = Redis::start()?;
    let queue = connect(&redis, SETTINGS)?;
    let jobs: Vec<Job> = (1..=9).map(|number| capped_job(1, number, 2)).collect();
    queue.push(&jobs).await?;
    let old = take(&queue, &[], 9).await?;
    redis.flushall()?;
    assert_eq!(queue.depth().await?, 0);
    assert_eq!(take_jobs(&queue, &old, 9).await?, []);
    assert_eq!(queue.depth().await?, 0);
    assert_eq!(queue.push(&jobs).await?.added, 9);
    let taken = take(&queue, &[], 9).await?;
    assert_eq!(jobs_of(&taken), jobs[..2], "the cap begins anew");
    assert_eq!(take_jobs(&queue, &old, 9).await?, [], "what was taken before frees no place");
    assert_eq!(take_jobs(&queue, &taken, 9).await?, jobs[2..4]);
    assert_eq!(queue.depth().await?, 5);
    Ok(())
}

#[tokio::test]
async fn redis_that_is_killed_gives_errors_and_is_used_again_when_it_is_back() -> Result<()> {
    let redis = Redis::start()?;
    let queue = connect(&redis, SETTINGS)?;
    until_it_takes(&queue, &[job(1, 1)]).await?;
    redis.kill9();
    for _ in 0..3 {
        queue.push(&[job(1, 2)]).await.unwrap_err();
        queue.turn(&[], 5, 5).await.unwrap_err();
        queue.depth().await.unwrap_err();
        queue.version().await.unwrap_err();
    }
    redis.start_again()?;
    until_it_takes(&queue, &[job(1, 3)]).await
}

#[tokio::test]
async fn redis_that_is_down_at_first_is_used_when_it_comes_up() -> Result<()> {
    let redis = Redis::down()?;
    let queue = connect(&redis, SETTINGS)?;
    queue.push(&[job(1, 1)]).await.unwrap_err();
    redis.start_again()?;
    until_it_takes(&queue, &[job(1, 1)]).await?;
    let version = queue.version().await?;
    ensure!(version.starts_with("Redis ") || version.starts_with("Valkey "), "{version}");
    // The subscription comes back as well: a wait ends before its full time.
    eventually("a push wakes", SOON, async || {
        let begin = std::time::Instant::now();
        let jobs = [job(2, 1)];
        let (pushed, ()) = tokio::join!(queue.push(&jobs), queue.ready());
        pushed?;
        queue.turn(&[], 9, 9).await?;
        Ok((begin.elapsed() < Duration::from_millis(500)).then_some(()))
    })
    .await
}

#[tokio::test]
async fn redis_that_does_not_answer_is_given_up_after_two_seconds_and_used_again_later() -> Result<()> {
    let redis = Redis::start()?;
    let queue = connect(&redis, SETTINGS)?;
    until_it_takes(&queue, &[job(1, 1)]).await?;
    redis.query(&["CLIENT", "PAUSE", "4000", "ALL"])?;
    let begin = std::time::Instant::now();
    queue.push(&[job(1, 2)]).await.unwrap_err();
    ensure!(begin.elapsed() < Duration::from_secs(4), "it waited {:?}", begin.elapsed());
    eventually("it answers again", SOON, async || Ok(queue.depth().await.ok())).await?;
    Ok(())
}

#[tokio::test]
async fn nothing_is_left_in_redis_of_what_was_drained_and_finished() -> Result<()> {
    let redis = Redis::start()?;
    let queue = connect(&redis, SETTINGS)?;
    let jobs: Vec<Job> = (1..=500).map(|number| capped_job(number % 20, number, 3)).collect();
    queue.push(&jobs).await?;
    let mut taken = take(&queue, &[], 100).await?;
    while !taken.is_empty() {
        taken = take(&queue, &taken, 100).await?;
    }
    let keys = redis::from_redis_value::<Vec<String>>(redis.query(&["KEYS", "*"])?)?;
    // Small keys, which end by themselves, tell of the queue as a whole, and none of any job.
    let small = ["{paybell}:recount", "{paybell}:turned", "{paybell}:ticket"];
    ensure!(keys.iter().all(|key| small.contains(&key.as_str())), "{keys:?}");
    for key in keys {
        ensure!(redis::from_redis_value::<i64>(redis.query(&["PTTL", &key])?)? > 0, "{key} stays");
    }
    Ok(())
}

#[tokio::test]
async fn keys_that_are_lost_singly_cost_no_lane_for_ever() -> Result<()> {
    let redis = Redis::start()?;
    let queue = connect(&redis, SETTINGS)?;
    let slow = [capped_job(1, 1, 1), capped_job(1, 2, 1), capped_job(1, 3, 1)];
    for key in ["ring", "capped", "depth", "sequence", "flying", "leases", "ticket"] {
        queue.push(&slow[..2]).await?;
        let taken = take(&queue, &[], 9).await?;
        take(&queue, &[], 9).await?;
        redis.query(&["DEL", &format!("{{paybell}}:{key}")])?;
        queue.push(&slow[2..]).await?;
        let mut rest = take(&queue, &taken, 9).await?;
        ensure!(rest.len() == 1, "without its {key} the lane is not served: {rest:?}");
        rest.extend(take(&queue, &rest, 9).await?);
        // The order may suffer, the jobs may not.
        rest.sort_by_key(|taken| taken.job.delivery_id);
        ensure!(jobs_of(&rest) == slow[1..], "without its {key} the lane gives {rest:?}");
        take(&queue, &rest, 9).await?;
        ensure!(queue.depth().await? == 0, "without its {key} the depth is not 0");
    }
    Ok(())
}

#[tokio::test]
async fn last_ticket_of_an_older_copy_gives_no_ticket_again() -> Result<()> {
    let redis = Redis::start()?;
    let queue = connect(&redis, SETTINGS)?;
    queue.push(&(1..=9).map(|number| job(1, number)).collect::<Vec<_>>()).await?;
    let mut tickets = HashSet::new();
    let mut older = redis::Value::SimpleString("0".to_owned());
    for _ in 0..4 {
        for taken in take(&queue, &[], 2).await? {
            ensure!(tickets.insert(taken.ticket), "{} is given again", taken.ticket);
        }
        let copy = redis::from_redis_value::<String>(older)?;
        older = redis.query(&["GET", "{paybell}:ticket"])?;
        redis.query(&["SET", "{paybell}:ticket", &copy])?;
    }
    ensure!(tickets.len() == 8);
    Ok(())
}

#[tokio::test]
async fn errors_do_not_show_the_password() -> Result<()> {
    let url = format!("redis://:hunter2@127.0.0.1:{}/0", free_port()?);
    let queue = RedisQueue::connect(&url, "paybell", SETTINGS)?;
    let error = anyhow::Error::new(queue.depth().await.unwrap_err());
    let malformed = RedisQueue::connect("redis://:hunter2@[bad", "paybell", SETTINGS);
    let malformed = anyhow::Error::new(malformed.err().unwrap());
    for text in [format!("{error:?}"), format!("{error:#}"), format!("{malformed:?}"), format!("{malformed:#}")] {
        ensure!(!text.contains("hunter2"), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn process_goes_on_alone_while_redis_is_away_one_job_of_each_endpoint_at_a_time() -> Result<()> {
    let redis = Redis::start()?;
    let queue = FallBackQueue::new(connect(&redis, SETTINGS)?, SETTINGS);
    queue.push(&[job(1, 1)]).await?;
    let first = take(&queue, &[], 9).await?;
    ensure!(jobs_of(&first) == [job(1, 1)] && !queue.is_away(), "{first:?}");
    redis.kill9();
    ensure!(queue.push(&[job(1, 2), job(1, 3), job(2, 4)]).await?.added == 3 && queue.is_away());
    let mut alone = take(&queue, &first, 9).await?;
    ensure!(alone.len() == 2, "one of each endpoint: {alone:?}");
    alone = take(&queue, &alone, 9).await?;
    ensure!(alone.len() == 1 && alone[0].job.endpoint_id == first[0].job.endpoint_id, "then the next: {alone:?}");

    redis.start_again()?;
    eventually("Redis is used again", SOON, async || {
        queue.turn(&std::mem::take(&mut alone), 0, 0).await?;
        Ok((!queue.is_away()).then_some(()))
    })
    .await?;
    queue.push(&[job(3, 5)]).await?;
    let shared = take_jobs(&connect(&redis, SETTINGS)?, &[], 9).await?;
    ensure!(shared == [job(3, 5)], "others see it again: {shared:?}");
    Ok(())
}

#[tokio::test]
async fn what_waits_in_the_process_goes_to_the_shared_queue_when_it_is_back() -> Result<()> {
    let redis = Redis::start()?;
    let queue = FallBackQueue::new(connect(&redis, SETTINGS)?, SETTINGS);
    redis.kill9();
    let jobs: Vec<Job> = (1..=9).map(|number| capped_job(1, number, 4)).collect();
    ensure!(queue.push(&jobs).await?.added == 9);
    let alone = take(&queue, &[], 9).await?;
    ensure!(alone.len() == 1, "one at a time: {alone:?}");

    redis.start_again()?;
    eventually("Redis is used again", SOON, async || {
        queue.turn(&[], 0, 0).await?;
        Ok((!queue.is_away()).then_some(()))
    })
    .await?;
    take(&queue, &alone, 9).await?;
    let taken = take_jobs(&queue, &[], 9).await?;
    ensure!(taken.len() == 4 && taken.iter().all(|job| job.concurrency_max == 4), "as many as its cap: {taken:?}");
    ensure!(take(&queue, &[], 9).await?.is_empty(), "and none beside");
    Ok(())
}
