//! What found no room in the queue, held back by a dispatcher as `workers/src/hold_back.rs` does it.

use crate::model::{DeliveryNo, EndpointNo, Job};
use std::collections::{BTreeMap, HashSet, VecDeque};

/// The jobs that a dispatcher holds back, by endpoint.
#[derive(Default)]
pub(super) struct HeldBack {
    lanes: BTreeMap<EndpointNo, VecDeque<Job>>,
    known: HashSet<DeliveryNo>,
}

impl HeldBack {
    /// Holds a job behind those of the same endpoint, unless its delivery is held already.
    pub(super) fn hold(&mut self, endpoint: EndpointNo, job: Job) {
        if self.known.insert(job.delivery) {
            self.lanes.entry(endpoint).or_default().push_back(job);
        }
    }

    /// Takes the first jobs of an endpoint, at most `most`.
    pub(super) fn take(&mut self, endpoint: EndpointNo, most: usize) -> Vec<Job> {
        let Some(lane) = self.lanes.get_mut(&endpoint) else { return Vec::new() };
        let taken: Vec<Job> = lane.drain(..most.min(lane.len())).collect();
        if lane.is_empty() {
            self.lanes.remove(&endpoint);
        }
        for job in &taken {
            self.known.remove(&job.delivery);
        }
        taken
    }

    pub(super) fn knows(&self, delivery: DeliveryNo) -> bool {
        self.known.contains(&delivery)
    }

    pub(super) fn has(&self, endpoint: EndpointNo) -> bool {
        self.lanes.contains_key(&endpoint)
    }
}
