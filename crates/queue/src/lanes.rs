//! Lanes in memory: a pure data structure; the time is an argument.
//!
//! An endpoint has a lane while jobs wait for it. Its lane is in the ring, or, while the endpoint is at its cap or has its
//! share of the slots, it is capped; never both.

use crate::{Pushed, QueueSettings, Taken};
use paybell_delivery::{DeliveryId, EndpointId, Job};
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

/// What tells a waiting job from another.
type JobKey = (DeliveryId, u32);

/// All lanes, and what is in flight.
pub(crate) struct Lanes {
    settings: QueueSettings,
    lanes: HashMap<EndpointId, Lane>,
    /// The lanes to serve, in turn.
    ring: VecDeque<EndpointId>,
    capped: HashSet<EndpointId>,
    /// For each endpoint the tickets of its jobs in flight, with the end of their leases.
    in_flight: HashMap<EndpointId, HashMap<u64, Instant>>,
    last_ticket: u64,
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
            last_ticket: 0,
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
        let has_turn = |endpoint| self.lanes.contains_key(endpoint) && !self.capped.contains(endpoint);
        pushed.is_held_back = !jobs.iter().any(|job| has_turn(&job.endpoint_id));
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
    pub(crate) fn turn(&mut self, finished: &[Taken], want: usize, free: usize, now: Instant) -> Vec<Taken> {
        self.last_turn = Some(now);
        for taken in finished {
            self.finish(taken);
        }
        self.end_leases(now);
        let mut taken = Vec::new();
        while taken.len() < want {
            let Some(endpoint) = self.ring.pop_front() else { break };
            let share = free.saturating_sub(taken.len()).max(1);
            taken.extend(self.take(endpoint, share, now));
        }
        taken
    }

    /// See [`crate::Queue::admit`].
    pub(crate) fn admit(&mut self, jobs: &[Job], free: usize, now: Instant) -> Vec<Option<Taken>> {
        let mut left = free;
        let mut admit = |job: &Job| {
            let waiting = self.lanes.get(&job.endpoint_id).map_or(0, |lane| lane.waiting.len());
            let is_held_back = self.capped.contains(&job.endpoint_id);
            let is_let_in = !is_held_back && self.has_room(job, left, waiting, now);
            left -= usize::from(is_let_in);
            is_let_in.then(|| self.fly(*job, now))
        };
        jobs.iter().map(&mut admit).collect()
    }

    /// See [`crate::Queue::withdraw`].
    pub(crate) fn withdraw(&mut self, endpoint: EndpointId, at_most: usize) -> Vec<Job> {
        if self.capped.contains(&endpoint) { self.take_out(endpoint, at_most) } else { Vec::new() }
    }

    /// The first jobs of a lane, whether it is held back or not.
    pub(crate) fn take_out(&mut self, endpoint: EndpointId, at_most: usize) -> Vec<Job> {
        let Some(lane) = self.lanes.get_mut(&endpoint) else { return Vec::new() };
        let jobs: Vec<Job> = lane.waiting.drain(..at_most.min(lane.waiting.len())).collect();
        self.depth -= jobs.len();
        if lane.waiting.is_empty() {
            self.lanes.remove(&endpoint);
            self.ring.retain(|other| *other != endpoint);
            self.capped.remove(&endpoint);
        } else {
            jobs.iter().for_each(|job| _ = lane.known.remove(&key(job)));
        }
        jobs
    }

    /// Whether jobs wait for it.
    pub(crate) fn has_lane(&self, endpoint: EndpointId) -> bool {
        self.lanes.contains_key(&endpoint)
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

    fn finish(&mut self, taken: &Taken) {
        let endpoint = taken.job.endpoint_id;
        if let Some(tickets) = self.in_flight.get_mut(&endpoint) {
            tickets.remove(&taken.ticket);
            if tickets.is_empty() {
                self.in_flight.remove(&endpoint);
            }
        }
        self.uncap(endpoint);
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
    fn take(&mut self, endpoint: EndpointId, share: usize, now: Instant) -> Option<Taken> {
        let job = *self.lanes.get(&endpoint)?.waiting.front()?;
        if !self.has_room(&job, share, 0, now) {
            self.capped.insert(endpoint);
            self.expect_lease_end(self.lease_end(endpoint).unwrap_or(now));
            return None;
        }
        let taken = self.fly(job, now);
        let lane = self.lanes.get_mut(&endpoint)?;
        lane.waiting.pop_front();
        lane.known.remove(&key(&job));
        self.depth -= 1;
        if lane.waiting.is_empty() {
            self.lanes.remove(&endpoint);
        } else {
            self.ring.push_back(endpoint);
        }
        Some(taken)
    }

    fn fly(&mut self, job: Job, now: Instant) -> Taken {
        self.last_ticket += 1;
        let in_flight = self.in_flight.entry(job.endpoint_id).or_default();
        in_flight.insert(self.last_ticket, now + self.settings.lease);
        Taken { job, ticket: self.last_ticket, taken_at: now }
    }

    fn has_room(&mut self, job: &Job, share: usize, besides: usize, now: Instant) -> bool {
        let cap = usize::try_from(job.concurrency_max.max(1)).unwrap_or(usize::MAX);
        let max = cap.min(share).saturating_sub(besides);
        let Some(tickets) = self.in_flight.get_mut(&job.endpoint_id) else { return max > 0 };
        if tickets.len() >= max {
            tickets.retain(|_, end| *end > now);
        }
        tickets.len() < max
    }
}

fn key(job: &Job) -> JobKey {
    (job.delivery_id, job.attempts)
}

#[cfg(test)]
mod tests;
