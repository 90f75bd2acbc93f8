//! Endpoints that do not answer.

use super::{DeliveryNo, EndpointNo, Model};
use crate::Bug;
use paybell_delivery::{Timestamp, probe_after};

impl Model {
    /// Marks an endpoint as failing. Answers whether it was changed.
    pub fn mark_failing(&mut self, endpoint: EndpointNo, since: Timestamp, now: Timestamp) -> bool {
        let kept = self.endpoint(endpoint);
        if kept.failing_since.is_some() || kept.deleted || kept.reopened_at.is_some_and(|at| at > since) {
            return false;
        }
        self.change_endpoint(endpoint, |endpoint| {
            endpoint.failing_since = Some(since);
            endpoint.probe_at = Some(now + probe_after(0));
            endpoint.park_at_once();
        });
        true
    }

    /// A failing endpoint answered. Answers whether it was failing.
    pub fn reopen(&mut self, endpoint: EndpointNo, now: Timestamp) -> bool {
        if self.endpoint(endpoint).failing_since.is_none() {
            return false;
        }
        let parked = !self.has(Bug::ReopenedWithoutRelease);
        self.change_endpoint(endpoint, |endpoint| {
            endpoint.forget_failing();
            (endpoint.reopened_at, endpoint.released_at) = (Some(now), None);
            endpoint.parked = parked;
        });
        true
    }

    /// The probe with this delivery failed; the next one goes out at `next_at`.
    pub fn postpone_probe(&mut self, endpoint: EndpointNo, delivery: DeliveryNo, next_at: Timestamp) {
        let next_at = (!self.has(Bug::ProbedOnce)).then_some(next_at);
        if self.endpoint(endpoint).probing == Some(delivery) {
            self.change_endpoint(endpoint, |endpoint| {
                endpoint.probes += 1;
                (endpoint.probing, endpoint.probe_at) = (None, next_at);
            });
        }
    }
}
