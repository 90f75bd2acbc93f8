//! I10: requests at one time at an endpoint never exceed its cap, as long as the queue forgets nothing. A request lasts
//! until its answer, or until its worker dies.

use super::{Checked, Checker, violation};
use crate::draw_plan::BEGIN;
use crate::model::{DeliveryNo, EndpointNo, Job};
use crate::world::VISIBILITY;
use paybell_delivery::Timestamp;
use std::time::Duration;

/// Within what time after a job's lease ended the next one must be taken.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);

/// What was seen of an endpoint's cap.
pub(super) struct Places {
    pub(super) cap: usize,
    /// The requests under way: whose, and until when.
    requests: Vec<(usize, Timestamp)>,
    /// Whether jobs wait for a place.
    crowded: bool,
    /// When they last did.
    crowded_until: Option<Timestamp>,
    /// When a job was last taken.
    took_at: Timestamp,
}

impl Places {
    pub(super) fn new(cap: usize) -> Self {
        let (requests, took_at) = (Vec::new(), BEGIN);
        Self { cap, requests, crowded: false, crowded_until: None, took_at }
    }

    /// Until when jobs waited for a place, as far as that excuses anything: while places become free.
    pub(super) fn crowded_until(&self, now: Timestamp) -> Option<Timestamp> {
        let moves = self.took_at + VISIBILITY + TAKEN_WITHIN >= now;
        if self.crowded && moves { Some(now) } else { self.crowded_until }
    }

    /// Whether jobs waited for a place at some time since `from`.
    pub(super) fn crowded_since(&self, from: Timestamp, now: Timestamp) -> bool {
        self.crowded_until(now).is_some_and(|until| until >= from)
    }
}

impl Checker {
    /// A request begins.
    pub(super) fn see_places(
        &mut self,
        delivery: DeliveryNo,
        worker: usize,
        (begins, ends): (Timestamp, Timestamp),
    ) -> Checked {
        let endpoint = self.lives[delivery.index()].endpoint;
        let places = &mut self.endpoints[endpoint.index()].places;
        places.requests.retain(|(_, until)| *until > begins);
        places.requests.push((worker, ends));
        let (count, cap) = (places.requests.len(), places.cap);
        if count > cap {
            return Err(violation(
                "I10",
                delivery,
                format!("endpoint {endpoint} has {count} requests, its cap is {cap}"),
            ));
        }
        Ok(())
    }

    /// A worker died, and its requests with it.
    pub(crate) fn cut_off(&mut self, worker: usize) {
        let places = self.endpoints.iter_mut().map(|endpoint| &mut endpoint.places);
        places.for_each(|places| places.requests.retain(|(of, _)| *of != worker));
        self.endpoints.iter_mut().for_each(|endpoint| endpoint.health.worker_died(worker));
    }

    /// The queue forgot what is in flight.
    pub(crate) fn forgotten(&mut self) {
        self.endpoints.iter_mut().for_each(|endpoint| endpoint.places.requests.clear());
    }

    /// A job was taken from an endpoint's lane.
    pub(crate) fn took(&mut self, endpoint: EndpointNo, job: &Job, now: Timestamp) -> Checked {
        let places = &mut self.endpoints[endpoint.index()].places;
        places.took_at = now;
        places.requests.retain(|(_, until)| *until > now);
        let (count, cap) = (places.requests.len(), job.concurrency_max);
        if count >= cap.max(1) as usize {
            let what = format!("it is taken beside {count} requests, the cap of the moment was {cap}");
            return Err(violation("I10", job.delivery, what));
        }
        Ok(())
    }

    /// Jobs wait for a place at an endpoint, or none do.
    pub(crate) fn crowded(&mut self, endpoint: EndpointNo, crowded: bool, now: Timestamp) {
        let places = &mut self.endpoints[endpoint.index()].places;
        if places.crowded && !crowded {
            places.crowded_until = Some(now);
        }
        places.crowded = crowded;
    }
}
