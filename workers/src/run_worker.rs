//! The worker pool: apalis workers over the queue's backend.

use crate::attempt_ahead::AttemptAhead;
use crate::attempt_delivery::{attempt_claimed, record_attempt};
use crate::claim_batch::claim_batch;
use crate::hand_on::begin_handing_on;
use crate::resting::Resting;
use crate::survive_panics::survive_panics;
use crate::{Engine, WorkerSettings, reuse_within};
use apalis::layers::WorkerBuilderExt;
use apalis_core::monitor::Monitor;
use apalis_core::task::data::Data;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_core::worker::ext::parallelize::ParallelizeExt;
use metrics::gauge;
use paybell_delivery::EndpointId;
use paybell_queue::{Batch, FeedLimits, Finished, Taken, feed};
use paybell_store::AttemptsAhead;
use paybell_store::engine::ClaimedDelivery;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long the queue may take to be told of the last jobs.
const TELL_WITHIN: Duration = Duration::from_secs(2);
/// How many attempts of a batch begin in one millisecond, and within how many all of them do.
const EACH_MS_MIN: usize = 8;
const SPREAD_MS_MAX: usize = 16;
/// While one batch is being claimed, the next may be on its way.
const BATCHES_AT_ONCE: usize = 2;

/// The worker pool ended in another way than by being stopped.
#[derive(Debug, thiserror::Error)]
#[error("the worker pool failed")]
pub struct WorkerError(#[from] apalis_core::monitor::MonitorError);

/// What tells the feeds of finished jobs: apalis makes a feed anew with its worker, the newest is the last.
pub(crate) type Feeds = Arc<Mutex<Vec<Finished>>>;

/// What a handler gets with its job.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) engine: Arc<Engine>,
    pub(crate) finished: Finished,
    pub(crate) attempts: TaskTracker,
    /// The endpoints for which no place is handed on now, as nothing waited for them or no place came.
    pub(crate) resting: Arc<Resting<EndpointId>>,
    pub(crate) stop: CancellationToken,
}

/// Attempts what the queue gives until `stop`, then lets what is in flight end within [`crate::WorkerSettings::drain`].
///
/// # Errors
/// When apalis cannot run or stop its workers.
pub async fn run_worker(engine: Engine, stop: CancellationToken) -> Result<(), WorkerError> {
    let engine = Arc::new(engine);
    let drain = engine.settings.drain;
    let stopped = stop.clone();
    let feeds = Feeds::default();
    let feeding = feeds.clone();
    let attempts = TaskTracker::new();
    let attempting = attempts.clone();
    let ahead = AttemptAhead::new(engine.clone(), feeds.clone(), attempts.clone(), stop.clone());
    let ahead: Arc<dyn AttemptsAhead> = Arc::new(ahead);
    if engine.settings.claims_ahead {
        engine.coalesced.attempt_ahead_by(&ahead);
    }
    let name = format!("paybell-{}", uuid::Uuid::now_v7());
    let resting = Arc::new(Resting::default());
    let build = move |_restarts: usize| {
        let WorkerSettings { in_flight_max, batch_max, visibility, .. } = engine.settings;
        let limits = FeedLimits { in_flight_max, batch_max, reuse_within: reuse_within(visibility) };
        let (backend, finished) = feed(engine.queue.clone(), limits, stop.clone());
        feeding.lock().unwrap_or_else(PoisonError::into_inner).push(finished.clone());
        WorkerBuilder::new(name.clone())
            .backend(backend)
            .data(Context {
                engine: engine.clone(),
                finished,
                attempts: attempting.clone(),
                resting: Arc::clone(&resting),
                stop: stop.clone(),
            })
            .enable_tracing()
            .catch_panic()
            .concurrency(BATCHES_AT_ONCE)
            .parallelize(tokio::spawn)
            .build(handle)
    };
    let stopped_at = Arc::new(OnceLock::new());
    let stopping = stopped_at.clone();
    Monitor::new()
        .register(build)
        .shutdown_timeout(drain)
        .run_with_signal(async move {
            stopped.cancelled().await;
            stopping.get_or_init(Instant::now);
            Ok(())
        })
        .await?;
    attempts.close();
    let until = *stopped_at.get_or_init(Instant::now) + drain;
    if tokio::time::timeout_at(until, attempts.wait()).await.is_err() {
        tracing::warn!(attempts = attempts.len(), "stopping with attempts in flight; they will show as unknown");
    }
    // The last jobs are finished when the queue knows it, too; otherwise they would count until their lease runs out.
    let feeds = std::mem::take(&mut *feeds.lock().unwrap_or_else(PoisonError::into_inner));
    for finished in feeds {
        if tokio::time::timeout(TELL_WITHIN, finished.all_told()).await.is_err() {
            tracing::debug!("the queue was not told of the last jobs; their lease ends");
        }
    }
    Ok(())
}

/// Claims a batch and begins to attempt what was won.
async fn handle(batch: Batch, context: Data<Context>) {
    let Context { engine, finished, attempts, .. } = (*context).clone();
    let in_flight: Vec<InFlight> = batch.jobs.iter().map(|taken| InFlight::new(*taken, finished.clone())).collect();
    let claims = claim_batch(&engine, &batch.jobs).await;
    drop(batch.claiming);
    begin_handing_on(&context, &batch.jobs);
    let won = in_flight.into_iter().zip(claims).filter_map(|(in_flight, claim)| Some((claim?, in_flight))).collect();
    attempts.clone().spawn(async move { begin_spread(&engine, &attempts, won).await });
}

/// Begins a few of these attempts in each millisecond: a hundred of one merchant that began at once would be answered at once, and
/// so meet again at every turn, in the way of all others.
pub(crate) async fn begin_spread(
    engine: &Arc<Engine>,
    attempts: &TaskTracker,
    won: Vec<(Box<ClaimedDelivery>, InFlight)>,
) {
    let each_ms = EACH_MS_MIN.max(won.len().div_ceil(SPREAD_MS_MAX));
    for (n, (claimed, in_flight)) in won.into_iter().enumerate() {
        if n > 0 && n % each_ms == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        attempts.spawn(attempt(engine.clone(), claimed, in_flight));
    }
}

/// One attempt in its place in flight, which is free for another as soon as the merchant has answered. What is to be recorded may
/// wait for company then, as nobody waits for it; so many at most as may be in flight, as else what a database is slow to take
/// would fill the memory.
pub(crate) async fn attempt(engine: Arc<Engine>, claimed: Box<ClaimedDelivery>, in_flight: InFlight) {
    // Pinned, as each move of a future keeps room for it in the task, of which there may be ten thousand.
    let attempted = {
        let attempting = pin!(attempt_claimed(&engine, &claimed, in_flight.taken.taken_at));
        survive_panics(&engine, &claimed, attempting).await.unwrap_or_else(|panicked| panicked)
    };
    let Some(attempted) = attempted else { return };
    let _unrecorded = engine.unrecorded.acquire().await;
    drop(in_flight);
    let recorded = {
        let recording = pin!(record_attempt(&engine, &claimed, attempted));
        survive_panics(&engine, &claimed, recording).await
    };
    if let Err(Some(panicked)) = recorded {
        record_attempt(&engine, &claimed, panicked).await;
    }
}

/// Tells the queue that a job is no longer in flight, also when what is done with it panics.
pub(crate) struct InFlight {
    taken: Taken,
    finished: Finished,
    /// Whether it never waited.
    let_in: bool,
}

impl InFlight {
    /// Of a job that waited in the queue.
    pub(crate) fn new(taken: Taken, finished: Finished) -> Self {
        Self::begin(taken, finished, false)
    }

    /// Of one that was let in at once.
    pub(crate) fn let_in(taken: Taken, finished: Finished) -> Self {
        Self::begin(taken, finished, true)
    }

    fn begin(taken: Taken, finished: Finished, let_in: bool) -> Self {
        gauge!("paybell_in_flight").increment(1);
        Self { taken, finished, let_in }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        gauge!("paybell_in_flight").decrement(1);
        match self.let_in {
            true => self.finished.finished_let_in(self.taken),
            false => self.finished.finished(self.taken),
        }
    }
}
