//! Attempting what was just accepted at once: where this process takes payments in and has room, their deliveries are
//! claimed by the statement that accepts them and begun without waiting in a lane, as far as their endpoints' caps leave room
//! for them besides all that waits there. All others wait their turn in the queue.

use crate::Engine;
use crate::give_back::{Claimed, leave_to_queue};
use crate::resting::Resting;
use crate::run_worker::{Feeds, InFlight, attempt};
use metrics::counter;
use paybell_abort::AbortPoint;
use paybell_delivery::{Job, MerchantId};
use paybell_queue::{Finished, Taken};
use paybell_store::AttemptsAhead;
use paybell_store::engine::{ClaimAhead, ClaimedDelivery};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// For how long a merchant's deliveries are left to the queue after one of them found no room.
const REST: Duration = Duration::from_secs(1);
/// With more such merchants everything is left to the queue.
const RESTING_MAX: usize = 1_000;

/// Attempts ahead for one worker.
pub(crate) struct AttemptAhead {
    engine: Arc<Engine>,
    feeds: Feeds,
    attempts: TaskTracker,
    stop: CancellationToken,
    /// The merchants one of whose deliveries found no room.
    turned_away: Arc<Resting<MerchantId>>,
}

impl AttemptAhead {
    pub(crate) fn new(engine: Arc<Engine>, feeds: Feeds, attempts: TaskTracker, stop: CancellationToken) -> Self {
        Self { engine, feeds, attempts, stop, turned_away: Arc::default() }
    }

    /// What tells the newest feed of finished jobs.
    fn finished(&self) -> Option<Finished> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner).last().cloned()
    }
}

impl AttemptsAhead for AttemptAhead {
    fn claim_ahead(&self, payments: usize) -> Option<ClaimAhead> {
        let settings = &self.engine.settings;
        if self.stop.is_cancelled() || self.engine.queue.is_away() {
            return None;
        }
        let finished = self.finished()?;
        if finished.spare() < payments {
            return None;
        }
        let except = self.turned_away.all(Instant::now());
        (except.len() <= RESTING_MAX).then_some(ClaimAhead { visibility: settings.visibility, except })
    }

    fn attempt_ahead(&self, claimed: Vec<(Job, ClaimedDelivery)>) {
        let Some(finished) = self.finished().filter(|_| !claimed.is_empty()) else { return };
        let claimed: Vec<Claimed> = claimed.into_iter().map(|(job, claimed)| (job, Box::new(claimed))).collect();
        let (engine, attempts, resting) =
            (Arc::clone(&self.engine), self.attempts.clone(), Arc::clone(&self.turned_away));
        self.attempts.spawn(async move {
            AbortPoint::EnqueueBegins.reach();
            let places = places(&engine, &finished, &claimed).await;
            AbortPoint::Enqueued.reach();
            AbortPoint::ClaimCommitted.reach();
            let turned_away = begin(&engine, &attempts, &finished, claimed, places);
            if turned_away.is_empty() {
                return;
            }
            let until = Instant::now() + REST;
            turned_away.iter().for_each(|claimed| resting.note(merchant_of(claimed).clone(), until));
            let left = leave_to_queue(&engine, turned_away).await;
            if left > 0 {
                counter!("paybell_intake_jobs_left_to_dispatcher_total").increment(left as u64);
            }
        });
    }
}

/// Begins the attempts for which there is a place, and answers the others.
fn begin(
    engine: &Arc<Engine>,
    attempts: &TaskTracker,
    finished: &Finished,
    claimed: Vec<Claimed>,
    places: Vec<Option<Taken>>,
) -> Vec<Claimed> {
    let mut turned_away = Vec::new();
    let mut begun = 0;
    for ((job, claimed), place) in claimed.into_iter().zip(places) {
        match place {
            Some(taken) => {
                begun += 1;
                attempts.spawn(attempt(engine.clone(), claimed, InFlight::let_in(taken, finished.clone())));
            }
            None => turned_away.push((job, claimed)),
        }
    }
    if begun > 0 {
        counter!("paybell_claims_total", "result" => "ahead").increment(begun);
    }
    turned_away
}

/// A place in flight for each for which there is room: one that was kept in this process, or of the queue.
async fn places(engine: &Engine, finished: &Finished, claimed: &[Claimed]) -> Vec<Option<Taken>> {
    let jobs: Vec<Job> = claimed.iter().map(|(job, _)| *job).collect();
    let mut places = finished.take_kept(&jobs);
    let without = jobs.iter().zip(&places).filter(|(_, place)| place.is_none());
    let others: Vec<Job> = without.map(|(job, _)| *job).collect();
    if others.is_empty() {
        return places;
    }
    match engine.queue.admit(&others, finished.free()).await {
        Ok(admitted) => {
            finished.note_admitted(admitted.iter().flatten().count());
            let mut admitted = admitted.into_iter();
            places.iter_mut().filter(|place| place.is_none()).for_each(|place| *place = admitted.next().flatten());
        }
        Err(error) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "nothing was let in by the queue");
        }
    }
    places
}

fn merchant_of((_, claimed): &Claimed) -> &MerchantId {
    &claimed.payment.merchant_id
}
