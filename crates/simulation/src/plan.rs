//! What happens in a world, as far as it does not follow from the engine: who pays whom and when, what merchants do,
//! and all that goes wrong. A plan can be cut down without changing what is left of it.

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
    /// How far each worker's clock is ahead, in microseconds.
    pub workers: Vec<i64>,
    /// How far each dispatcher's clock is ahead, in microseconds.
    pub dispatchers: Vec<i64>,
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

/// Something that goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// For a time, so many of a hundred jobs that are pushed are lost.
    QueueLoses(Span, u64),
    /// For a time, so many of a hundred jobs are kept and come once more, up to so much later.
    QueueRepeats(Span, u64, Duration),
    /// For a time, jobs come up to so much later, and so in another order.
    QueueDelays(Span, Duration),
    /// All jobs that wait are lost.
    QueueFlushed(Timestamp),
    /// Nothing can be read or written.
    DatabaseDown(Span),
    /// No dispatcher runs.
    DispatchersDown(Span),
    /// No worker runs; what they were doing is lost.
    WorkersDown(Span),
    /// The first dispatcher that finds something from then on dies after its commit, before it queues the jobs.
    DispatcherDies(Timestamp),
    /// The process dies that accepts this payment.
    IntakeDies(u32, Step),
    /// The worker dies in an attempt of this payment, and is down for so long.
    WorkerDies(Target, Duration),
    /// The worker is stopped in an attempt of this payment, and goes on after so long.
    WorkerStops(Target, Duration),
    /// The reply to a claim (before) or a record (after) of this payment's attempt is lost; it was committed.
    ReplyLost(Target),
}

/// Where in an act something goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Before the commit, or between claim and POST.
    Before,
    /// After the commit and before the reply, or after the POST was sent.
    Amid,
    /// After the reply, or between the answer and its record.
    After,
}

/// An attempt of a payment.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The payment's id.
    pub payment: u32,
    /// Which attempt; nothing for the first one close before its deadline.
    pub attempt: Option<u32>,
    /// Where in the attempt.
    pub step: Step,
}

impl Span {
    /// Whether a moment lies in it.
    pub fn has(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

impl Fault {
    /// For how long it holds by itself.
    pub fn span(&self) -> Option<Span> {
        match self {
            Fault::QueueLoses(span, _)
            | Fault::QueueRepeats(span, _, _)
            | Fault::DatabaseDown(span)
            | Fault::DispatchersDown(span)
            | Fault::WorkersDown(span) => Some(*span),
            Fault::QueueDelays(span, most) => Some(Span { from: span.from, until: span.until + *most }),
            Fault::QueueFlushed(at) => Some(Span { from: *at, until: *at }),
            Fault::DispatcherDies(_)
            | Fault::IntakeDies(..)
            | Fault::WorkerDies(..)
            | Fault::WorkerStops(..)
            | Fault::ReplyLost(_) => None,
        }
    }
}
