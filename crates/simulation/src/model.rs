//! A model of the ledger's engine acts, in memory: what `paybell_store::Ledger` promises, without SQL, clock or locks.
//! Every act is atomic. The same histories run on it and on the real ledgers (`tests/model_against_ledgers.rs`).
//!
//! Cast:
//! - [`Model`]: the ledger. [`Row`]: a delivery with its attempts. [`MerchantNo`], [`EndpointNo`], [`PaymentNo`],
//!   [`DeliveryNo`]: what they are known by here.
//! - Its acts, a file each: `accept`, `attempt` (claim and record), `dispatch`, `release` (with probes), `health`, `manage`,
//!   `resend`. [`Endpoint`]: what they know of one.

mod accept;
mod attempt;
mod dispatch;
mod endpoint;
mod health;
mod manage;
mod release;
mod resend;

pub use accept::{Accepted, Order};
pub use attempt::{Claimed, Record, Recorded};
pub use dispatch::Dispatched;
pub use endpoint::Endpoint;
pub use resend::{BulkNo, BulkResend, Resent};

use crate::Bug;
use paybell_delivery::{Outcome, Reason, State, Timestamp};
use std::collections::{BTreeSet, HashMap};
use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub u32);

        impl $name {
            fn next_after(count: usize) -> Self {
                Self(u32::try_from(count).unwrap_or(u32::MAX))
            }

            /// Its place in a list of all.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A merchant.
    MerchantNo
);
number!(
    /// An endpoint.
    EndpointNo
);
number!(
    /// A payment.
    PaymentNo
);
number!(
    /// A delivery.
    DeliveryNo
);

/// What travels through the queue; see [`paybell_delivery::Job`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Job {
    /// Which delivery.
    pub delivery: DeliveryNo,
    /// How many attempts had been begun when it was made.
    pub attempts: u32,
    /// How many attempts at its endpoint there may be at one time with it.
    pub concurrency_max: u32,
}

impl Job {
    /// What tells it from another one.
    pub fn key(&self) -> (DeliveryNo, u32) {
        (self.delivery, self.attempts)
    }
}

/// A delivery as the ledger keeps it.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is told.
    pub payment: PaymentNo,
    /// To whom.
    pub endpoint: EndpointNo,
    /// Which delivery it repeats.
    pub resend_of: Option<DeliveryNo>,
    /// Where it stands.
    pub state: State,
    /// Why it is undelivered.
    pub reason: Option<Reason>,
    /// How many attempts were begun.
    pub attempts: u32,
    /// Whether an earlier attempt's answer was lost.
    pub in_doubt: bool,
    /// When somebody must look at it again.
    pub due_at: Timestamp,
    /// When it ends.
    pub deadline_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when and until when it is claimed.
    pub claim: Option<(Timestamp, Timestamp)>,
    /// When it reached a terminal state.
    pub finished_at: Option<Timestamp>,
    /// The attempts that are written down, by number.
    pub kept: Vec<Kept>,
}

/// An attempt that is written down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Its number.
    pub number: u32,
    /// When it was begun.
    pub started_at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
}

/// The ledger.
#[derive(Clone, Debug)]
pub struct Model {
    bug: Option<Bug>,
    merchants: usize,
    endpoints: Vec<Endpoint>,
    payments: Vec<Order>,
    by_key: HashMap<(MerchantNo, u32), PaymentNo>,
    deliveries: Vec<Row>,
    /// What is pending, by when it may next be dispatched.
    looks: BTreeSet<(Timestamp, DeliveryNo)>,
    /// Pending, unclaimed, due at its deadline.
    parked: BTreeSet<(EndpointNo, DeliveryNo)>,
    /// Endpoints that are open and whose parked deliveries were not all released.
    resumed: BTreeSet<EndpointNo>,
    /// Endpoints that may be probed, by when.
    to_probe: BTreeSet<(Timestamp, EndpointNo)>,
    bulks: Vec<BulkResend>,
}

impl Model {
    /// An empty ledger; `bug` is for tests of the checker.
    pub fn new(bug: Option<Bug>) -> Self {
        Self {
            bug,
            merchants: 0,
            endpoints: Vec::new(),
            payments: Vec::new(),
            by_key: HashMap::new(),
            deliveries: Vec::new(),
            looks: BTreeSet::new(),
            parked: BTreeSet::new(),
            resumed: BTreeSet::new(),
            to_probe: BTreeSet::new(),
            bulks: Vec::new(),
        }
    }

    /// A delivery.
    pub fn delivery(&self, delivery: DeliveryNo) -> &Row {
        &self.deliveries[delivery.index()]
    }

    /// All deliveries.
    pub fn deliveries(&self) -> impl Iterator<Item = (DeliveryNo, &Row)> {
        self.deliveries.iter().enumerate().map(|(n, row)| (DeliveryNo::next_after(n), row))
    }

    /// When the next delivery may be dispatched: it is due, and nobody holds it.
    pub fn next_look_at(&self) -> Option<Timestamp> {
        self.looks.first().map(|(at, _)| *at)
    }

    /// The endpoints that a release would find.
    pub fn resumed(&self) -> impl Iterator<Item = EndpointNo> {
        self.resumed.iter().copied()
    }

    /// When the next endpoint may be probed.
    pub fn next_probe_at(&self) -> Option<Timestamp> {
        self.to_probe.first().map(|(at, _)| *at)
    }

    /// An endpoint.
    pub fn endpoint(&self, endpoint: EndpointNo) -> &Endpoint {
        &self.endpoints[endpoint.index()]
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Changes a delivery and what it is found by.
    fn change<T>(&mut self, delivery: DeliveryNo, change: impl FnOnce(&mut Row) -> T) -> T {
        let heed_claims = !self.has(Bug::ExpiryOfLiveClaim);
        let row = &mut self.deliveries[delivery.index()];
        let before = (row.look_at(heed_claims), row.is_parked());
        let result = change(row);
        let after = (row.look_at(heed_claims), row.is_parked());
        let endpoint = row.endpoint;
        if before.0 != after.0 {
            before.0.map(|at| self.looks.remove(&(at, delivery)));
            after.0.map(|at| self.looks.insert((at, delivery)));
        }
        match (before.1, after.1) {
            (false, true) => drop(self.parked.insert((endpoint, delivery))),
            (true, false) => drop(self.parked.remove(&(endpoint, delivery))),
            _ => {}
        }
        result
    }

    fn change_endpoint(&mut self, endpoint: EndpointNo, change: impl FnOnce(&mut Endpoint)) {
        let kept = &mut self.endpoints[endpoint.index()];
        let before = kept.probed_from();
        change(kept);
        if kept.parked && kept.takes_deliveries() {
            self.resumed.insert(endpoint);
        } else {
            self.resumed.remove(&endpoint);
        }
        if before != kept.probed_from() {
            before.map(|at| self.to_probe.remove(&(at, endpoint)));
            kept.probed_from().map(|at| self.to_probe.insert((at, endpoint)));
        }
    }
}

impl Row {
    /// When a dispatcher next has to look at it: to hand it out, or to put it off until its claim ends.
    fn look_at(&self, heed_claims: bool) -> Option<Timestamp> {
        let claim = self.claim.filter(|_| heed_claims);
        let at = match claim {
            Some((_, until)) if self.due_at >= until.min(self.deadline_at) => until.max(self.due_at),
            _ => self.due_at,
        };
        (self.state == State::Pending).then_some(at)
    }

    pub(crate) fn is_parked(&self) -> bool {
        self.state == State::Pending && self.claim.is_none() && self.due_at == self.deadline_at
    }

    /// Writes down that the claim ended without a record, unless its attempt is written down.
    fn close_claim(&mut self, write: bool) {
        let Some((started_at, _)) = self.claim.take() else { return };
        self.in_doubt = true;
        if write {
            self.keep(Kept { number: self.attempts, started_at, outcome: Outcome::Unknown });
        }
    }

    /// Writes an attempt down; one that was written down as unknown is corrected.
    fn keep(&mut self, attempt: Kept) {
        match self.kept.binary_search_by_key(&attempt.number, |kept| kept.number) {
            Ok(at) if self.kept[at].outcome == Outcome::Unknown => self.kept[at] = attempt,
            Ok(_) => {}
            Err(at) => self.kept.insert(at, attempt),
        }
    }
}
