//! What the engine's acts take and give: accept, claim, record, dispatch.

use crate::StoreError;
use paybell_delivery::{Attempt, Decision, DeliveryId, EndpointId, Job, MerchantId, Payment, PaymentId, Timestamp};
use std::time::Duration;

/// The terms on which payments are accepted.
#[derive(Clone, Copy, Debug)]
pub struct AcceptTerms {
    /// The moment of acceptance.
    pub now: Timestamp,
    /// After how long a delivery becomes due if nobody took it from the queue; at the latest when half of its life is
    /// over, so that there is time left to attempt it.
    pub grace: Duration,
    /// The longest life of a delivery; an endpoint may ask for less.
    pub lifetime: Duration,
}

/// Deliveries are claimed as they are accepted, so that this process can attempt them at once: it has room for them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimAhead {
    /// How long the claims hold.
    pub visibility: Duration,
    /// Merchants whose deliveries are left to the queue all the same.
    pub except: Vec<MerchantId>,
}

/// What became of a payment that was to be accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Accepted {
    /// It is written, with a job for each delivery (none when the merchant has no endpoint).
    New {
        /// The payment's id: the one given.
        payment_id: PaymentId,
        /// Its deliveries, to be queued unless they are `closed`; [`Job::attempts`] of those that were claimed ahead is 1, and of
        /// the others 0.
        jobs: Vec<Job>,
        /// Those that were claimed ahead, in the order of their jobs.
        claimed: Vec<ClaimedDelivery>,
        /// Those whose endpoint is paused or failing. No claim of them would be won; they are parked, or will be by the
        /// dispatcher.
        closed: Vec<DeliveryId>,
        /// When it was accepted: [`AcceptTerms::now`], as it is kept.
        accepted_at: Timestamp,
    },
    /// The same payment was accepted before.
    Same {
        /// The id it was accepted under.
        payment_id: PaymentId,
        /// Its deliveries of that time.
        delivery_ids: Vec<(DeliveryId, EndpointId)>,
        /// When it was accepted.
        accepted_at: Timestamp,
    },
    /// A payment with the same merchant and gateway payment id but other content was accepted before.
    Differs {
        /// The id it was accepted under.
        payment_id: PaymentId,
        /// The intake's fields that differ.
        fields: Vec<&'static str>,
    },
    /// There is no such merchant.
    UnknownMerchant,
}

/// What became of a claim. Losing it is a normal result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Claim {
    /// The delivery is this worker's until the claim runs out.
    Won(Box<ClaimedDelivery>),
    /// Somebody else holds it, or it is finished, or the job is stale, or its endpoint is paused, or its deadline passed.
    Lost,
}

/// A claimed delivery with all that an attempt needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimedDelivery {
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// Its endpoint.
    pub endpoint_id: EndpointId,
    /// The endpoint's version, by which a cached copy is known to be current.
    pub endpoint_version: i64,
    /// The number of the attempt to make; it fences the record.
    pub attempt: u32,
    /// Whether the answer of an earlier attempt was lost.
    pub in_doubt: bool,
    /// When the delivery was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub deadline_at: Timestamp,
    /// When it was claimed; the claim holds from then on for the visibility time.
    pub claimed_at: Timestamp,
    /// Set when this attempt is a probe of a failing endpoint: how many probes failed before.
    pub probes: Option<u32>,
    /// What to tell.
    pub payment: Payment,
}

/// An attempt to write down, with what it means for its delivery.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordAttempt {
    /// The attempt. Its number fences the record.
    pub attempt: Attempt,
    /// The delivery's next state.
    pub decision: Decision,
    /// When it is recorded.
    pub now: Timestamp,
}

/// What became of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recorded {
    /// The attempt is kept and the delivery moved on.
    Applied,
    /// The attempt is kept; the delivery was no longer this claim's to move.
    Fenced,
}

/// What one pass of the dispatcher found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dispatched {
    /// To be queued now.
    pub jobs: Vec<Job>,
    /// How many of them had been accepted or claimed and then forgotten by a queue or a worker, rather than waiting
    /// for a retry: a claim that ran out.
    pub recovered: u64,
    /// How many ended as expired.
    pub expired: u64,
    /// How many were parked: their endpoint is paused, failing, deleted or crowded.
    pub parked: u64,
    /// How many were looked at, with those that are claimed and were put off.
    pub found: usize,
    /// Whether the limit was reached, so that another pass will find more.
    pub more: bool,
    /// The latest `due_at` among what was looked at, before it was moved.
    pub last_due_at: Option<Timestamp>,
    /// When the next delivery that is not yet due becomes due, of those that do within [`Dispatched::AHEAD`].
    pub next_due_at: Option<Timestamp>,
}

impl Dispatched {
    /// How far ahead is looked for what becomes due next. The index keeps an entry of each delivery that was to be due until
    /// the next vacuum, so who looks further goes through those of all that was accepted meanwhile.
    pub const AHEAD: Duration = Duration::from_secs(1);
}

/// Figures of the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Gauges {
    /// Pending deliveries; this and all other counts end at the limit that was asked for.
    pub pending: u64,
    /// Endpoints that are failing.
    pub failing_endpoints: u64,
    /// Undelivered and not settled.
    pub undelivered: u64,
    /// How long the oldest due delivery has been due; zero when none is.
    pub oldest_due: Duration,
    /// The earliest deadline of a pending delivery (approximate where the database would have to scan).
    pub earliest_deadline_at: Option<Timestamp>,
    /// Pending deliveries whose deadline comes within [`Gauges::EXPIRING_WITHIN`].
    pub expiring: u64,
}

impl Gauges {
    /// How far is counted for metrics, so that the cost is bounded.
    pub const COUNT_MAX: u64 = 100_000;
    /// How near a deadline is that a person should know of.
    pub const EXPIRING_WITHIN: Duration = Duration::from_secs(3600);
}

/// What became of the attempts' table in one pass of retention.
#[derive(Debug, Default)]
pub struct Kept {
    /// Days for which a partition was made.
    pub made: u64,
    /// Days whose partition was dropped.
    pub dropped: u64,
    /// Attempts deleted one by one: on SQLite, and of those that fit in no day's partition.
    pub deleted: u64,
    /// Old checks that were deleted.
    pub checks_deleted: u64,
    /// Sessions and portal links that ended long ago and were deleted.
    pub visits_deleted: u64,
    /// Figures of charts that were deleted, as they are older than [`crate::manage::FigureSpan::kept_for`].
    pub figures_deleted: u64,
    /// Whether there is more to let go of.
    pub more: bool,
    /// What did not succeed; the rest was done.
    pub failed: Option<StoreError>,
}
