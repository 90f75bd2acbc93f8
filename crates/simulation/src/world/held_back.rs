//! What found no room in the queue, held back by a dispatcher as `workers/src/hold_back.rs` does it.

use crate::model::{DeliveryNo, EndpointNo, Job};
use paybell_delivery::Timestamp;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

/// The most jobs of an endpoint that are offered at once.
const OFFER_EACH: usize = 250;
/// The shortest and the longest rest of a lane that had no room for what it was offered.
const REST_MIN: Duration = Duration::from_millis(10);
const REST_MAX: Duration = Duration::from_millis(500);

/// The jobs that a dispatcher holds back, by endpoint.
#[derive(Default)]
pub(super) struct HeldBack {
    lanes: BTreeMap<EndpointNo, HeldLane>,
    /// What is held of each delivery: after how many attempts.
    known: HashMap<DeliveryNo, u32>,
}

#[derive(Default)]
struct HeldLane {
    jobs: VecDeque<Job>,
    rest: Duration,
    rests_until: Option<Timestamp>,
}

impl HeldBack {
    /// Holds a job behind those of the same endpoint. One that came due again after another attempt takes the place of
    /// the older one.
    pub(super) fn hold(&mut self, endpoint: EndpointNo, job: Job) {
        match self.known.entry(job.delivery) {
            Entry::Vacant(vacant) => drop(vacant.insert(job.attempts)),
            Entry::Occupied(mut held) if *held.get() < job.attempts => {
                held.insert(job.attempts);
                if let Some(lane) = self.lanes.get_mut(&endpoint) {
                    lane.jobs.retain(|older| older.delivery != job.delivery);
                }
            }
            Entry::Occupied(_) => return,
        }
        self.lanes.entry(endpoint).or_default().jobs.push_back(job);
    }

    /// Holds a job that found no room; its lane rests.
    pub(super) fn refused(&mut self, endpoint: EndpointNo, job: Job, now: Timestamp) {
        self.hold(endpoint, job);
        if let Some(lane) = self.lanes.get_mut(&endpoint) {
            lane.rests(true, now);
        }
    }

    /// Offers the first jobs of an endpoint that does not rest; answers those for which there is room.
    pub(super) fn offer(&mut self, endpoint: EndpointNo, room: usize, now: Timestamp) -> Vec<Job> {
        let Some(lane) = self.lanes.get_mut(&endpoint) else { return Vec::new() };
        if lane.rests_until.is_some_and(|until| until > now) {
            return Vec::new();
        }
        let offered = lane.jobs.len().min(OFFER_EACH);
        let taken: Vec<Job> = lane.jobs.drain(..offered.min(room)).collect();
        lane.rests((offered - taken.len()) * 2 > offered, now);
        if offered == taken.len() {
            lane.rests_until = None;
        }
        if lane.jobs.is_empty() {
            self.lanes.remove(&endpoint);
        }
        for job in &taken {
            self.known.remove(&job.delivery);
        }
        taken
    }

    /// The endpoints for which something is held.
    pub(super) fn endpoints(&self) -> Vec<EndpointNo> {
        self.lanes.keys().copied().collect()
    }

    pub(super) fn has(&self, endpoint: EndpointNo) -> bool {
        self.lanes.contains_key(&endpoint)
    }
}

impl HeldLane {
    fn rests(&mut self, longer: bool, now: Timestamp) {
        let rest = if longer { self.rest * 2 } else { self.rest / 2 };
        self.rest = rest.clamp(REST_MIN, REST_MAX);
        self.rests_until = Some(now + self.rest);
    }
}
