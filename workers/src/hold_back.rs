//! Jobs that found no room in the queue: held back in memory, a bounded number of them, and offered again as their lanes
//! drain. They are in the database all the same; what is not held comes due again by itself.

use paybell_delivery::{DeliveryId, EndpointId, Job};
use std::collections::{HashMap, HashSet, VecDeque};

/// The most jobs held, and the most of one endpoint: a few megabytes.
const HELD_MAX: usize = 50_000;
const HELD_OF_ENDPOINT_MAX: usize = 20_000;

/// The jobs that are held back, by endpoint.
#[derive(Default)]
pub(crate) struct HeldBack {
    lanes: HashMap<EndpointId, VecDeque<Job>>,
    known: HashSet<DeliveryId>,
    queue_fails: bool,
}

impl HeldBack {
    /// Whether the queue answered when it was last offered something.
    pub(crate) fn queue_takes(&self) -> bool {
        !self.queue_fails
    }

    /// Notes whether the queue answered.
    pub(crate) fn note_queue(&mut self, takes: bool) {
        self.queue_fails = !takes;
    }

    /// How many are held.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether no more can be held.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= HELD_MAX
    }

    /// Holds jobs, as far as there is room, behind those of the same endpoint that are held already.
    pub(crate) fn hold(&mut self, jobs: impl IntoIterator<Item = Job>) {
        for job in jobs {
            let lane = self.lanes.entry(job.endpoint_id).or_default();
            if self.known.len() < HELD_MAX && lane.len() < HELD_OF_ENDPOINT_MAX && self.known.insert(job.delivery_id) {
                lane.push_back(job);
            }
        }
    }

    /// Takes the first jobs of each endpoint, at most `each` of one.
    pub(crate) fn take(&mut self, each: usize) -> Vec<Job> {
        let mut taken = Vec::new();
        for lane in self.lanes.values_mut() {
            taken.extend(lane.drain(..each.min(lane.len())));
        }
        self.lanes.retain(|_, lane| !lane.is_empty());
        for job in &taken {
            self.known.remove(&job.delivery_id);
        }
        taken
    }

    /// Puts back what was taken and found no room, in front of the rest and in the same order.
    pub(crate) fn put_back(&mut self, jobs: Vec<Job>) {
        for job in jobs.into_iter().rev() {
            if self.known.insert(job.delivery_id) {
                self.lanes.entry(job.endpoint_id).or_default().push_front(job);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn job(endpoint: u128, delivery: u128) -> Job {
        Job {
            delivery_id: DeliveryId(Uuid::from_u128(delivery)),
            endpoint_id: EndpointId(Uuid::from_u128(endpoint)),
            attempts: 0,
            concurrency_max: 1,
        }
    }

    #[test]
    fn endpoints_are_taken_from_side_by_side_and_what_is_refused_keeps_its_place() {
        let mut held = HeldBack::default();
        held.hold([job(1, 11), job(1, 12), job(1, 13), job(2, 21)]);
        let mut taken = held.take(2);
        taken.sort_by_key(|job| job.delivery_id);
        assert_eq!(taken, [job(1, 11), job(1, 12), job(2, 21)]);
        held.put_back(vec![job(1, 11), job(1, 12)]);
        assert_eq!(held.take(10), [job(1, 11), job(1, 12), job(1, 13)]);
        assert_eq!(held.len(), 0);
    }

    #[test]
    fn one_endpoint_cannot_take_all_the_room_and_nothing_is_held_twice() {
        let mut held = HeldBack::default();
        held.hold((0..100_000).map(|n| job(1, n)));
        assert_eq!(held.len(), HELD_OF_ENDPOINT_MAX);
        held.hold([job(1, 5), job(2, 200_000), job(2, 200_000)]);
        assert_eq!(held.len(), HELD_OF_ENDPOINT_MAX + 1);
    }
}
