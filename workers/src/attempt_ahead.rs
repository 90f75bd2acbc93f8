//! Attempting what was just accepted at once: where this process takes payments in and has room, their deliveries are
//! claimed by the statement that accepts them and begun without waiting in a lane, as far as their endpoints' caps leave room
//! for them besides all that waits there. All others wait their turn in the queue.

use crate::Engine;
use crate::run_worker::{Feeds, InFlight, attempt};
use metrics::counter;
use paybell_abort::AbortPoint;
use paybell_delivery::{DeliveryId, Job, MerchantId, Timestamp};
use paybell_queue::{Finished, Taken};
use paybell_store::AttemptsAhead;
use paybell_store::engine::{ClaimAhead, ClaimedDelivery};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// For how long a merchant's deliveries are left to the queue after one of them found no room.
const REST: Duration = Duration::from_secs(1);
/// With more such merchants everything is left to the queue.
const RESTING_MAX: usize = 1_000;

/// What was claimed as it was accepted, with its job.
type Claimed = (Job, ClaimedDelivery);

/// Attempts ahead for one worker.
pub(crate) struct AttemptAhead {
    engine: Arc<Engine>,
    feeds: Feeds,
    attempts: TaskTracker,
    stop: CancellationToken,
    turned_away: Arc<Mutex<TurnedAway>>,
}

/// The merchants one of whose deliveries found no room, and until when all of theirs are left to the queue.
#[derive(Default)]
struct TurnedAway(HashMap<MerchantId, Instant>);

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
        let except = lock(&self.turned_away).resting(Instant::now());
        (except.len() <= RESTING_MAX).then_some(ClaimAhead { visibility: settings.visibility, except })
    }

    fn attempt_ahead(&self, claimed: Vec<Claimed>) {
        let Some(finished) = self.finished().filter(|_| !claimed.is_empty()) else { return };
        let (engine, attempts, noted) =
            (Arc::clone(&self.engine), self.attempts.clone(), Arc::clone(&self.turned_away));
        self.attempts.spawn(async move {
            AbortPoint::EnqueueBegins.reach();
            let places = places(&engine, &finished, &claimed).await;
            AbortPoint::Enqueued.reach();
            AbortPoint::ClaimCommitted.reach();
            if places.iter().any(Option::is_none) {
                lock(&noted).note(claimed.iter().map(merchant_of).zip(&places), Instant::now());
            }
            let turned_away = begin(&engine, &attempts, &finished, claimed, places);
            if !turned_away.is_empty() {
                leave_to_queue(&engine, turned_away).await;
            }
        });
    }
}

impl TurnedAway {
    /// Notes who found no place.
    fn note<'a>(&mut self, found: impl Iterator<Item = (&'a MerchantId, &'a Option<Taken>)>, now: Instant) {
        for (merchant, _) in found.filter(|(_, place)| place.is_none()) {
            self.0.insert(merchant.clone(), now + REST);
        }
    }

    /// Those whose deliveries are left to the queue.
    fn resting(&mut self, now: Instant) -> Vec<MerchantId> {
        self.0.retain(|_, until| *until > now);
        self.0.keys().cloned().collect()
    }
}

/// Begins the attempts for which there is a place, and answers the others.
fn begin(
    engine: &Arc<Engine>,
    attempts: &TaskTracker,
    finished: &Finished,
    claimed: Vec<Claimed>,
    places: Vec<Option<Taken>>,
) -> Vec<(Job, Box<ClaimedDelivery>)> {
    let mut turned_away = Vec::new();
    let mut begun = 0;
    for ((job, claimed), place) in claimed.into_iter().zip(places) {
        match place {
            Some(taken) => {
                begun += 1;
                attempts.spawn(attempt(engine.clone(), Box::new(claimed), InFlight::let_in(taken, finished.clone())));
            }
            None => turned_away.push((job, Box::new(claimed))),
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

/// Gives the claims back, so that others can have them, and then puts the jobs into their lanes. Where that fails they
/// come due again.
pub(crate) async fn leave_to_queue(engine: &Engine, claimed: Vec<(Job, Box<ClaimedDelivery>)>) {
    let mut by_claim: BTreeMap<Timestamp, Vec<DeliveryId>> = BTreeMap::new();
    for (job, claimed) in &claimed {
        by_claim.entry(claimed.claimed_at).or_default().push(job.delivery_id);
    }
    for (claimed_at, ids) in by_claim {
        counter!("paybell_claims_total", "result" => "given_back").increment(ids.len() as u64);
        if let Err(error) = engine.ledger.give_back(&ids, claimed_at).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(deliveries = ids.len(), error, "claims could not be given back; they run out");
            return;
        }
    }
    let before =
        |(job, claimed): &(Job, Box<ClaimedDelivery>)| Job { attempts: claimed.attempt.saturating_sub(1), ..*job };
    let jobs: Vec<Job> = claimed.iter().map(before).collect();
    let left = match engine.queue.push(&jobs).await {
        Ok(pushed) => pushed.refused.len(),
        Err(_) => jobs.len(),
    };
    if left > 0 {
        counter!("paybell_intake_jobs_left_to_dispatcher_total").increment(left as u64);
    }
}

fn merchant_of((_, claimed): &Claimed) -> &MerchantId {
    &claimed.payment.merchant_id
}

fn lock(turned_away: &Mutex<TurnedAway>) -> MutexGuard<'_, TurnedAway> {
    turned_away.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use paybell_delivery::EndpointId;
    use uuid::Uuid;

    #[test]
    fn who_found_no_room_rests_for_a_while() {
        let [idle, busy, fine] = ["idle", "busy", "fine"].map(|id| MerchantId::new(id).expect("an id"));
        let job = Job {
            delivery_id: DeliveryId(Uuid::from_u128(1)),
            endpoint_id: EndpointId(Uuid::from_u128(2)),
            attempts: 1,
            concurrency_max: 1,
        };
        let (mut turned_away, now) = (TurnedAway::default(), Instant::now());
        let place = Some(Taken { job, ticket: 1, taken_at: now });
        let found = [(&busy, &place), (&idle, &None), (&busy, &None), (&fine, &place)];
        turned_away.note(found.into_iter(), now);
        let mut resting = turned_away.resting(now);
        resting.sort();
        assert_eq!(resting, [busy.clone(), idle.clone()]);
        assert!(turned_away.resting(now + REST).is_empty());
    }
}
