//! While the shared queue is away, nobody brings jobs to the workers of a process that has no dispatcher: then they look
//! in the database themselves.

use crate::dispatch_due::Dispatcher;
use crate::{DispatchSettings, Engine};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the workers look.
const EVERY: Duration = Duration::from_secs(1);

/// Dispatches to the lanes of this process for as long as its queue is away, until `stop`. What is due is so attempted
/// more slowly, at most [`DispatchSettings::limit`] deliveries a second; the claims keep processes from doing it twice.
pub async fn relieve_queue(engine: Engine, settings: DispatchSettings, stop: CancellationToken) {
    let mut dispatcher = Dispatcher::new(&engine);
    while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        if !engine.queue.is_away() {
            dispatcher = Dispatcher::new(&engine);
        } else if let Err(error) = dispatcher.pass(settings.limit).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "nothing could be dispatched");
        }
    }
}
