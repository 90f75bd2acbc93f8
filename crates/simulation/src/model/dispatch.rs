//! Dispatch.

use super::{DeliveryNo, EndpointNo, Job, Model};
use crate::Bug;
use paybell_delivery::{Reason, State, Timestamp};
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
    /// Looks at most `limit` deliveries that are due, the oldest first: hands them out, parks or ends them. Endpoints that
    /// are `crowded` get nothing.
    pub fn dispatch_due(
        &mut self,
        now: Timestamp,
        visibility: Duration,
        limit: usize,
        crowded: &[EndpointNo],
    ) -> Dispatched {
        let mut due = self.due(now);
        due.truncate(limit);
        let mut dispatched = Dispatched { more: due.len() >= limit, ..Dispatched::default() };
        for delivery in due {
            self.dispatch_one(delivery, (now, visibility), crowded, &mut dispatched);
        }
        dispatched
    }

    fn dispatch_one(
        &mut self,
        delivery: DeliveryNo,
        (now, visibility): (Timestamp, Duration),
        crowded: &[EndpointNo],
        dispatched: &mut Dispatched,
    ) {
        let heed = !self.has(Bug::ExpiryOfLiveClaim);
        let held = self.delivery(delivery).claim.filter(|(_, until)| *until > now && heed);
        if let Some((_, until)) = held {
            return self.change(delivery, |row| row.due_at = until.min(row.deadline_at));
        }
        let endpoint = self.delivery(delivery).endpoint;
        let is_crowded = crowded.contains(&endpoint);
        let closed = !self.endpoint(endpoint).takes_deliveries() || is_crowded;
        let (write, once) = (!self.has(Bug::UnknownAttemptLost), self.has(Bug::HandedOutOnce));
        let (expired, lapsed) = self.change(delivery, |row| {
            let (expired, lapsed) = (row.deadline_at <= now, row.claim.is_some());
            row.close_claim(write);
            if expired {
                (row.state, row.reason, row.finished_at) = (State::Undelivered, Some(Reason::Expired), Some(now));
            } else if closed || once {
                row.due_at = row.deadline_at;
            } else {
                row.due_at = now + visibility.min(row.deadline_at.since(now) / 2);
            }
            (expired, lapsed)
        });
        if expired {
            dispatched.expired.push(delivery);
        } else if closed {
            let marked = !(is_crowded && self.has(Bug::CrowdedForever));
            self.change_endpoint(endpoint, |endpoint| endpoint.park(now, marked));
            dispatched.parked.push(delivery);
        } else {
            dispatched.recovered += u64::from(lapsed);
            dispatched.jobs.push(self.job(delivery));
        }
    }

    /// What is due, the oldest first; what is held only to be put off.
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
}
