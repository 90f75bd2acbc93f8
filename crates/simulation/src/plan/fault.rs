//! What goes wrong, or comes at a bad moment.

use super::Span;
use paybell_delivery::Timestamp;
use std::time::Duration;

/// Something that goes wrong, or that people do just when it matters.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// For a time, so many of a hundred jobs that are pushed are lost.
    QueueLoses(Span, u64),
    /// For a time, so many of a hundred jobs are kept and come once more, up to so much later.
    QueueRepeats(Span, u64, Duration),
    /// For a time, jobs come up to so much later, and so in another order.
    QueueDelays(Span, Duration),
    /// All jobs that wait are lost, and the queue forgets what is in flight.
    QueueFlushed(Timestamp),
    /// Nothing can be read or written.
    DatabaseDown(Span),
    /// The database's clock is set, by so many microseconds; the processes follow when they read it next.
    ClockSteps(Timestamp, i64),
    /// No dispatcher runs; what they held back is lost.
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
    /// The worker is stopped when it has taken this payment's job and not yet claimed it, and goes on after so long.
    WorkerStopsWithJob(u32, Duration),
    /// The reply to a claim (before) or a record (after) of this payment's attempt is lost; it was committed.
    ReplyLost(Target),
    /// The worker's code panics at this payment: from this attempt on, so many times.
    WorkerPanics(u32, u32, u32),
    /// A person settles the delivery in an attempt of this payment.
    SettledAmid(Target),
    /// A person pauses the endpoint in an attempt of this payment, and resumes it after so long.
    PausedAmid(Target, Duration),
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

impl Fault {
    /// The names of the kinds, in the order of [`Fault::kind`].
    pub const KINDS: [&str; 17] = [
        "queue_loses",
        "queue_repeats",
        "queue_delays",
        "queue_flushed",
        "database_down",
        "clock_steps",
        "dispatchers_down",
        "workers_down",
        "dispatcher_dies",
        "intake_dies",
        "worker_dies",
        "worker_stops",
        "worker_stops_with_job",
        "reply_lost",
        "worker_panics",
        "settled_amid",
        "paused_amid",
    ];

    /// Which of [`Fault::KINDS`] it is of.
    pub fn kind(&self) -> usize {
        match self {
            Fault::QueueLoses(..) => 0,
            Fault::QueueRepeats(..) => 1,
            Fault::QueueDelays(..) => 2,
            Fault::QueueFlushed(_) => 3,
            Fault::DatabaseDown(_) => 4,
            Fault::ClockSteps(..) => 5,
            Fault::DispatchersDown(_) => 6,
            Fault::WorkersDown(_) => 7,
            Fault::DispatcherDies(_) => 8,
            Fault::IntakeDies(..) => 9,
            Fault::WorkerDies(..) => 10,
            Fault::WorkerStops(..) => 11,
            Fault::WorkerStopsWithJob(..) => 12,
            Fault::ReplyLost(_) => 13,
            Fault::WorkerPanics(..) => 14,
            Fault::SettledAmid(_) => 15,
            Fault::PausedAmid(..) => 16,
        }
    }

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
            Fault::ClockSteps(..)
            | Fault::DispatcherDies(_)
            | Fault::IntakeDies(..)
            | Fault::WorkerDies(..)
            | Fault::WorkerStops(..)
            | Fault::WorkerStopsWithJob(..)
            | Fault::ReplyLost(_)
            | Fault::WorkerPanics(..)
            | Fault::SettledAmid(_)
            | Fault::PausedAmid(..) => None,
        }
    }
}
