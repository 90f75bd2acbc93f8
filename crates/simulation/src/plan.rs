//! What happens in a world, as far as it does not follow from the engine: who pays whom and when, what merchants do,
//! and all that goes wrong (`fault`). A plan can be cut down without changing what is left of it.

mod fault;

pub use fault::{Fault, Step, Target};

use paybell_delivery::Timestamp;
use std::time::Duration;

/// The plan of a world. All moments are since its beginning.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the dice are of.
    pub seed: u64,
    /// The merchants.
    pub merchants: Vec<MerchantPlan>,
    /// The payments.
    pub payments: Vec<PaymentPlan>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Endpoints that people pause for a while.
    pub pauses: Vec<PausePlan>,
    /// When people resend in bulk what failed.
    pub bulks: Vec<BulkPlan>,
    /// How far each worker's clock is ahead, in microseconds.
    pub workers: Vec<i64>,
    /// How far each dispatcher's clock is ahead, in microseconds.
    pub dispatchers: Vec<i64>,
    /// The most jobs that wait in one lane of the queue.
    pub lane_max: usize,
}

/// A span of time, its end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
}

/// A merchant: its endpoints.
#[derive(Clone, Debug)]
pub struct MerchantPlan {
    /// One or two.
    pub endpoints: Vec<EndpointPlan>,
}

/// How an endpoint is set up and how it behaves.
#[derive(Clone, Debug)]
pub struct EndpointPlan {
    /// How long its deliveries live, where less than 72 hours.
    pub lifetime: Option<Duration>,
    /// The time limit of an attempt.
    pub time_limit: Duration,
    /// The most requests at one time.
    pub concurrency_max: usize,
    /// When it cannot be reached.
    pub outages: Vec<Span>,
    /// Of a hundred answers, how many go wrong, each by its manner.
    pub wrong: Wrong,
}

/// Of a hundred answers, how many are such.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wrong {
    /// Comes after the time limit.
    pub slow: u64,
    /// 200 with another body than the acknowledgement.
    pub body: u64,
    /// 500.
    pub status: u64,
    /// 429 with `Retry-After`, from a second to a year.
    pub retry_after: u64,
    /// The acknowledgement was sent, and the connection broke before it was complete.
    pub lost: u64,
    /// Refused for good.
    pub refused: u64,
}

/// A payment.
#[derive(Clone, Copy, Debug)]
pub struct PaymentPlan {
    /// The gateway's own id.
    pub id: u32,
    /// Who is paid.
    pub merchant: u32,
    /// When it is sent.
    pub at: Timestamp,
    /// When the gateway sends it again, and whether with the same content.
    pub again: Option<(Timestamp, bool)>,
    /// When a person settles its deliveries.
    pub settled_at: Option<Timestamp>,
    /// When a person resends those of its deliveries that have ended.
    pub resent_at: Option<Timestamp>,
}

/// An endpoint that people pause for a while.
#[derive(Clone, Copy, Debug)]
pub struct PausePlan {
    /// The merchant.
    pub merchant: u32,
    /// Which of its endpoints.
    pub endpoint: u32,
    /// When.
    pub span: Span,
}

/// A bulk resend of what failed.
#[derive(Clone, Copy, Debug)]
pub struct BulkPlan {
    /// Of which merchant.
    pub merchant: u32,
    /// When it begins.
    pub at: Timestamp,
}

impl Span {
    /// Whether a moment lies in it.
    pub fn has(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}
