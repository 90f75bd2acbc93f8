//! The worker pool: apalis workers over the queue's backend.

use crate::Engine;
use crate::attempt_delivery::attempt_delivery;
use apalis::layers::WorkerBuilderExt;
use apalis_core::monitor::Monitor;
use apalis_core::task::data::Data;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_core::worker::ext::parallelize::ParallelizeExt;
use metrics::gauge;
use paybell_delivery::Job;
use paybell_queue::{Finished, feed};
use tokio_util::sync::CancellationToken;

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
    let name = format!("paybell-{}", uuid::Uuid::now_v7());
    let build = move |_restarts: usize| {
        let in_flight_max = engine.settings.in_flight_max;
        let (backend, finished) = feed(engine.queue.clone(), in_flight_max, stop.clone());
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
    Ok(())
}

async fn handle(job: Job, context: Data<Context>) {
    let _finishing = Finishing::new(job, context.finished.clone());
    attempt_delivery(&context.engine, job).await;
}

/// Tells the queue that a job is no longer in flight, also when its handler panics.
struct Finishing {
    job: Job,
    finished: Finished,
}

impl Finishing {
    fn new(job: Job, finished: Finished) -> Self {
        gauge!("paybell_in_flight").increment(1);
        Self { job, finished }
    }
}

impl Drop for Finishing {
    fn drop(&mut self) {
        gauge!("paybell_in_flight").decrement(1);
        self.finished.finished(self.job);
    }
}
