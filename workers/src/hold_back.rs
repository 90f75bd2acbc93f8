//! Jobs that found no room in the queue: held back in memory, a few of them, and offered again as their lanes drain. What
//! else comes due for their endpoints meanwhile is parked in the database.

use paybell_delivery::{DeliveryId, EndpointId, Job};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// The most jobs held, and the most of one endpoint: a few megabytes.
const HELD_MAX: usize = 50_000;
const HELD_OF_ENDPOINT_MAX: usize = 20_000;
/// The shortest and the longest rest of a lane that had no room for what it was offered.
const REST_MIN: Duration = Duration::from_millis(10);
const REST_MAX: Duration = Duration::from_millis(500);

/// The jobs that are held back, by endpoint.
#[derive(Default)]
pub(crate) struct HeldBack {
    lanes: HashMap<EndpointId, HeldLane>,
    /// What is held of each delivery: after how many attempts.
    known: HashMap<DeliveryId, u32>,
    queue_fails: bool,
}

#[derive(Default)]
struct HeldLane {
    jobs: VecDeque<Job>,
    rest: Duration,
    /// Not offered before.
    rests_until: Option<Instant>,
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

    /// The endpoints for which something is held.
    pub(crate) fn endpoints(&self) -> Vec<EndpointId> {
        self.lanes.keys().copied().collect()
    }

    /// Holds jobs, as far as there is room, behind those of the same endpoint that are held already. A job that came
    /// due again after another attempt takes the place of the older one, which would lose its claim.
    pub(crate) fn hold(&mut self, jobs: impl IntoIterator<Item = Job>) {
        for job in jobs {
            let lane = self.lanes.entry(job.endpoint_id).or_default();
            let room = self.known.len() < HELD_MAX && lane.jobs.len() < HELD_OF_ENDPOINT_MAX;
            match self.known.entry(job.delivery_id) {
                Entry::Vacant(vacant) if room => {
                    vacant.insert(job.attempts);
                    lane.jobs.push_back(job);
                }
                Entry::Occupied(mut held) if *held.get() < job.attempts => {
                    held.insert(job.attempts);
                    lane.jobs.retain(|older| older.delivery_id != job.delivery_id);
                    lane.jobs.push_back(job);
                }
                Entry::Vacant(_) | Entry::Occupied(_) => {}
            }
        }
        self.lanes.retain(|_, lane| !lane.jobs.is_empty());
    }

    /// Takes the first jobs of each endpoint that does not rest, at most `each` of one.
    pub(crate) fn take(&mut self, each: usize, now: Instant) -> Vec<Job> {
        let mut taken = Vec::new();
        for lane in self.lanes.values_mut().filter(|lane| lane.rests_until.is_none_or(|until| until <= now)) {
            taken.extend(lane.jobs.drain(..each.min(lane.jobs.len())));
        }
        for job in &taken {
            self.known.remove(&job.delivery_id);
        }
        taken
    }

    /// Puts back what of the jobs `offered` was refused, in front of the rest and in the same order. A lane that had
    /// room for less than half of its offer rests for twice as long as before; one that had room for more, for half.
    pub(crate) fn put_back(&mut self, offered: &[Job], refused: Vec<Job>, now: Instant) {
        let mut room: HashMap<EndpointId, (usize, usize)> = HashMap::new();
        for job in offered {
            room.entry(job.endpoint_id).or_default().0 += 1;
        }
        for job in refused.into_iter().rev() {
            if let Some((_, refused)) = room.get_mut(&job.endpoint_id) {
                *refused += 1;
            }
            if let Entry::Vacant(vacant) = self.known.entry(job.delivery_id) {
                vacant.insert(job.attempts);
                self.lanes.entry(job.endpoint_id).or_default().jobs.push_front(job);
            }
        }
        for (endpoint, (offered, refused)) in room {
            if let Some(lane) = self.lanes.get_mut(&endpoint) {
                let rest = if refused * 2 > offered { lane.rest * 2 } else { lane.rest / 2 };
                lane.rest = rest.clamp(REST_MIN, REST_MAX);
                lane.rests_until = (refused > 0).then(|| now + lane.rest);
            }
        }
        self.lanes.retain(|_, lane| !lane.jobs.is_empty());
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
        let now = Instant::now();
        let mut taken = held.take(2, now);
        taken.sort_by_key(|job| job.delivery_id);
        assert_eq!(taken, [job(1, 11), job(1, 12), job(2, 21)]);
        held.put_back(&taken, vec![job(1, 11), job(1, 12)], now);
        assert_eq!(held.endpoints(), [EndpointId(Uuid::from_u128(1))]);
        assert_eq!(held.take(10, now + REST_MAX), [job(1, 11), job(1, 12), job(1, 13)]);
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

    #[test]
    fn a_job_that_came_due_again_after_an_attempt_takes_the_older_ones_place() {
        let mut held = HeldBack::default();
        let retried = Job { attempts: 1, ..job(1, 11) };
        held.hold([job(1, 11), job(1, 12), retried]);
        held.hold([job(1, 11)]);
        assert_eq!(held.take(10, Instant::now()), [job(1, 12), retried]);
        assert_eq!(held.len(), 0);
    }

    #[test]
    fn a_full_lane_is_offered_less_and_less_often_and_a_draining_one_more() {
        let mut held = HeldBack::default();
        held.hold((0..1_000).map(|n| job(1, n)));
        let begin = Instant::now();
        let mut now = begin;
        let mut offers = Vec::new();
        let mut offer = |held: &mut HeldBack, now: &mut Instant, taken: usize| {
            let mut offered = held.take(100, *now);
            while offered.is_empty() {
                *now += Duration::from_millis(1);
                offered = held.take(100, *now);
            }
            offers.push(now.duration_since(begin).as_millis());
            held.put_back(&offered, offered[taken..].to_vec(), *now);
        };
        for taken in [0, 0, 0, 60, 60, 60] {
            offer(&mut held, &mut now, taken);
        }
        assert_eq!(offers, [0, 10, 30, 70, 90, 100]);
    }
}
