//! Merchants for whom nothing goes out now: what is accepted for them may wait a moment for company, so that it does not make
//! the batches of all others longer.

use crate::coalesce::Gather;
use crate::engine::Accepted;
use paybell_delivery::MerchantId;
use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// No more are remembered; the others are served as everybody is.
const MERCHANTS_MAX: usize = 10_000;

/// For how long such payments wait for company, when the last batch had so many of them. Without waiting, each is a statement
/// and a commit of its own; with 25 ms a batch of them keeps a processor of the database for milliseconds, which all others
/// feel (crates/bench/README.md). Whoever sends one after the other, each as soon as the last was accepted, finds no company
/// and waits for none.
pub(crate) fn gather(last: usize) -> Gather {
    if last > 1 { Gather::within(Duration::from_millis(3)) } else { Gather::NOT }
}

/// The merchants whose last payment met endpoints that are all paused or failing.
#[derive(Default)]
pub(crate) struct Unhurried(RwLock<HashSet<MerchantId>>);

impl Unhurried {
    /// Whether it is one of them.
    pub(crate) fn holds(&self, merchant: &MerchantId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(merchant)
    }

    /// Notes what became of a payment to this merchant.
    pub(crate) fn note(&self, merchant: &MerchantId, accepted: &Accepted) {
        if let Accepted::New { jobs, closed, .. } = accepted {
            self.set(merchant, !jobs.is_empty() && closed.len() == jobs.len());
        }
    }

    fn set(&self, merchant: &MerchantId, unhurried: bool) {
        if self.holds(merchant) == unhurried {
            return;
        }
        let mut merchants = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !unhurried {
            merchants.remove(merchant);
        } else if merchants.len() < MERCHANTS_MAX {
            merchants.insert(merchant.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paybell_delivery::{DeliveryId, EndpointId, Job, PaymentId, Timestamp};
    use uuid::Uuid;

    /// Accepted, with so many deliveries, so many of them closed.
    fn accepted(deliveries: usize, closed: usize) -> Accepted {
        let delivery = |n: usize| DeliveryId(Uuid::from_u128(n as u128));
        let job = |n| Job {
            delivery_id: delivery(n),
            endpoint_id: EndpointId(Uuid::from_u128(0)),
            attempts: 0,
            concurrency_max: 1,
        };
        Accepted::New {
            payment_id: PaymentId(Uuid::from_u128(1)),
            jobs: (0..deliveries).map(job).collect(),
            claimed: Vec::new(),
            closed: (0..closed).map(delivery).collect(),
            accepted_at: Timestamp(1),
        }
    }

    #[test]
    fn the_last_payment_tells_whether_anything_goes_out() {
        let (unhurried, merchant) = (Unhurried::default(), MerchantId::new("m").expect("an id"));
        let same = Accepted::Same {
            payment_id: PaymentId(Uuid::from_u128(1)),
            delivery_ids: Vec::new(),
            accepted_at: Timestamp(1),
        };
        for (accepted, holds) in [
            (accepted(0, 0), false),
            (accepted(2, 1), false),
            (accepted(2, 2), true),
            (same, true),
            (accepted(1, 0), false),
        ] {
            unhurried.note(&merchant, &accepted);
            assert_eq!(unhurried.holds(&merchant), holds, "after {accepted:?}");
        }
    }

    #[test]
    fn who_found_no_company_does_not_wait_for_it() {
        for (last, waits) in [(0, false), (1, false), (2, true), (50, true)] {
            assert_eq!(gather(last) != Gather::NOT, waits, "after a batch of {last}");
        }
    }

    #[test]
    fn merchants_come_and_go_and_are_not_too_many() {
        let (unhurried, merchant) = (Unhurried::default(), |n: usize| MerchantId::new(format!("m{n}")).expect("an id"));
        unhurried.set(&merchant(0), true);
        assert!(unhurried.holds(&merchant(0)) && !unhurried.holds(&merchant(1)));
        unhurried.set(&merchant(0), false);
        assert!(!unhurried.holds(&merchant(0)));
        (0..=MERCHANTS_MAX).for_each(|n| unhurried.set(&merchant(n), true));
        assert!(unhurried.holds(&merchant(MERCHANTS_MAX - 1)) && !unhurried.holds(&merchant(MERCHANTS_MAX)));
    }
}
