use super::{DeliveryNo, EndpointNo, Job, MerchantNo, Model, PaymentNo, Row};
use crate::Bug;
use paybell_delivery::{State, Timestamp};
use std::time::Duration;

/// A payment as a gateway sends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Order {
    /// Who was paid.
    pub merchant: MerchantNo,
    /// The gateway's own id.
    pub gateway_payment_id: u32,
    /// All that it says besides.
    pub content: u32,
}

/// What became of a payment that was to be accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Accepted {
    /// It is written.
    New {
        /// What it is known by.
        payment: PaymentNo,
        /// Its deliveries, to be queued.
        jobs: Vec<(EndpointNo, Job)>,
    },
    /// The same payment was accepted before, under this number.
    Same(PaymentNo),
    /// Another payment was accepted before with the same merchant and gateway's id.
    Differs(PaymentNo),
    /// There is no such merchant.
    UnknownMerchant,
}

impl Model {
    /// Writes a payment and a delivery for each endpoint of its merchant that is not deleted.
    pub fn accept(&mut self, order: &Order, now: Timestamp, grace: Duration, lifetime: Duration) -> Accepted {
        if let Some(&before) = self.by_key.get(&(order.merchant, order.gateway_payment_id))
            && !self.has(Bug::AcceptedTwice)
        {
            let same = self.payments[before.index()].content == order.content;
            return if same { Accepted::Same(before) } else { Accepted::Differs(before) };
        }
        if order.merchant.index() >= self.merchants {
            return Accepted::UnknownMerchant;
        }
        let payment = PaymentNo::next_after(self.payments.len());
        self.payments.push(*order);
        self.by_key.insert((order.merchant, order.gateway_payment_id), payment);
        let mut jobs = Vec::new();
        for n in 0..self.endpoints.len() {
            let endpoint = &self.endpoints[n];
            let concurrency_max = endpoint.concurrency_max;
            if endpoint.merchant == order.merchant && !endpoint.deleted {
                let deadline_at = now + endpoint.lifetime.map_or(lifetime, |own| own.min(lifetime));
                let parks = endpoint.is_closed() && endpoint.parks;
                let endpoint = EndpointNo::next_after(n);
                let due_at = if parks { deadline_at } else { now + grace.min(deadline_at.since(now) / 2) };
                let delivery = self.make(payment, endpoint, None, (now, due_at, deadline_at));
                jobs.push((endpoint, Job { delivery, attempts: 0, concurrency_max }));
            }
        }
        Accepted::New { payment, jobs }
    }

    pub(super) fn make(
        &mut self,
        payment: PaymentNo,
        endpoint: EndpointNo,
        resend_of: Option<DeliveryNo>,
        (created_at, due_at, deadline_at): (Timestamp, Timestamp, Timestamp),
    ) -> DeliveryNo {
        let delivery = DeliveryNo::next_after(self.deliveries.len());
        self.deliveries.push(Row {
            payment,
            endpoint,
            resend_of,
            // As if it had just ended, so that the change below indexes it.
            state: State::Settled,
            reason: None,
            attempts: 0,
            in_doubt: false,
            due_at,
            deadline_at,
            created_at,
            claim: None,
            finished_at: None,
            kept: Vec::new(),
        });
        self.change(delivery, |row| row.state = State::Pending);
        delivery
    }
}
