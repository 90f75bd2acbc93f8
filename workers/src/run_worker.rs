//! The worker pool: apalis workers over the queue's backend.

use crate::Engine;
use crate::attempt_delivery::attempt_delivery;
use apalis::layers::WorkerBuilderExt;
use apalis_core::monitor::Monitor;
use apalis_core::task::data::Data;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_core::worker::ext::parallelize::ParallelizeExt;
use metrics::gauge;
use paybell_queue::{Finished, Taken, feed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long the queue may take to be told of the last jobs.
const TELL_WITHIN: Duration = Duration::from_secs(2);

/// The worker pool ended in another way than by being stopped.
#[derive(Debug, thiserror::Error)]
#[error("the worker pool failed")]
pub struct WorkerError(#[from] apalis_core::monitor::MonitorError);

/// What a handler gets with its job.
#[derive(Clone)]
struct Context {
    engine: Engine,
    finished: Finished,
}

/// Attempts what the queue gives until `stop`, then lets what is in flight end within [`crate::WorkerSettings::drain`].
///
/// # Errors
/// When apalis cannot run or stop its workers.
pub async fn run_worker(engine: Engine, stop: CancellationToken) -> Result<(), WorkerError> {
    let drain = engine.settings.drain;
    let stopped = stop.clone();
    let feeds: Arc<Mutex<Vec<Finished>>> = Arc::default();
    let feeding = feeds.clone();
    let name = format!("paybell-{}", uuid::Uuid::now_v7());
    let build = move |_restarts: usize| {
        let in_flight_max = engine.settings.in_flight_max;
        let (backend, finished) = feed(engine.queue.clone(), in_flight_max, stop.clone());
        feeding.lock().unwrap_or_else(PoisonError::into_inner).push(finished.clone());
        WorkerBuilder::new(name.clone())
            .backend(backend)
            .data(Context { engine: engine.clone(), finished })
            .enable_tracing()
            .catch_panic()
            .concurrency(in_flight_max)
            .parallelize(tokio::spawn)
            .build(handle)
    };
    Monitor::new()
        .register(build)
        .shutdown_timeout(drain)
        .run_with_signal(async move {
            stopped.cancelled().await;
            Ok(())
        })
        .await?;
    // The last jobs are finished when the queue knows it, too; otherwise they would count until their lease runs out.
    let feeds = std::mem::take(&mut *feeds.lock().unwrap_or_else(PoisonError::into_inner));
    for finished in feeds {
        if tokio::time::timeout(TELL_WITHIN, finished.all_told()).await.is_err() {
            tracing::debug!("the queue was not told of the last jobs; their lease ends");
        }
    }
    Ok(())
}

async fn handle(taken: Taken, context: Data<Context>) {
    let _finishing = Finishing::new(taken, context.finished.clone());
    attempt_delivery(&context.engine, taken).await;
}

/// Tells the queue that a job is no longer in flight, also when its handler panics.
struct Finishing {
    taken: Taken,
    finished: Finished,
}

impl Finishing {
    fn new(taken: Taken, finished: Finished) -> Self {
        gauge!("paybell_in_flight").increment(1);
        Self { taken, finished }
    }
}

impl Drop for Finishing {
    fn drop(&mut self) {
        gauge!("paybell_in_flight").decrement(1);
        self.finished.finished(self.taken);
    }
}
