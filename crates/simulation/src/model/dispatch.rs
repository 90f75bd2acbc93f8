//! Dispatch, and the release of what is parked.

use super::{DeliveryNo, EndpointNo, Job, Model};
use crate::Bug;
use paybell_delivery::{Reason, State, Timestamp};
use std::ops::Bound;
use std::time::Duration;

/// What one pass of the dispatcher found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dispatched {
    /// To be queued now, the oldest first.
    pub jobs: Vec<Job>,
    /// How many of them had a claim that ran out.
    pub recovered: u64,
    /// What ended as expired.
    pub expired: Vec<DeliveryNo>,
    /// What was parked.
    pub parked: Vec<DeliveryNo>,
    /// Whether the limit was reached.
    pub more: bool,
}

impl Model {
    /// Looks at most `limit` deliveries that are due, the oldest first: hands them out, parks or ends them.
    pub fn dispatch_due(&mut self, now: Timestamp, visibility: Duration, limit: usize) -> Dispatched {
        let mut due = self.due(now);
        due.truncate(limit);
        let mut dispatched = Dispatched { more: due.len() >= limit, ..Dispatched::default() };
        let write = !self.has(Bug::UnknownAttemptLost);
        let once = self.has(Bug::HandedOutOnce);
        for delivery in due {
            let endpoint = self.delivery(delivery).endpoint;
            let closed = !self.endpoints[endpoint.index()].is_open();
            let (expired, lapsed, attempts) = self.change(delivery, |row| {
                let (expired, lapsed) = (row.deadline_at <= now, row.claim.is_some());
                row.close_claim(write);
                if expired {
                    (row.state, row.reason, row.finished_at) = (State::Undelivered, Some(Reason::Expired), Some(now));
                } else if closed || once {
                    row.due_at = row.deadline_at;
                } else {
                    row.due_at = now + visibility.min(row.deadline_at.since(now) / 2);
                }
                (expired, lapsed, row.attempts)
            });
            if expired {
                dispatched.expired.push(delivery);
            } else if closed {
                self.change_endpoint(endpoint, |endpoint| endpoint.parked = true);
                dispatched.parked.push(delivery);
            } else {
                dispatched.recovered += u64::from(lapsed);
                dispatched.jobs.push(Job { delivery, attempts });
            }
        }
        dispatched
    }

    /// What is due and held by nobody, the oldest first.
    pub fn due(&self, now: Timestamp) -> Vec<DeliveryNo> {
        let looks = self.looks.iter().take_while(|(at, _)| *at <= now).map(|(_, delivery)| *delivery);
        let mut due: Vec<DeliveryNo> = looks.collect();
        due.sort_by_key(|delivery| self.delivery(*delivery).due_at);
        due
    }

    /// When the next delivery that is not yet due becomes due.
    pub fn next_due_at(&self, now: Timestamp) -> Option<Timestamp> {
        let pending = self.deliveries.iter().filter(|row| row.state == State::Pending && row.due_at > now);
        pending.map(|row| row.due_at).min()
    }

    /// Makes at most `limit` parked deliveries of each endpoint that is open again due now. Answers which.
    pub fn release_parked(&mut self, now: Timestamp, limit: usize) -> Vec<DeliveryNo> {
        if self.has(Bug::ParkedForever) {
            self.resumed.clear();
        }
        let mut released = Vec::new();
        for endpoint in self.resumed.clone() {
            let mut parked = self.parked_for(endpoint, now);
            let all = parked.len() <= limit;
            parked.truncate(limit);
            for &delivery in &parked {
                self.change(delivery, |row| row.due_at = now);
            }
            released.extend(parked);
            if all {
                self.change_endpoint(endpoint, |endpoint| endpoint.parked = false);
            }
        }
        released
    }

    /// What a release at `now` would find for an endpoint.
    pub fn parked_for(&self, endpoint: EndpointNo, now: Timestamp) -> Vec<DeliveryNo> {
        let (first, last) = ((endpoint, DeliveryNo(0)), (endpoint, DeliveryNo(u32::MAX)));
        let parked = self.parked.range((Bound::Included(first), Bound::Included(last)));
        parked.map(|(_, delivery)| *delivery).filter(|delivery| self.delivery(*delivery).deadline_at > now).collect()
    }
}
