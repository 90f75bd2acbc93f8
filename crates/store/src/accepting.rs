//! Telling, for each payment of a batch, whether it is new, the same, another one, or for nobody.

use crate::engine::{Accepted, ClaimedDelivery};
use crate::{Result, StoreError};
use paybell_delivery::{DeliveryId, EndpointId, Job, MerchantId, Payment, PaymentId, Timestamp};
use std::collections::{HashMap, HashSet};

/// What a batch of payments met in the database.
pub(crate) struct Tally<'a> {
    payments: &'a [Payment],
    inserted: HashMap<PaymentId, Vec<Made>>,
    found: HashMap<Key, (Payment, Vec<(DeliveryId, EndpointId)>)>,
}

/// What makes a payment unique.
type Key = (MerchantId, String);

/// A delivery that was made.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) job: Job,
    pub(crate) endpoint_version: i64,
    /// Whether its endpoint takes nothing now.
    pub(crate) closed: bool,
    pub(crate) deadline_at: Timestamp,
}

/// A payment that was accepted before, with one of its deliveries, if it has any.
pub(crate) struct Found {
    pub(crate) payment: Payment,
    pub(crate) delivery: Option<(DeliveryId, EndpointId)>,
}

impl<'a> Tally<'a> {
    /// Begins with a batch. Text that PostgreSQL cannot hold is refused on both databases.
    pub(crate) fn new(payments: &'a [Payment]) -> Result<Self> {
        if payments.iter().any(has_nul) {
            return Err(StoreError::Refused(
                "a payment's text has the character U+0000, which cannot be stored".into(),
            ));
        }
        Ok(Self { payments, inserted: HashMap::new(), found: HashMap::new() })
    }

    /// Notes that a payment was inserted, with one of its deliveries.
    pub(crate) fn inserted(&mut self, id: PaymentId, made: Option<Made>) {
        self.inserted.entry(id).or_default().extend(made);
    }

    /// The payments that have to be found, as they were not inserted or may repeat one that was.
    pub(crate) fn not_inserted(&self) -> Vec<&'a Payment> {
        let mut first: HashSet<PaymentId> = self.inserted.keys().copied().collect();
        self.payments.iter().filter(|payment| !first.remove(&payment.id)).collect()
    }

    /// Notes what was found.
    pub(crate) fn found(&mut self, Found { payment, delivery }: Found) {
        let (_, deliveries) = self.found.entry(key(&payment)).or_insert_with(|| (payment, Vec::new()));
        deliveries.extend(delivery.filter(|delivery| !deliveries.contains(delivery)));
    }

    /// One answer for each payment, in order.
    pub(crate) fn answers(mut self, now: Timestamp) -> Vec<Accepted> {
        let payments = self.payments;
        payments.iter().map(|payment| self.answer(payment, now)).collect()
    }

    fn answer(&mut self, payment: &Payment, now: Timestamp) -> Accepted {
        if let Some(made) = self.inserted.remove(&payment.id) {
            let claimed = made.iter().filter(|made| made.job.attempts > 0).map(|made| claimed(made, payment, now));
            let claimed = claimed.collect();
            let closed = made.iter().filter(|made| made.closed).map(|made| made.job.delivery_id).collect();
            let jobs = made.into_iter().map(|made| made.job).collect();
            return Accepted::New { payment_id: payment.id, jobs, claimed, closed, accepted_at: now };
        }
        let Some((before, deliveries)) = self.found.get(&key(payment)) else {
            return Accepted::UnknownMerchant;
        };
        let fields = before.differing_fields(payment);
        if !fields.is_empty() {
            return Accepted::Differs { payment_id: before.id, fields };
        }
        let delivery_ids = deliveries.clone();
        Accepted::Same { payment_id: before.id, delivery_ids, accepted_at: before.accepted_at }
    }
}

fn claimed(made: &Made, payment: &Payment, now: Timestamp) -> ClaimedDelivery {
    ClaimedDelivery {
        delivery_id: made.job.delivery_id,
        endpoint_id: made.job.endpoint_id,
        endpoint_version: made.endpoint_version,
        attempt: made.job.attempts,
        in_doubt: false,
        created_at: now,
        deadline_at: made.deadline_at,
        claimed_at: now,
        probes: None,
        payment: Payment { accepted_at: now, ..payment.clone() },
    }
}

fn key(payment: &Payment) -> Key {
    (payment.merchant_id.clone(), payment.gateway_payment_id.clone())
}

fn has_nul(payment: &Payment) -> bool {
    let Payment { gateway_payment_id, kind, pay_for, method, description, payer_email, payer_phone, data, .. } =
        payment;
    let optional = [pay_for, method, description, payer_email, payer_phone, data];
    let texts = [gateway_payment_id, kind].into_iter().chain(optional.into_iter().flatten());
    texts.into_iter().any(|text| text.contains('\0'))
}
