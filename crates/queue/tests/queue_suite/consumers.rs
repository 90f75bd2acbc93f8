//! What the tests of both queues share: the queues, each with two consumers, and jobs.

use anyhow::Result;
use paybell_delivery::{DeliveryId, EndpointId, Job};
use paybell_queue::{InProcessQueue, Queue, QueueSettings, RedisQueue, Taken};
use paybell_testkit::Redis;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// One queue as two consumers see it.
pub(crate) struct Consumers {
    pub(crate) one: Arc<dyn Queue>,
    pub(crate) two: Arc<dyn Queue>,
}

/// Takes jobs as a worker that has free slots enough.
pub(crate) async fn take(queue: &dyn Queue, finished: &[Taken], want: usize) -> Result<Vec<Taken>> {
    Ok(queue.turn(finished, want, usize::MAX).await?)
}

/// The same, when the tickets are not needed.
pub(crate) async fn take_jobs(queue: &dyn Queue, finished: &[Taken], want: usize) -> Result<Vec<Job>> {
    Ok(jobs_of(&take(queue, finished, want).await?))
}

pub(crate) fn jobs_of(taken: &[Taken]) -> Vec<Job> {
    taken.iter().map(|taken| taken.job).collect()
}

pub(crate) const SETTINGS: QueueSettings =
    QueueSettings { lane_max: 1_000, depth_max: 100_000, lease: Duration::from_secs(600) };

pub(crate) fn in_process(settings: QueueSettings) -> Result<Consumers> {
    let one = Arc::new(InProcessQueue::new(settings));
    Ok(Consumers { two: one.clone(), one })
}

pub(crate) fn in_redis(settings: QueueSettings) -> Result<Consumers> {
    let url = Redis::shared_url()?;
    let prefix = Uuid::now_v7().to_string();
    let connect = || anyhow::Ok(Arc::new(RedisQueue::connect(&url, &prefix, settings)?));
    Ok(Consumers { one: connect()?, two: connect()? })
}

/// The `number`th job of an endpoint with a cap that no test reaches.
pub(crate) fn job(endpoint: u128, number: u128) -> Job {
    capped_job(endpoint, number, 100_000)
}

pub(crate) fn capped_job(endpoint: u128, number: u128, concurrency_max: u32) -> Job {
    let delivery_id = DeliveryId(Uuid::from_u128(endpoint << 64 | number));
    Job { delivery_id, endpoint_id: EndpointId(Uuid::from_u128(endpoint)), attempts: 3, concurrency_max }
}
