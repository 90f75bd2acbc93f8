//! What is to happen, in the order of its moments; what is to happen at the same moment, in the order it was planned.

use super::lanes::Taken;
use super::queue::PushedBy;
use super::worker::Flight;
use crate::model::{DeliveryNo, EndpointNo, Job, MerchantNo};
use crate::plan::Span;
use paybell_delivery::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What happens at a moment.
pub(crate) enum Event {
    /// A gateway sends a payment, the so many-th time.
    Pay {
        payment: usize,
        tries: u32,
    },
    /// A gateway sends a payment again that was accepted.
    PayAgain {
        payment: usize,
    },
    /// A job comes to its lane, if the queue was not flushed since that epoch.
    Enter {
        job: Job,
        epoch: Option<u32>,
        by: PushedBy,
    },
    /// Somebody looks at a lane: a lease may have ended, or a worker is up.
    Look {
        endpoint: EndpointNo,
    },
    /// A dispatcher offers what it holds back.
    Offer {
        dispatcher: usize,
    },
    /// A job that was taken from its lane arrives at its worker, if that still has the same life.
    Arrive {
        taken: Taken,
        worker: usize,
        life: u32,
    },
    /// A worker does the next step of an attempt.
    Step(Box<Flight>),
    WorkersDie(Timestamp),
    DispatchersDie(Timestamp),
    DatabaseDown(Span),
    ClockSteps {
        by_us: i64,
    },
    Flush,
    Pause {
        endpoint: EndpointNo,
        paused: bool,
    },
    /// A person settles all deliveries of a payment.
    Settle {
        payment: usize,
    },
    SettleOne {
        delivery: DeliveryNo,
    },
    /// A person resends those of a payment's deliveries that have ended.
    Resend {
        payment: usize,
    },
    /// A person begins a bulk resend.
    Bulk {
        merchant: MerchantNo,
    },
    BulkStep,
}

struct Scheduled {
    at: Timestamp,
    number: u64,
    event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl Eq for Scheduled {}
impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// All that is to happen.
#[derive(Default)]
pub(super) struct Events {
    heap: BinaryHeap<Reverse<Scheduled>>,
    count: u64,
}

impl Events {
    pub(super) fn push(&mut self, at: Timestamp, event: Event) {
        self.count += 1;
        self.heap.push(Reverse(Scheduled { at, number: self.count, event }));
    }

    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse(scheduled)| scheduled.at)
    }

    pub(super) fn pop(&mut self) -> Option<(Timestamp, Event)> {
        self.heap.pop().map(|Reverse(scheduled)| (scheduled.at, scheduled.event))
    }
}
