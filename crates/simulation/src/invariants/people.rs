//! What people do: a settlement ends what has no acknowledgement; a resend repeats what has ended, with a deadline of
//! its own; a bulk resend repeats each delivery that had failed, once.

use super::{Checked, Checker, violation};
use crate::model::{BulkNo, DeliveryNo, EndpointNo, Model};
use paybell_delivery::{State, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;

/// What was seen of a bulk resend.
pub(super) struct Bulk {
    /// What had failed when it began.
    wanted: BTreeSet<DeliveryNo>,
    resent: BTreeSet<DeliveryNo>,
}

impl Checker {
    /// A delivery was settled.
    pub(crate) fn settled(&mut self, delivery: DeliveryNo, model: &Model, now: Timestamp) -> Checked {
        let before = self.lives[delivery.index()].state;
        if !matches!(before, State::Pending | State::Undelivered) {
            return Err(violation("I1", delivery, format!("it was settled at {now}, being {}", before.as_str())));
        }
        let (life, shown) = (&mut self.lives[delivery.index()], model.delivery(delivery).kept.len());
        life.held_until = None;
        if shown != life.begun as usize {
            let begun = life.begun;
            return Err(violation(
                "I4",
                delivery,
                format!("it was settled after {begun} attempts, of which {shown} show"),
            ));
        }
        self.see_state(delivery, model)
    }

    /// A delivery was resent as another, by a clock and with the engine's lifetime.
    pub(crate) fn resent(
        &mut self,
        repeated: DeliveryNo,
        delivery: DeliveryNo,
        model: &Model,
        (clock, lifetime): (Timestamp, Duration),
        due_at: Timestamp,
    ) -> Checked {
        let (life, row) = (&self.lives[repeated.index()], model.delivery(delivery));
        if life.state == State::Pending {
            return Err(violation("I8", repeated, "it was resent while it was pending"));
        }
        if (row.payment, row.endpoint, row.resend_of) != (life.payment_no, life.endpoint, Some(repeated)) {
            return Err(violation("I6", delivery, format!("it does not repeat delivery {repeated}")));
        }
        let own = self.endpoints[row.endpoint.index()].lifetime.map_or(lifetime, |own| own.min(lifetime));
        if row.deadline_at != clock + own {
            return Err(violation("I1", delivery, format!("it was made at {clock} and ends at {}", row.deadline_at)));
        }
        let payment = life.payment;
        let Some(sent) = self.payments.get_mut(&payment) else { return Ok(()) };
        let before = sent.deliveries.iter().chain(&sent.resends);
        let resend = before.filter(|other| model.delivery(**other).endpoint == row.endpoint).count() as u32;
        sent.resends.push(delivery);
        self.begin((payment, resend), delivery, model, due_at.since(clock));
        Ok(())
    }

    /// A bulk resend began, for some endpoints.
    pub(crate) fn bulk_begun(&mut self, model: &Model, of: impl Fn(EndpointNo) -> bool) {
        let failed = |state| matches!(state, State::Undelivered | State::Settled);
        let wanted = model.deliveries().filter(|(_, row)| of(row.endpoint) && failed(row.state));
        self.bulks.push(Bulk { wanted: wanted.map(|(delivery, _)| delivery).collect(), resent: BTreeSet::new() });
    }

    /// A bulk resend repeated a delivery.
    pub(crate) fn resent_in_bulk(&mut self, bulk: BulkNo, repeated: DeliveryNo) -> Checked {
        if self.bulks[bulk.0].resent.insert(repeated) {
            return Ok(());
        }
        Err(violation("I8", repeated, "the same bulk resend repeated it twice"))
    }

    /// No bulk resend may have passed over anything.
    pub(super) fn end_of_bulks(&self) -> Checked {
        let missed = self.bulks.iter().find_map(|bulk| bulk.wanted.difference(&bulk.resent).next());
        missed.map_or(Ok(()), |missed| Err(violation("I1", *missed, "a bulk resend passed over it")))
    }
}
