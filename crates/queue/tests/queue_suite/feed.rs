//! Real apalis workers over the feed.

use crate::consumers::{SETTINGS, capped_job, in_process, in_redis, job, take};
use anyhow::{Result, ensure};
use apalis::layers::WorkerBuilderExt as _;
use apalis_core::monitor::Monitor;
use apalis_core::task::data::Data;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_core::worker::ext::parallelize::ParallelizeExt as _;
use paybell_delivery::Job;
use paybell_queue::{Batch, FeedLimits, Finished, Queue, RedisQueue, Taken, feed};
use paybell_testkit::{Redis, eventually};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(20);
const IN_FLIGHT_MAX: usize = 8;
const LIMITS: FeedLimits =
    FeedLimits { in_flight_max: IN_FLIGHT_MAX, batch_max: 3, reuse_within: Duration::from_secs(5) };

/// What the handlers did, and how many more of them may end.
#[derive(Clone)]
struct Shop {
    begun: Arc<Mutex<Vec<Job>>>,
    at_once: Arc<AtomicUsize>,
    at_once_max: Arc<AtomicUsize>,
    may_end: Arc<Semaphore>,
    panics_for: Option<Job>,
}

impl Shop {
    fn new(may_end: usize) -> Shop {
        Shop {
            begun: Arc::default(),
            at_once: Arc::default(),
            at_once_max: Arc::default(),
            may_end: Arc::new(Semaphore::new(may_end)),
            panics_for: None,
        }
    }

    fn begun(&self) -> Vec<Job> {
        self.begun.lock().expect("no handler panics here").clone()
    }

    async fn until_begun(&self, count: usize) -> Result<()> {
        eventually("jobs are begun", SOON, async || Ok((self.begun().len() >= count).then_some(()))).await
    }
}

/// Tells that a job is done however its handler ends.
struct Telling(Taken, Finished, Shop);

impl Drop for Telling {
    fn drop(&mut self) {
        self.2.at_once.fetch_sub(1, Ordering::SeqCst);
        self.1.finished(self.0);
    }
}

async fn handle(batch: Batch, context: Data<(Shop, Finished)>) {
    assert!((1..=LIMITS.batch_max).contains(&batch.jobs.len()), "a batch of {}", batch.jobs.len());
    let mut handlers = JoinSet::new();
    for taken in batch.jobs {
        handlers.spawn(handle_one(taken, (*context).clone()));
    }
    drop(batch.claiming);
    while handlers.join_next().await.is_some() {}
}

async fn handle_one(taken: Taken, (shop, finished): (Shop, Finished)) {
    let job = taken.job;
    let now = shop.at_once.fetch_add(1, Ordering::SeqCst) + 1;
    shop.at_once_max.fetch_max(now, Ordering::SeqCst);
    shop.begun.lock().expect("no handler panics here").push(job);
    let _telling = Telling(taken, finished, shop.clone());
    assert_ne!(Some(job), shop.panics_for, "this handler panics on purpose");
    shop.may_end.acquire().await.expect("never closed").forget();
}

/// Runs a worker until `stop`, as the engine does.
fn work(
    queue: &Arc<dyn Queue>,
    shop: &Shop,
    concurrency: usize,
    stop: &CancellationToken,
) -> (JoinHandle<()>, Finished) {
    let (backend, finished) = feed(Arc::clone(queue), LIMITS, stop.clone());
    let (backend, context) = (Mutex::new(Some(backend)), (shop.clone(), finished.clone()));
    let monitor = Monitor::new().shutdown_timeout(SOON).register(move |_| {
        let backend = backend.lock().expect("never poisoned").take().expect("it is built once");
        WorkerBuilder::new("worker")
            .backend(backend)
            .data(context.clone())
            .enable_tracing()
            .catch_panic()
            .concurrency(concurrency)
            .parallelize(tokio::spawn)
            .build(handle)
    });
    let stopped = stop.clone();
    let running = tokio::spawn(async move {
        let signal = async move {
            stopped.cancelled().await;
            Ok(())
        };
        monitor.run_with_signal(signal).await.expect("the monitor ends well");
    });
    (running, finished)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_job_is_handled_although_one_panics() -> Result<()> {
    for queue in [in_process(SETTINGS)?.one, in_redis(SETTINGS)?.one] {
        let jobs: Vec<Job> = (0..500).map(|number| capped_job(number % 5, number, 3)).collect();
        let mut shop = Shop::new(10_000);
        shop.panics_for = Some(jobs[7]);
        let stop = CancellationToken::new();
        let (running, finished) = work(&queue, &shop, IN_FLIGHT_MAX, &stop);
        queue.push(&jobs).await?;
        shop.until_begun(jobs.len()).await?;
        stop.cancel();
        timeout(SOON, running).await??;
        timeout(SOON, finished.all_told()).await?;
        let mut begun = shop.begun();
        begun.sort_by_key(|job| job.delivery_id);
        let mut expected = jobs.clone();
        expected.sort_by_key(|job| job.delivery_id);
        ensure!(begun == expected, "{} were handled", begun.len());
        ensure!(shop.at_once_max.load(Ordering::SeqCst) <= IN_FLIGHT_MAX, "too many at once");
        // All places are free again, that of the job whose handler panicked too.
        queue.push(&jobs).await?;
        ensure!(take(&*queue, &[], 99).await?.len() == 15, "some are still in flight");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_the_limit_are_taken_and_not_finished() -> Result<()> {
    for queue in [in_process(SETTINGS)?.one, in_redis(SETTINGS)?.one] {
        let jobs: Vec<Job> = (0..50).map(|number| job(number, number)).collect();
        queue.push(&jobs).await?;
        let (shop, stop) = (Shop::new(0), CancellationToken::new());
        let (running, _finished) = work(&queue, &shop, 100, &stop);
        shop.until_begun(IN_FLIGHT_MAX).await?;
        ensure!(queue.depth().await? == 42, "{} are left", queue.depth().await?);
        shop.may_end.add_permits(3);
        shop.until_begun(IN_FLIGHT_MAX + 3).await?;
        ensure!(queue.depth().await? == 39, "{} are left", queue.depth().await?);
        shop.may_end.add_permits(100);
        shop.until_begun(50).await?;
        stop.cancel();
        timeout(SOON, running).await??;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoint_that_hangs_leaves_slots_to_others() -> Result<()> {
    for queue in [in_process(SETTINGS)?.one, in_redis(SETTINGS)?.one] {
        queue.push(&(0..50).map(|number| job(1, number)).collect::<Vec<_>>()).await?;
        let (shop, stop) = (Shop::new(0), CancellationToken::new());
        let (running, _finished) = work(&queue, &shop, IN_FLIGHT_MAX, &stop);
        shop.until_begun(IN_FLIGHT_MAX / 2).await?;
        for endpoint in 2..=5 {
            ensure!(queue.depth().await? == 46, "of 8 slots it has {}", 50 - queue.depth().await?);
            queue.push(&[job(endpoint, 1)]).await?;
            shop.until_begun(IN_FLIGHT_MAX / 2 + usize::try_from(endpoint)? - 1).await?;
        }
        stop.cancel();
        shop.may_end.add_permits(100);
        timeout(SOON, running).await??;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_lets_what_is_begun_end_and_gives_the_rest_back() -> Result<()> {
    for queue in [in_process(SETTINGS)?.one, in_redis(SETTINGS)?.one] {
        let jobs: Vec<Job> = (0..50).map(|number| job(1, number)).collect();
        queue.push(&jobs).await?;
        let (shop, stop) = (Shop::new(0), CancellationToken::new());
        let (running, finished) = work(&queue, &shop, 2, &stop);
        shop.until_begun(2).await?;
        stop.cancel();
        shop.may_end.add_permits(100);
        timeout(SOON, running).await??;
        timeout(SOON, finished.all_told()).await?;
        let begun = shop.begun().len();
        ensure!((2..50).contains(&begun) && shop.at_once.load(Ordering::SeqCst) == 0, "{begun} were begun");
        ensure!(queue.depth().await? == 50 - begun as u64, "{} are back, {begun} were begun", queue.depth().await?);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_a_monitor_ends_at_stop() -> Result<()> {
    let queue = in_process(SETTINGS)?.one;
    let (shop, stop) = (Shop::new(100), CancellationToken::new());
    let (backend, finished) = feed(queue.clone(), LIMITS, stop.clone());
    let worker = WorkerBuilder::new("alone").backend(backend).data((shop.clone(), finished)).build(handle);
    let running = tokio::spawn(worker.run());
    queue.push(&[job(1, 1)]).await?;
    shop.until_begun(1).await?;
    stop.cancel();
    timeout(SOON, running).await???;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn work_goes_on_after_redis_was_down() -> Result<()> {
    let redis = Redis::down()?;
    let queue: Arc<dyn Queue> = Arc::new(RedisQueue::connect(&redis.url(), "paybell", SETTINGS)?);
    let (shop, stop) = (Shop::new(0), CancellationToken::new());
    let (running, finished) = work(&queue, &shop, IN_FLIGHT_MAX, &stop);
    queue.push(&[job(1, 1)]).await.expect_err("Redis is down");
    for number in 1..=2 {
        redis.start_again()?;
        let job = capped_job(1, number, 1);
        eventually("a push succeeds", SOON, async || Ok(queue.push(&[job]).await.ok())).await?;
        shop.until_begun(usize::try_from(number)?).await?;
        redis.kill9();
        shop.may_end.add_permits(1);
    }
    stop.cancel();
    timeout(SOON, running).await??;
    timeout(SOON, finished.all_told()).await?;
    Ok(())
}
