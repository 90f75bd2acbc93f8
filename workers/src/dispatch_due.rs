//! The dispatcher: the retry timer, the crash recovery, the rebuild after a lost queue, and the expiry, in one loop.
//! Any number of processes may run it.

use crate::Engine;
use crate::act_in_bulk::act_in_bulk;
use crate::hold_back::HeldBack;
use crate::look_back::LookBack;
use crate::pass_size::PassSize;
use metrics::{counter, gauge};
use paybell_abort::AbortPoint;
use paybell_delivery::{EndpointId, Job, State};
use paybell_store::StoreError;
use paybell_store::engine::Dispatched;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How the dispatcher works.
#[derive(Clone, Copy, Debug)]
pub struct DispatchSettings {
    /// The most deliveries looked at in one pass; fewer where that takes the database long.
    pub limit: u32,
    /// See [`paybell_store::engine::AcceptTerms::grace`]; for bulk resends.
    pub grace: Duration,
    /// See [`paybell_store::engine::AcceptTerms::lifetime`]; for bulk resends.
    pub lifetime: Duration,
}

/// The longest and the shortest rest between two passes.
pub(crate) const REST_MAX: Duration = Dispatched::AHEAD;
pub(crate) const REST_MIN: Duration = Duration::from_millis(5);
/// The shortest rest while nothing is due: what comes due one by one is handed out together.
const REST_GATHERING: Duration = Duration::from_millis(50);
/// The same where all that comes due is parked: nobody waits for that, and each pass writes to its endpoints.
pub(crate) const REST_PARKING: Duration = Duration::from_millis(250);
/// The longest rest while jobs are held back, and how many of each endpoint's are offered to the queue in one pass.
const REST_HELD: Duration = Duration::from_millis(20);
const OFFER_EACH: usize = 250;
/// The most deliveries looked at in one pass while the queue does not answer or no more can be held: expiry goes on, and
/// what is due is left to the workers, who look for themselves when the queue is away.
const LIMIT_ALONE: u32 = 50;
/// How often the clock's offset to the database is read anew.
const SYNC_EVERY: Duration = Duration::from_secs(10);
/// How many parked deliveries of each of some endpoints are handed out in one pass.
const RELEASE_LIMIT: u32 = 100;
/// How long a release or a look for probes may take: a connection that was cut without a reset would else hold the
/// dispatcher for as long as the network's own time limits are.
const RELEASE_WITHIN: Duration = Duration::from_secs(30);
/// How often probes of failing endpoints are looked for, and how many are taken at once.
const PROBE_EVERY: Duration = Duration::from_millis(500);
const PROBE_LIMIT: u32 = 100;
/// The longest rest while a release goes on in a ramp, and for how long after a release that may be.
const REST_RAMP: Duration = Duration::from_millis(50);
const RAMP_GOES_ON: Duration = Duration::from_secs(1);

/// Dispatches until `stop`, and does the bulk acts of people beside that, so that a large or broken one keeps
/// nothing from being dispatched. A database that fails is asked again after a rest.
pub async fn run_dispatcher(engine: Engine, settings: DispatchSettings, stop: CancellationToken) {
    tokio::join!(dispatch_all(&engine, &settings, &stop), act_in_bulk(&engine, &settings, &stop));
}

async fn dispatch_all(engine: &Engine, settings: &DispatchSettings, stop: &CancellationToken) {
    let mut synced: Option<Instant> = None;
    let mut failing = false;
    let mut dispatcher = Dispatcher::new(engine);
    while !stop.is_cancelled() {
        if synced.is_none_or(|at| at.elapsed() >= SYNC_EVERY) && engine.clock.sync(&*engine.ledger).await.is_ok() {
            synced = Some(Instant::now());
            #[expect(clippy::cast_precision_loss, reason = "an offset is far below 2^52 µs")]
            gauge!("paybell_clock_offset_seconds").set(engine.clock.offset_us() as f64 / 1e6);
        }
        let rest = match dispatcher.pass(dispatcher.limit(settings)).await {
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

/// Hands out what is due, with what is held back between its passes.
pub(crate) struct Dispatcher<'a> {
    engine: &'a Engine,
    held: HeldBack,
    look_back: LookBack,
    size: PassSize,
    probed: Option<Instant>,
    released: Option<Instant>,
    /// When nothing was there to be released.
    nothing_to_release: Option<Instant>,
}

impl<'a> Dispatcher<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        let (held, look_back, size) = (HeldBack::default(), LookBack::default(), PassSize::default());
        Self { engine, held, look_back, size, probed: None, released: None, nothing_to_release: None }
    }

    /// Moving more forward than anybody can take would only write it again and again.
    fn limit(&self, settings: &DispatchSettings) -> u32 {
        let max = if self.held.queue_takes() && !self.held.is_full() { settings.limit } else { LIMIT_ALONE };
        self.size.next(max)
    }

    /// One pass over what is due, parked and to be probed; answers how long to rest. What waits for an endpoint that has
    /// more in hand than finds room is parked, and released as that drains.
    pub(crate) async fn pass(&mut self, limit: u32) -> Result<Duration, StoreError> {
        let crowded = if self.held.queue_takes() { self.held.endpoints() } else { Vec::new() };
        AbortPoint::DispatchBegins.reach();
        let (engine, now) = (self.engine, self.engine.clock.now());
        let began_at = Instant::now();
        let after = self.look_back.next(began_at);
        let visibility = engine.settings.visibility;
        let mut dispatched = engine.ledger.dispatch_due_after(after, now, visibility, limit, &crowded).await?;
        self.look_back.note(after, began_at, now, &dispatched);
        self.size.note(&dispatched, began_at.elapsed(), now);
        observe(&dispatched);
        engine.coalesced.note_expired(dispatched.expired);
        let mut jobs = std::mem::take(&mut dispatched.jobs);
        let released = self.release(&crowded, &mut jobs).await;
        let parks_all = jobs.is_empty() && dispatched.parked > 0;
        if !jobs.is_empty() {
            AbortPoint::DispatchCommitted.reach();
        }
        self.held.hold(jobs);
        if !self.offer().await {
            return Ok(REST_MAX);
        }
        if self.held.is_full() {
            return Ok(REST_HELD);
        }
        // A release that fails keeps nothing from being dispatched.
        if released? || dispatched.more {
            return Ok(if self.size.is_late() { REST_MIN } else { began_at.elapsed().clamp(REST_MIN, REST_HELD) });
        }
        let ramp = self.released.is_some_and(|at| at.elapsed() < RAMP_GOES_ON);
        let rest_max = if self.held.len() > 0 { REST_HELD } else { REST_MAX };
        let rest_max = if ramp { rest_max.min(REST_RAMP) } else { rest_max };
        let until_due = dispatched.next_due_at.map_or(rest_max, |at| at.since(engine.clock.now()));
        let gathering = if parks_all { REST_PARKING } else { REST_GATHERING };
        Ok(until_due.max(gathering).min(rest_max))
    }

    /// Adds parked deliveries of endpoints that take deliveries again, and probes of those that fail. Answers whether
    /// there may be more to release. Where many passes follow one another, not each of them looks.
    async fn release(&mut self, crowded: &[EndpointId], jobs: &mut Vec<Job>) -> Result<bool, StoreError> {
        if !self.held.queue_takes() || self.held.is_full() {
            return Ok(false);
        }
        if self.nothing_to_release.is_some_and(|at| at.elapsed() < REST_GATHERING) {
            return Ok(false);
        }
        let (ledger, visibility, now) = (&self.engine.ledger, self.engine.settings.visibility, self.engine.clock.now());
        let released = in_time(ledger.release_parked(now, visibility, RELEASE_LIMIT, crowded)).await?;
        counter!("paybell_dispatch_released_total").increment(released.len() as u64);
        let more = !released.is_empty();
        if more {
            self.released = Some(Instant::now());
        }
        self.nothing_to_release = (!more).then(Instant::now);
        jobs.extend(released);
        if self.probed.is_none_or(|at| at.elapsed() >= PROBE_EVERY) {
            jobs.extend(in_time(ledger.take_probes(now, visibility, PROBE_LIMIT)).await?);
            self.probed = Some(Instant::now());
        }
        Ok(more)
    }

    /// Pushes what is held to the queue. What finds no room is held on; a queue that fails gets it later. Answers
    /// whether the queue answers.
    async fn offer(&mut self) -> bool {
        let offered = self.held.take(OFFER_EACH, Instant::now());
        if offered.is_empty() {
            return self.held.queue_takes();
        }
        match self.engine.queue.push(&offered).await {
            Ok(pushed) => {
                self.held.put_back(&offered, pushed.refused, Instant::now());
                self.held.note_queue(true);
                true
            }
            Err(error) => {
                self.held.put_back(&[], offered, Instant::now());
                self.held.note_queue(false);
                counter!("paybell_queue_errors_total", "act" => "push").increment(1);
                tracing::debug!(error = &error as &dyn std::error::Error, "jobs could not be queued; trying again");
                false
            }
        }
    }
}

/// What is handed out besides what is due; nothing when that takes too long.
async fn in_time(jobs: impl Future<Output = Result<Vec<Job>, StoreError>>) -> Result<Vec<Job>, StoreError> {
    tokio::time::timeout(RELEASE_WITHIN, jobs).await.unwrap_or_else(|_| {
        tracing::warn!("releasing parked deliveries took too long; trying again");
        Ok(Vec::new())
    })
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
