//! People: they pause and resume endpoints, settle deliveries, and resend them, one by one and in bulk.

use super::{Event, GRACE, World};
use crate::invariants::Violation;
use crate::model::{DeliveryNo, EndpointNo, MerchantNo, Resent};
use paybell_delivery::{LIFETIME_MAX, Timestamp};
use std::time::Duration;

/// After how long somebody tries again while the database is down.
const AGAIN: Duration = Duration::from_secs(600);
/// How many deliveries a step of a bulk resend makes: few, so that much happens between two steps.
const STEP: usize = 2;
const BETWEEN_STEPS: Duration = Duration::from_millis(5);

impl World<'_> {
    /// The clock of the process that a person talks to.
    fn clock_for(&self, about: usize) -> Timestamp {
        self.worker_clock(about % self.plan.workers.len())
    }

    pub(super) fn pause(&mut self, endpoint: EndpointNo, paused: bool) -> Result<(), Violation> {
        if self.is_database_down() {
            self.after(AGAIN, Event::Pause { endpoint, paused });
            return Ok(());
        }
        self.tally.paused += u64::from(paused);
        self.tell(|| format!("endpoint {endpoint} is {}", if paused { "paused" } else { "resumed" }));
        let clock = self.clock_for(endpoint.index());
        self.model.pause_endpoint(endpoint, paused, clock);
        self.checker.paused(endpoint, paused, self.now);
        Ok(())
    }

    pub(super) fn settle(&mut self, payment: usize) -> Result<(), Violation> {
        if self.is_database_down() {
            self.after(AGAIN, Event::Settle { payment });
            return Ok(());
        }
        let deliveries = self.checker.deliveries_of(self.plan.payments[payment].id);
        deliveries.into_iter().try_for_each(|delivery| self.settle_one(delivery))
    }

    pub(super) fn settle_one(&mut self, delivery: DeliveryNo) -> Result<(), Violation> {
        let clock = self.clock_for(delivery.index());
        if self.is_database_down() || !self.model.settle(delivery, clock) {
            return Ok(());
        }
        self.tally.settled += 1;
        self.note(6, delivery, 0);
        self.tell(|| format!("somebody settles delivery {delivery}"));
        self.checker.settled(delivery, &self.model, self.now)
    }

    /// Those of a payment's deliveries that have ended are resent.
    pub(super) fn resend(&mut self, payment: usize) -> Result<(), Violation> {
        if self.is_database_down() {
            self.after(AGAIN, Event::Resend { payment });
            return Ok(());
        }
        let clock = self.clock_for(payment);
        for delivery in self.checker.deliveries_of(self.plan.payments[payment].id) {
            let Resent::As(_, job) = self.model.resend(delivery, clock, GRACE, LIFETIME_MAX) else { continue };
            self.tally.resent += 1;
            self.tally.lives += 1;
            self.note(10, job.delivery, 0);
            self.tell(|| format!("somebody resends delivery {delivery} as delivery {}", job.delivery));
            self.checker.resent(delivery, job.delivery, &self.model, (clock, LIFETIME_MAX), clock + GRACE)?;
            self.push(job, None);
        }
        Ok(())
    }

    pub(super) fn begin_bulk(&mut self, merchant: MerchantNo) -> Result<(), Violation> {
        if self.is_database_down() {
            self.after(AGAIN, Event::Bulk { merchant });
            return Ok(());
        }
        let bulk = self.model.create_bulk_resend(merchant);
        let total = self.model.bulk_resend(bulk).total;
        self.tell(|| format!("somebody begins to resend the {total} failed deliveries of merchant {merchant}"));
        let endpoints = |endpoint: EndpointNo| self.endpoints[endpoint.index()].0 == merchant.0;
        self.checker.bulk_begun(&self.model, endpoints);
        self.after(BETWEEN_STEPS, Event::BulkStep);
        Ok(())
    }

    /// A step of the oldest bulk resend that is not done, by the dispatcher process that comes first to it.
    pub(super) fn step_bulk(&mut self) -> Result<(), Violation> {
        let at = self.unblocked(self.now);
        if at > self.now {
            self.at(at, Event::BulkStep);
            return Ok(());
        }
        let dispatcher = self.dice.of(&[8, self.now.0 as u64]).below(self.dispatchers.len() as u64) as usize;
        let clock = self.dispatcher_clock(dispatcher);
        let Some((bulk, made)) = self.model.step_bulk_resend(clock, LIFETIME_MAX, STEP) else { return Ok(()) };
        for delivery in made {
            let Some(repeated) = self.model.delivery(delivery).resend_of else { continue };
            self.tally.resent_in_bulk += 1;
            self.tally.lives += 1;
            self.note(11, delivery, 0);
            self.tell(|| format!("delivery {repeated} is resent in bulk as delivery {delivery}"));
            self.checker.resent(repeated, delivery, &self.model, (clock, LIFETIME_MAX), clock)?;
            self.checker.resent_in_bulk(bulk, repeated)?;
        }
        self.after(BETWEEN_STEPS, Event::BulkStep);
        Ok(())
    }
}
