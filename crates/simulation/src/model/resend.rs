//! Resends by people: of one delivery, and in bulk.

use super::{DeliveryNo, EndpointNo, Job, MerchantNo, Model};
use crate::Bug;
use paybell_delivery::{State, Timestamp};
use std::time::Duration;

/// What became of a resend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resent {
    /// It is a delivery of its own, to be queued.
    As(EndpointNo, Job),
    /// It is refused: the delivery is still pending, or its endpoint is deleted.
    Refused,
}

/// A bulk resend, by the order in which they were begun.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BulkNo(pub usize);

/// Goes through what failed, a step at a time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BulkResend {
    /// Of which merchant.
    pub merchant: MerchantNo,
    /// How many there were when it began.
    pub total: u64,
    /// How many were resent.
    pub resent: u64,
    /// How many were passed over, as their endpoint is deleted.
    pub skipped: u64,
    /// How many deliveries there were when it began: no later one is looked at.
    until: usize,
    /// The first that was not yet looked at.
    from: usize,
    /// Whether it is done.
    pub finished: bool,
}

impl Model {
    /// Repeats a delivery that has ended, as a delivery of its own.
    pub fn resend(&mut self, delivery: DeliveryNo, now: Timestamp, grace: Duration, lifetime: Duration) -> Resent {
        let row = self.delivery(delivery);
        let pending = row.state == State::Pending && !self.has(Bug::ResentWhilePending);
        if pending || self.endpoints[row.endpoint.index()].deleted {
            return Resent::Refused;
        }
        let (endpoint, deadline_at) = (row.endpoint, self.deadline_of_resend(delivery, now, lifetime));
        let due_at = now + grace.min(deadline_at.since(now) / 2);
        let made = self.make(self.delivery(delivery).payment, endpoint, Some(delivery), (now, due_at, deadline_at));
        let concurrency_max = self.endpoint(endpoint).concurrency_max;
        Resent::As(endpoint, Job { delivery: made, attempts: 0, concurrency_max })
    }

    fn deadline_of_resend(&self, delivery: DeliveryNo, now: Timestamp, lifetime: Duration) -> Timestamp {
        let row = self.delivery(delivery);
        if self.has(Bug::ResentWithOldDeadline) {
            return row.deadline_at;
        }
        now + self.endpoints[row.endpoint.index()].lifetime.map_or(lifetime, |own| own.min(lifetime))
    }

    /// Begins to resend all that a merchant's endpoints have failed to get so far.
    pub fn create_bulk_resend(&mut self, merchant: MerchantNo) -> BulkNo {
        let until = self.deliveries.len();
        let total = self.failed(merchant, 0, until).count() as u64;
        self.bulks.push(BulkResend { merchant, total, resent: 0, skipped: 0, until, from: 0, finished: false });
        BulkNo(self.bulks.len() - 1)
    }

    /// Does the next `limit` deliveries of the oldest unfinished bulk resend. Answers which it is and what it made.
    pub fn step_bulk_resend(
        &mut self,
        now: Timestamp,
        lifetime: Duration,
        limit: usize,
    ) -> Option<(BulkNo, Vec<DeliveryNo>)> {
        let bulk_no = self.bulks.iter().position(|bulk| !bulk.finished)?;
        let BulkResend { merchant, until, from, .. } = self.bulks[bulk_no];
        let failed: Vec<DeliveryNo> = self.failed(merchant, from, until).take(limit).collect();
        let passed_over = usize::from(self.has(Bug::BulkPassesOver) && failed.len() == limit);
        let mut made = Vec::new();
        for &delivery in failed.iter().skip(passed_over) {
            let endpoint = self.delivery(delivery).endpoint;
            if self.endpoints[endpoint.index()].deleted {
                continue;
            }
            let deadline_at = self.deadline_of_resend(delivery, now, lifetime);
            let payment = self.delivery(delivery).payment;
            made.push(self.make(payment, endpoint, Some(delivery), (now, now, deadline_at)));
        }
        let progress_lost = self.has(Bug::BulkProgressLost) && from == 0;
        let bulk = &mut self.bulks[bulk_no];
        bulk.resent += made.len() as u64;
        bulk.skipped += (failed.len() - passed_over - made.len()) as u64;
        bulk.finished = failed.len() < limit;
        if let Some(last) = failed.last() {
            bulk.from = if progress_lost { 1 } else { last.index() + 1 };
        }
        Some((BulkNo(bulk_no), made))
    }

    /// A bulk resend and how far it is.
    pub fn bulk_resend(&self, bulk: BulkNo) -> &BulkResend {
        &self.bulks[bulk.0]
    }

    fn failed(&self, merchant: MerchantNo, from: usize, until: usize) -> impl Iterator<Item = DeliveryNo> {
        let rows = self.deliveries.iter().enumerate().take(until).skip(from);
        let failed = rows.filter(move |(_, row)| {
            let of_merchant = self.endpoints[row.endpoint.index()].merchant == merchant;
            of_merchant && matches!(row.state, State::Undelivered | State::Settled)
        });
        failed.map(|(n, _)| DeliveryNo::next_after(n))
    }
}
