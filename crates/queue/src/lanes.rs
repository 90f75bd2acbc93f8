//! Lanes in memory: a pure data structure; the time is an argument.
//!
//! An endpoint has a lane while jobs wait for it. Its lane is in the ring, or, while the endpoint is at its cap, it is
//! capped; never both.

use crate::{Pushed, QueueSettings};
use paybell_delivery::{DeliveryId, EndpointId, Job};
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

/// What tells a job from another.
type JobKey = (DeliveryId, u32);

/// All lanes, and what is in flight.
pub(crate) struct Lanes {
    settings: QueueSettings,
    lanes: HashMap<EndpointId, Lane>,
    /// The lanes to serve, in turn.
    ring: VecDeque<EndpointId>,
    capped: HashSet<EndpointId>,
    /// For each endpoint the jobs in flight, with the end of their leases.
    in_flight: HashMap<EndpointId, HashMap<JobKey, Instant>>,
    /// No lease of a capped endpoint ends before this.
    next_lease_end: Option<Instant>,
    depth: usize,
    last_turn: Option<Instant>,
}

#[derive(Default)]
struct Lane {
    waiting: VecDeque<Job>,
    known: HashSet<JobKey>,
}

impl Lanes {
    /// Empty ones.
    pub(crate) fn new(settings: QueueSettings) -> Lanes {
        Lanes {
            settings,
            lanes: HashMap::new(),
            ring: VecDeque::new(),
            capped: HashSet::new(),
            in_flight: HashMap::new(),
            next_lease_end: None,
            depth: 0,
            last_turn: None,
        }
    }

    /// See [`crate::Queue::push`].
    pub(crate) fn push(&mut self, jobs: &[Job]) -> Pushed {
        let mut pushed = Pushed::default();
        for job in jobs {
            let length = self.lanes.get(&job.endpoint_id).map_or(0, |lane| lane.waiting.len());
            if self.depth >= self.settings.depth_max || length >= self.settings.lane_max {
                pushed.refused.push(*job);
            } else if self.push_one(*job) {
                pushed.added += 1;
            }
        }
        pushed
    }

    /// Whether it did not wait already.
    fn push_one(&mut self, job: Job) -> bool {
        let lane = self.lanes.entry(job.endpoint_id).or_default();
        if !lane.known.insert(key(&job)) {
            return false;
        }
        if lane.waiting.is_empty() {
            self.ring.push_back(job.endpoint_id);
        }
        lane.waiting.push_back(job);
        self.depth += 1;
        true
    }

    /// See [`crate::Queue::turn`].
    pub(crate) fn turn(&mut self, finished: &[Job], want: usize, now: Instant) -> Vec<Job> {
        self.last_turn = Some(now);
        for job in finished {
            self.finish(job);
        }
        self.end_leases(now);
        let mut taken = Vec::new();
        while taken.len() < want {
            let Some(endpoint) = self.ring.pop_front() else { break };
            taken.extend(self.take(endpoint, now));
        }
        taken
    }

    /// How many jobs wait.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// When a worker last took its turn.
    pub(crate) fn last_turn(&self) -> Option<Instant> {
        self.last_turn
    }

    /// Whether a turn would find something.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ring.is_empty()
    }

    fn finish(&mut self, job: &Job) {
        if let Some(jobs) = self.in_flight.get_mut(&job.endpoint_id) {
            jobs.remove(&key(job));
            if jobs.is_empty() {
                self.in_flight.remove(&job.endpoint_id);
            }
        }
        self.uncap(job.endpoint_id);
    }

    fn uncap(&mut self, endpoint: EndpointId) {
        if self.capped.remove(&endpoint) {
            self.ring.push_back(endpoint);
        }
    }

    /// Lets the capped endpoints back into the ring for whose jobs in flight a lease has ended.
    fn end_leases(&mut self, now: Instant) {
        if self.next_lease_end.is_none_or(|end| end > now) {
            return;
        }
        self.next_lease_end = None;
        let capped: Vec<EndpointId> = self.capped.iter().copied().collect();
        for endpoint in capped {
            match self.lease_end(endpoint) {
                Some(end) if end > now => self.expect_lease_end(end),
                _ => self.uncap(endpoint),
            }
        }
    }

    /// When the first lease of an endpoint's jobs in flight ends.
    fn lease_end(&self, endpoint: EndpointId) -> Option<Instant> {
        self.in_flight.get(&endpoint)?.values().min().copied()
    }

    fn expect_lease_end(&mut self, end: Instant) {
        self.next_lease_end = Some(self.next_lease_end.map_or(end, |other| other.min(end)));
    }

    /// Takes the first job of a lane that was taken out of the ring, and puts it back there if more wait.
    fn take(&mut self, endpoint: EndpointId, now: Instant) -> Option<Job> {
        let job = *self.lanes.get(&endpoint)?.waiting.front()?;
        if !self.has_room(&job, now) {
            self.capped.insert(endpoint);
            self.expect_lease_end(self.lease_end(endpoint).unwrap_or(now));
            return None;
        }
        self.in_flight.entry(endpoint).or_default().insert(key(&job), now + self.settings.lease);
        let lane = self.lanes.get_mut(&endpoint)?;
        lane.waiting.pop_front();
        lane.known.remove(&key(&job));
        self.depth -= 1;
        if lane.waiting.is_empty() {
            self.lanes.remove(&endpoint);
        } else {
            self.ring.push_back(endpoint);
        }
        Some(job)
    }

    fn has_room(&mut self, job: &Job, now: Instant) -> bool {
        let cap = usize::try_from(job.concurrency_max.max(1)).unwrap_or(usize::MAX);
        let Some(jobs) = self.in_flight.get_mut(&job.endpoint_id) else { return true };
        if jobs.len() >= cap {
            jobs.retain(|_, end| *end > now);
        }
        jobs.len() < cap
    }
}

fn key(job: &Job) -> JobKey {
    (job.delivery_id, job.attempts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use uuid::Uuid;

    const LEASE: Duration = Duration::from_secs(60);

    fn lanes() -> Lanes {
        Lanes::new(QueueSettings { lane_max: 100, depth_max: 1_000, lease: LEASE })
    }

    fn job(endpoint: u128, number: u128, concurrency_max: u32) -> Job {
        let delivery_id = DeliveryId(Uuid::from_u128(endpoint << 64 | number));
        Job { delivery_id, endpoint_id: EndpointId(Uuid::from_u128(endpoint)), attempts: 0, concurrency_max }
    }

    #[test]
    fn lease_that_ends_frees_its_place_and_not_a_moment_sooner() {
        let mut lanes = lanes();
        let begin = Instant::now();
        assert_eq!(lanes.push(&[job(1, 1, 1), job(1, 2, 1), job(1, 3, 1)]).added, 3);
        assert_eq!(lanes.turn(&[], 9, begin), [job(1, 1, 1)]);
        assert_eq!(lanes.turn(&[], 9, begin + LEASE - Duration::from_nanos(1)), []);
        assert!(!lanes.is_ready());
        assert_eq!(lanes.turn(&[], 9, begin + LEASE), [job(1, 2, 1)]);
        assert_eq!(lanes.turn(&[], 9, begin + LEASE), []);
    }

    #[test]
    fn job_that_is_finished_after_its_lease_frees_nobody_elses_place() {
        let mut lanes = lanes();
        let begin = Instant::now();
        lanes.push(&[job(1, 1, 1), job(1, 2, 1), job(1, 3, 1)]);
        let first = lanes.turn(&[], 1, begin);
        let second = lanes.turn(&[], 1, begin + LEASE);
        assert_eq!(lanes.turn(&first, 9, begin + LEASE), []);
        assert_eq!(lanes.turn(&second, 9, begin + LEASE), [job(1, 3, 1)]);
    }

    #[test]
    fn nothing_is_left_of_what_was_drained_and_finished() {
        let mut lanes = lanes();
        let now = Instant::now();
        let jobs: Vec<Job> = (0..90).map(|n| job(n % 7, n, 3)).collect();
        assert_eq!(lanes.push(&jobs).added, 90);
        let mut taken = lanes.turn(&[], 50, now);
        let mut count = 0;
        while !taken.is_empty() {
            count += taken.len();
            taken = lanes.turn(&taken, 50, now);
        }
        assert_eq!((count, lanes.depth()), (90, 0));
        assert!(lanes.lanes.is_empty() && lanes.ring.is_empty() && lanes.capped.is_empty());
        assert!(lanes.in_flight.is_empty());
    }
}
