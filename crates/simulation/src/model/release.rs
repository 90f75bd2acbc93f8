//! The release of what is parked, and probes.

use super::{DeliveryNo, EndpointNo, Job, Model};
use crate::Bug;
use paybell_delivery::Timestamp;
use std::ops::Bound;
use std::time::Duration;

impl Model {
    /// Hands out at most `limit` parked deliveries of each endpoint that takes deliveries again and is not `crowded`,
    /// those whose deadline is nearest first; in a ramp after it was reopened. (The ledgers do so for some endpoints each
    /// time; there are few here.)
    pub fn release_parked(
        &mut self,
        now: Timestamp,
        visibility: Duration,
        limit: usize,
        crowded: &[EndpointNo],
    ) -> Vec<Job> {
        if self.has(Bug::ParkedForever) {
            self.resumed.clear();
        }
        let mut released = Vec::new();
        for endpoint in self.released_now(now, crowded) {
            let ramp = self.endpoint(endpoint).release_limit(now).filter(|_| !self.has(Bug::RampForgotten));
            let mut parked = self.parked_for(endpoint, now);
            parked.truncate(ramp.map_or(limit, |ramp| limit.min(ramp as usize)));
            released.extend(self.hand_out(&parked, now, visibility));
            if ramp.is_some() && !self.has(Bug::RampNotPaced) {
                self.change_endpoint(endpoint, |endpoint| endpoint.released_at = Some(now));
            }
            let empty = self.parked_for(endpoint, now).is_empty();
            self.change_endpoint(endpoint, |endpoint| {
                endpoint.parks = false;
                endpoint.parked &= !empty;
            });
        }
        released
    }

    /// Hands out one parked delivery of each of at most `limit` failing endpoints whose probe is due.
    pub fn take_probes(&mut self, now: Timestamp, visibility: Duration, limit: usize) -> Vec<Job> {
        if self.has(Bug::NeverProbed) {
            self.to_probe.clear();
        }
        let due = self.to_probe.iter().take_while(|(at, _)| *at <= now).map(|(_, endpoint)| *endpoint);
        let due: Vec<EndpointNo> = due.take(limit).collect();
        let mut probes = Vec::new();
        let next_at = if self.has(Bug::ProbeNotAwaited) { now + Duration::from_secs(1) } else { now + visibility };
        for endpoint in due {
            let probe = self.probe_for(endpoint, now, visibility);
            let job = self.hand_out(probe.as_slice(), now, visibility).pop();
            self.change_endpoint(endpoint, |endpoint| {
                endpoint.probing = job.map(|job| job.delivery);
                endpoint.probe_at = job.map(|_| next_at);
                endpoint.parks &= job.is_some();
            });
            probes.extend(job);
        }
        probes
    }

    /// The endpoints at which a release looks.
    fn released_now(&self, now: Timestamp, crowded: &[EndpointNo]) -> Vec<EndpointNo> {
        let open = self.resumed().filter(|endpoint| !crowded.contains(endpoint));
        open.filter(|endpoint| self.endpoint(*endpoint).rests_until(now).is_none()).collect()
    }

    /// The parked delivery whose deadline is nearest but leaves time for an attempt; where none does, the farthest.
    fn probe_for(&self, endpoint: EndpointNo, now: Timestamp, visibility: Duration) -> Option<DeliveryNo> {
        let lead = if self.has(Bug::ProbedTooLate) { Duration::ZERO } else { visibility };
        let nearest = self.parked_for(endpoint, now + lead).first().copied();
        nearest.or_else(|| self.parked_for(endpoint, now).last().copied())
    }

    fn hand_out(&mut self, parked: &[DeliveryNo], now: Timestamp, visibility: Duration) -> Vec<Job> {
        let jobs: Vec<Job> = parked.iter().map(|delivery| self.job(*delivery)).collect();
        for job in &jobs {
            self.change(job.delivery, |row| row.due_at = now + visibility.min(row.deadline_at.since(now) / 2));
        }
        jobs
    }

    /// What is parked for an endpoint with a deadline after `after`, in the order in which it is released.
    pub fn parked_for(&self, endpoint: EndpointNo, after: Timestamp) -> Vec<DeliveryNo> {
        let (first, last) = ((endpoint, DeliveryNo(0)), (endpoint, DeliveryNo(u32::MAX)));
        let parked = self.parked.range((Bound::Included(first), Bound::Included(last)));
        let parked = parked.map(|(_, delivery)| *delivery);
        let mut parked: Vec<_> = parked.filter(|delivery| self.delivery(*delivery).deadline_at > after).collect();
        parked.sort_by_key(|delivery| self.delivery(*delivery).deadline_at);
        parked
    }

    /// A delivery's job, with its endpoint's cap.
    pub(super) fn job(&self, delivery: DeliveryNo) -> Job {
        let row = self.delivery(delivery);
        Job { delivery, attempts: row.attempts, concurrency_max: self.endpoint(row.endpoint).concurrency_max }
    }
}
