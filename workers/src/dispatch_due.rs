//! The dispatcher: the retry timer, the crash recovery, the rebuild after a lost queue, and the expiry, in one loop.
//! Any number of processes may run it.

use crate::Engine;
use crate::hold_back::HeldBack;
use crate::resend_in_bulk::resend_in_bulk;
use metrics::{counter, gauge};
use paybell_abort::AbortPoint;
use paybell_delivery::State;
use paybell_store::StoreError;
use paybell_store::engine::Dispatched;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How the dispatcher works.
#[derive(Clone, Copy, Debug)]
pub struct DispatchSettings {
    /// The most deliveries looked at in one pass.
    pub limit: u32,
    /// See [`paybell_store::engine::AcceptTerms::grace`]; for bulk resends.
    pub grace: Duration,
    /// See [`paybell_store::engine::AcceptTerms::lifetime`]; for bulk resends.
    pub lifetime: Duration,
}

/// The longest and the shortest rest between two passes.
pub(crate) const REST_MAX: Duration = Duration::from_secs(1);
pub(crate) const REST_MIN: Duration = Duration::from_millis(5);
/// The longest rest while jobs are held back, and how many of each endpoint's are offered to the queue in one pass.
const REST_HELD: Duration = Duration::from_millis(20);
const OFFER_EACH: usize = 250;
/// The most deliveries looked at in one pass while the queue does not answer or no more can be held: expiry goes on, and
/// what is due is left to the workers, who look for themselves when the queue is away.
const LIMIT_ALONE: u32 = 50;
/// How often the clock's offset to the database is read anew.
const SYNC_EVERY: Duration = Duration::from_secs(10);
/// How many parked deliveries of each resumed endpoint are released in one pass: a ramp, not a stampede.
const RELEASE_LIMIT: u32 = 500;
/// How long a release may take: a connection that was cut without a reset would else hold the dispatcher for as long as
/// the network's own time limits are.
const RELEASE_WITHIN: Duration = Duration::from_secs(30);

/// Dispatches until `stop`, and makes the deliveries of bulk resends beside that, so that a large or broken one keeps
/// nothing from being dispatched. A database that fails is asked again after a rest.
pub async fn run_dispatcher(engine: Engine, settings: DispatchSettings, stop: CancellationToken) {
    tokio::join!(dispatch_all(&engine, &settings, &stop), resend_in_bulk(&engine, &settings, &stop));
}

async fn dispatch_all(engine: &Engine, settings: &DispatchSettings, stop: &CancellationToken) {
    let mut synced: Option<Instant> = None;
    let mut failing = false;
    let mut held = HeldBack::default();
    while !stop.is_cancelled() {
        if synced.is_none_or(|at| at.elapsed() >= SYNC_EVERY) && engine.clock.sync(&*engine.ledger).await.is_ok() {
            synced = Some(Instant::now());
            #[expect(clippy::cast_precision_loss, reason = "an offset is far below 2^52 µs")]
            gauge!("paybell_clock_offset_seconds").set(engine.clock.offset_us() as f64 / 1e6);
        }
        let rest = match pass(engine, settings, &mut held).await {
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

/// One pass over what is parked and what is due; answers how long to rest. A release that fails keeps nothing from being
/// dispatched.
async fn pass(engine: &Engine, settings: &DispatchSettings, held: &mut HeldBack) -> Result<Duration, StoreError> {
    let release = engine.ledger.release_parked(engine.clock.now(), RELEASE_LIMIT);
    let released = tokio::time::timeout(RELEASE_WITHIN, release).await;
    // Moving more forward than anybody can take would only write it again and again.
    let limit = if held.queue_takes() && !held.is_full() { settings.limit } else { LIMIT_ALONE };
    let (dispatched, queue_takes) = dispatch_once(engine, limit, held).await?;
    let released = released.unwrap_or_else(|_| {
        tracing::warn!("releasing parked deliveries took too long; trying again");
        Ok(0)
    })?;
    if !queue_takes {
        return Ok(REST_MAX);
    }
    if held.is_full() {
        return Ok(REST_HELD);
    }
    if dispatched.more || released > 0 {
        return Ok(REST_MIN);
    }
    let rest_max = if held.len() > 0 { REST_HELD } else { REST_MAX };
    let until_due = dispatched.next_due_at.map_or(rest_max, |at| at.since(engine.clock.now()));
    Ok(until_due.clamp(REST_MIN, rest_max))
}

/// Dispatches what is due now, once, and offers it to the queue with what is held. Answers whether the queue answers.
pub(crate) async fn dispatch_once(
    engine: &Engine,
    limit: u32,
    held: &mut HeldBack,
) -> Result<(Dispatched, bool), StoreError> {
    AbortPoint::DispatchBegins.reach();
    let mut dispatched = engine.ledger.dispatch_due(engine.clock.now(), engine.settings.visibility, limit).await?;
    if !dispatched.jobs.is_empty() {
        AbortPoint::DispatchCommitted.reach();
    }
    observe(&dispatched);
    held.hold(std::mem::take(&mut dispatched.jobs));
    let queue_takes = offer(engine, held).await;
    Ok((dispatched, queue_takes))
}

/// Pushes what is held to the queue. What finds no room is held on; a queue that fails gets it later. Answers whether
/// the queue answers.
async fn offer(engine: &Engine, held: &mut HeldBack) -> bool {
    let offered = held.take(OFFER_EACH);
    if offered.is_empty() {
        return true;
    }
    match engine.queue.push(&offered).await {
        Ok(pushed) => {
            held.put_back(pushed.refused);
            held.note_queue(true);
            true
        }
        Err(error) => {
            held.put_back(offered);
            held.note_queue(false);
            counter!("paybell_queue_errors_total", "act" => "push").increment(1);
            tracing::debug!(error = &error as &dyn std::error::Error, "jobs could not be queued; trying again");
            false
        }
    }
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
