//! The dispatcher: the retry timer, the crash recovery, the rebuild after a lost queue, and the expiry, in one loop.
//! Any number of processes may run it.

use crate::Engine;
use metrics::{counter, gauge};
use paybell_delivery::State;
use paybell_store::StoreError;
use paybell_store::engine::{AcceptTerms, Dispatched};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How the dispatcher works.
#[derive(Clone, Copy, Debug)]
pub struct DispatchSettings {
    /// The most deliveries looked at in one pass.
    pub limit: u32,
    /// The most jobs in the queue: when it is full, only expiry goes on.
    pub depth_max: usize,
    /// See [`AcceptTerms::grace`]; for bulk resends.
    pub grace: Duration,
    /// See [`AcceptTerms::lifetime`]; for bulk resends.
    pub lifetime: Duration,
}

/// The longest and the shortest rest between two passes.
const REST_MAX: Duration = Duration::from_secs(1);
const REST_MIN: Duration = Duration::from_millis(5);
/// How often the clock's offset to the database is read anew.
const SYNC_EVERY: Duration = Duration::from_secs(10);
/// How many parked deliveries of each resumed endpoint are released in one pass: a ramp, not a stampede.
const RELEASE_LIMIT: u32 = 500;
/// How many deliveries of a bulk resend are made in one transaction.
const BULK_STEP: u32 = 500;

/// Dispatches until `stop`. A database that fails is asked again after a rest.
pub async fn run_dispatcher(engine: Engine, settings: DispatchSettings, stop: CancellationToken) {
    let mut synced: Option<Instant> = None;
    let mut failing = false;
    while !stop.is_cancelled() {
        if synced.is_none_or(|at| at.elapsed() >= SYNC_EVERY) && engine.clock.sync(&*engine.ledger).await.is_ok() {
            synced = Some(Instant::now());
            #[expect(clippy::cast_precision_loss, reason = "an offset is far below 2^52 µs")]
            gauge!("paybell_clock_offset_seconds").set(engine.clock.offset_us() as f64 / 1e6);
        }
        let rest = match pass(&engine, &settings).await {
            Ok(rest) => {
                if std::mem::take(&mut failing) {
                    tracing::info!("dispatch goes on");
                }
                rest
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(error = &error as &dyn std::error::Error, "dispatch failed; trying again");
                }
                REST_MAX
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(rest) => {}
        }
    }
}

/// One pass over everything that is the dispatcher's; answers how long to rest.
async fn pass(engine: &Engine, settings: &DispatchSettings) -> Result<Duration, StoreError> {
    let now = engine.clock.now();
    let released = engine.ledger.release_parked(now, RELEASE_LIMIT).await?;
    let terms = AcceptTerms { now, grace: settings.grace, lifetime: settings.lifetime };
    let bulk = engine.ledger.step_bulk_resend(&terms, BULK_STEP).await?;
    let dispatched = dispatch_once(engine, settings).await?;
    let more = dispatched.more || bulk.is_some() || released > 0;
    let until_due = dispatched.next_due_at.map_or(REST_MAX, |at| at.since(engine.clock.now()));
    Ok(if more { REST_MIN } else { until_due.clamp(REST_MIN, REST_MAX) })
}

/// Dispatches what is due now, once: at most [`DispatchSettings::limit`] deliveries, and no more than the queue has
/// room for. Their jobs are pushed to the queue; those that find no room come due again by themselves.
///
/// # Errors
/// When the database fails. A queue that fails is no error: its jobs come due again.
pub async fn dispatch_once(engine: &Engine, settings: &DispatchSettings) -> Result<Dispatched, StoreError> {
    let room = match engine.queue.depth().await {
        Ok(depth) => settings.depth_max.saturating_sub(usize::try_from(depth).unwrap_or(usize::MAX)),
        Err(_) => 0,
    };
    // Even a full or lost queue must not keep anything from expiring.
    let limit = u32::try_from(room).unwrap_or(u32::MAX).clamp(1, settings.limit);
    let dispatched = engine.ledger.dispatch_due(engine.clock.now(), engine.settings.visibility, limit).await?;
    observe(&dispatched);
    if !dispatched.jobs.is_empty()
        && let Err(error) = engine.queue.push(&dispatched.jobs).await
    {
        counter!("paybell_queue_errors_total", "act" => "push").increment(1);
        tracing::debug!(error = &error as &dyn std::error::Error, "jobs were not queued; they come due again");
    }
    Ok(dispatched)
}

fn observe(dispatched: &Dispatched) {
    let jobs = u64::try_from(dispatched.jobs.len()).unwrap_or(u64::MAX);
    counter!("paybell_dispatched_total").increment(jobs);
    counter!("paybell_dispatch_recovered_total").increment(dispatched.recovered);
    counter!("paybell_dispatch_parked_total").increment(dispatched.parked);
    if dispatched.expired > 0 {
        counter!("paybell_expired_total").increment(dispatched.expired);
        counter!(
            "paybell_deliveries_finished_total",
            "state" => State::Undelivered.as_str(),
            "reason" => paybell_delivery::Reason::Expired.as_str()
        )
        .increment(dispatched.expired);
    }
}
