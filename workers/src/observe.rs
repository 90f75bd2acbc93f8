//! The figures of the moment, for metrics.

use metrics::gauge;
use paybell_delivery::State;
use paybell_queue::Queue;
use paybell_store::engine::Gauges;
use paybell_store::{Clock, Ledger};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How often the figures are read.
const EVERY: Duration = Duration::from_secs(5);

/// For how long counting rests for each delivery that it counted. That takes PostgreSQL a microsecond, so counting takes a
/// two-hundredth of a processor's time at most, and the ledger rests between the pieces of a count.
const REST: Duration = Duration::from_micros(200);

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Sets the gauges until `stop`. They are of the whole engine, so every process shows the same.
pub async fn run_gauges(ledger: Arc<dyn Ledger>, queue: Arc<dyn Queue>, clock: Arc<Clock>, stop: CancellationToken) {
    let mut count_at = Instant::now();
    loop {
        if Instant::now() >= count_at {
            match count(&*ledger, &clock).await {
                Ok(counted) => count_at = Instant::now() + rest(counted),
                Err(error) => tracing::debug!(error = &*error, "deliveries could not be counted"),
            }
        }
        if let Err(error) = observe(&*queue).await {
            tracing::debug!(error = &*error, "the queue's gauges could not be read");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

fn rest(counted: u64) -> Duration {
    REST * u32::try_from(counted).unwrap_or(u32::MAX)
}

/// Answers how many deliveries it counted.
#[expect(clippy::cast_precision_loss, reason = "figures of metrics are floats; these are far below 2^52")]
async fn count(ledger: &dyn Ledger, clock: &Clock) -> Outcome<u64> {
    let now = clock.now();
    let gauges = ledger.gauges(now, Gauges::COUNT_MAX).await?;
    gauge!("paybell_deliveries", "state" => State::Pending.as_str()).set(gauges.pending as f64);
    gauge!("paybell_deliveries", "state" => State::Undelivered.as_str()).set(gauges.undelivered as f64);
    gauge!("paybell_endpoints_failing").set(gauges.failing_endpoints as f64);
    gauge!("paybell_oldest_due_seconds").set(gauges.oldest_due.as_secs_f64());
    gauge!("paybell_deliveries_expiring").set(gauges.expiring as f64);
    let left = gauges.earliest_deadline_at.map_or(f64::INFINITY, |at| at.since(now).as_secs_f64());
    gauge!("paybell_earliest_deadline_seconds").set(left);
    Ok(gauges.pending + gauges.undelivered)
}

#[expect(clippy::cast_precision_loss, reason = "figures of metrics are floats; these are far below 2^52")]
async fn observe(queue: &dyn Queue) -> Outcome<()> {
    gauge!("paybell_queue_away").set(f64::from(u8::from(queue.is_away())));
    let last_turn = queue.last_turn().await?.map_or(f64::INFINITY, |age| age.as_secs_f64());
    gauge!("paybell_queue_last_turn_seconds").set(last_turn);
    gauge!("paybell_queue_depth").set(queue.depth().await? as f64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_rests_the_longer_the_more_it_counts() {
        for (counted, rest_ms) in [(0, 0), (20, 4), (90_000, 18_000), (2 * Gauges::COUNT_MAX, 40_000)] {
            assert_eq!(rest(counted), Duration::from_millis(rest_ms), "after {counted}");
        }
    }
}
