//! The figures of the moment, for metrics.

use metrics::gauge;
use paybell_delivery::State;
use paybell_queue::Queue;
use paybell_store::engine::Gauges;
use paybell_store::{Clock, Ledger};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the figures are read.
const EVERY: Duration = Duration::from_secs(5);

/// Sets the gauges until `stop`. They are of the whole engine, so every process shows the same.
pub async fn run_gauges(ledger: Arc<dyn Ledger>, queue: Arc<dyn Queue>, clock: Arc<Clock>, stop: CancellationToken) {
    loop {
        if let Err(error) = observe(&*ledger, &*queue, &clock).await {
            tracing::debug!(error = &*error, "the gauges could not be read");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures of metrics are floats; these are far below 2^52")]
async fn observe(
    ledger: &dyn Ledger,
    queue: &dyn Queue,
    clock: &Clock,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let now = clock.now();
    gauge!("paybell_queue_away").set(f64::from(u8::from(queue.is_away())));
    let gauges = ledger.gauges(now, Gauges::COUNT_MAX).await?;
    gauge!("paybell_deliveries", "state" => State::Pending.as_str()).set(gauges.pending as f64);
    gauge!("paybell_deliveries", "state" => State::Undelivered.as_str()).set(gauges.undelivered as f64);
    gauge!("paybell_endpoints_failing").set(gauges.failing_endpoints as f64);
    gauge!("paybell_oldest_due_seconds").set(gauges.oldest_due.as_secs_f64());
    gauge!("paybell_deliveries_expiring").set(gauges.expiring as f64);
    let left = gauges.earliest_deadline_at.map_or(f64::INFINITY, |at| at.since(now).as_secs_f64());
    gauge!("paybell_earliest_deadline_seconds").set(left);
    let last_turn = queue.last_turn().await?.map_or(f64::INFINITY, |age| age.as_secs_f64());
    gauge!("paybell_queue_last_turn_seconds").set(last_turn);
    gauge!("paybell_queue_depth").set(queue.depth().await? as f64);
    Ok(())
}
