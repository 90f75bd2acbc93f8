//! The world around the ledger, with virtual time: gateways, a queue that may do anything, workers, dispatchers,
//! merchants and people. What the engine's processes do is what `api` and `workers` do, step by step.
//!
//! Cast:
//! - [`World`]: all state, the events to come, the checker that watches. [`Event`]: what happens at a moment.
//! - A file for each who acts: `gateway`, `queue` with its `lanes`, `worker` with what it knows of endpoints' `health`,
//!   `merchant`, `dispatcher` with what is `held_back`, `people`; and `clocks`, `mishaps`.

mod clocks;
mod dispatcher;
mod events;
mod gateway;
mod health;
mod held_back;
mod lanes;
mod merchant;
mod mishaps;
mod people;
mod queue;
mod worker;

use crate::dice::{Dice, mix};
use crate::draw_plan::BEGIN;
use crate::invariants::{Checker, Violation};
use crate::model::{DeliveryNo, EndpointNo, MerchantNo, Model};
use crate::plan::{Fault, Plan, Span};
use crate::{Bug, Tally};
pub(crate) use clocks::Clocks;
use events::{Event, Events};
use held_back::HeldBack;
use lanes::Lane;
use paybell_delivery::{Schedule, Seen, Timestamp};
use std::collections::HashMap;
use std::time::Duration;

/// How long a claim holds.
pub(crate) const VISIBILITY: Duration = Duration::from_secs(60);
/// The time limit of an attempt by the engine's settings.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(15);
/// What of a claim's time is kept for recording the attempt.
pub(crate) const RECORD_MARGIN: Duration = Duration::from_secs(5);
/// For how long attempts must fail before their endpoint counts as failing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// After how long an accepted delivery is due if nobody took it from the queue.
pub(crate) const GRACE: Duration = Duration::from_secs(30);
/// No world lasts longer; whatever is still pending then is lost.
const END: Duration = Duration::from_secs(20 * 24 * 3600);

pub(crate) struct World<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) model: Model,
    pub(crate) checker: Checker,
    pub(crate) tally: Tally,
    pub(crate) digest: u64,
    pub(crate) story: Option<Vec<String>>,
    bug: Option<Bug>,
    dice: Dice,
    schedule: Schedule,
    now: Timestamp,
    events: Events,
    /// Where each endpoint of the model stands in the plan.
    endpoints: Vec<(u32, u32)>,
    endpoint_numbers: HashMap<(u32, u32), EndpointNo>,
    workers: Vec<Worker>,
    dispatchers: Vec<Dispatcher>,
    clocks: Clocks,
    /// By endpoint.
    lanes: Vec<Lane>,
    /// How many jobs were taken from lanes.
    tickets: u64,
    /// Grows when the queue is flushed.
    epoch: u32,
    fired: Vec<bool>,
    database_down: Vec<Span>,
    dispatch_blocked: Vec<Span>,
    /// What was seen to be wrong amid an event.
    violation: Option<Violation>,
}

/// A worker process.
#[derive(Clone, Default)]
struct Worker {
    /// Grows when it dies.
    life: u32,
    down_until: Option<Timestamp>,
    stopped_until: Option<Timestamp>,
    /// The endpoints that failed since it last saw an answer of theirs.
    seen: HashMap<EndpointNo, Seen>,
}

/// A dispatcher process.
struct Dispatcher {
    /// Grows when it dies.
    life: u32,
    down_until: Timestamp,
    rests_until: Timestamp,
    /// When it last looked for probes.
    probed_at: Option<Timestamp>,
    /// When it last released something.
    released_at: Option<Timestamp>,
    held: HeldBack,
    /// Whether it is about to offer what it holds.
    offers: bool,
}

impl Dispatcher {
    fn new(life: u32, down_until: Timestamp) -> Self {
        let (probed_at, released_at, held) = (None, None, HeldBack::default());
        Self { life, down_until, rests_until: BEGIN, probed_at, released_at, held, offers: false }
    }
}

impl<'a> World<'a> {
    /// The world at its beginning; with a story when `telling`.
    pub(crate) fn new(plan: &'a Plan, bug: Option<Bug>, telling: bool) -> Self {
        let spans = |wanted: fn(&Fault) -> bool| {
            plan.faults.iter().filter(|fault| wanted(fault)).filter_map(Fault::span).collect::<Vec<_>>()
        };
        let clocks = Clocks::new(plan, bug);
        let mut world = Self {
            plan,
            model: Model::new(bug),
            checker: Checker::new(plan, clocks.clone()),
            tally: Tally::default(),
            digest: 0,
            story: telling.then(Vec::new),
            bug,
            dice: Dice(plan.seed).of(&[1]),
            schedule: Schedule::default(),
            now: BEGIN,
            events: Events::default(),
            endpoints: Vec::new(),
            endpoint_numbers: HashMap::new(),
            workers: vec![Worker::default(); plan.workers.len()],
            dispatchers: plan.dispatchers.iter().map(|_| Dispatcher::new(0, BEGIN)).collect(),
            clocks,
            lanes: Vec::new(),
            tickets: 0,
            epoch: 0,
            fired: vec![false; plan.faults.len()],
            database_down: spans(|fault| matches!(fault, Fault::DatabaseDown(_))),
            dispatch_blocked: spans(|fault| matches!(fault, Fault::DatabaseDown(_) | Fault::DispatchersDown(_))),
            violation: None,
        };
        world.set_up();
        world
    }

    fn set_up(&mut self) {
        let plan = self.plan;
        for (m, merchant) in (0..).zip(&plan.merchants) {
            let merchant_no: MerchantNo = self.model.create_merchant();
            for (e, endpoint) in (0..).zip(&merchant.endpoints) {
                let number =
                    self.model.create_endpoint(merchant_no, endpoint.lifetime, endpoint.concurrency_max as u32);
                self.endpoints.push((m, e));
                self.endpoint_numbers.insert((m, e), number);
                self.lanes.push(Lane::default());
                self.checker.endpoint(endpoint);
            }
        }
        for (payment, planned) in plan.payments.iter().enumerate() {
            self.at(planned.at, Event::Pay { payment, tries: 0 });
            if let Some(at) = planned.settled_at {
                self.at(at, Event::Settle { payment });
            }
            if let Some(at) = planned.resent_at {
                self.at(at, Event::Resend { payment });
            }
        }
        for fault in &plan.faults {
            match fault {
                Fault::WorkersDown(span) => self.at(span.from, Event::WorkersDie(span.until)),
                Fault::DispatchersDown(span) => self.at(span.from, Event::DispatchersDie(span.until)),
                Fault::QueueFlushed(at) => self.at(*at, Event::Flush),
                Fault::ClockSteps(at, by_us) => self.at(*at, Event::ClockSteps { by_us: *by_us }),
                Fault::DatabaseDown(span) => self.at(span.from, Event::DatabaseDown(*span)),
                _ => {}
            }
        }
        for bulk in &plan.bulks {
            self.at(bulk.at, Event::Bulk { merchant: MerchantNo(bulk.merchant) });
        }
        for pause in &plan.pauses {
            // A plan that is cut down may have no such endpoint any more.
            let endpoint = self.endpoint_numbers.get(&(pause.merchant, pause.endpoint));
            let Some(&endpoint) = endpoint else { continue };
            self.at(pause.span.from, Event::Pause { endpoint, paused: true });
            self.at(pause.span.until, Event::Pause { endpoint, paused: false });
        }
    }

    /// Lets everything happen until nothing is left to happen, or something is wrong.
    ///
    /// # Errors
    /// The first violation of an invariant.
    pub(crate) fn run(&mut self) -> Result<(), Violation> {
        loop {
            let next_event = self.events.next_at();
            let next_dispatch = self.next_dispatch();
            match (next_event, next_dispatch) {
                (None, None) => break,
                (event, Some((at, _))) if at > BEGIN + END && event.is_none_or(|event| event > at) => break,
                (event, Some((at, dispatcher))) if event.is_none_or(|event| at <= event) => {
                    self.now = at;
                    self.dispatch(dispatcher)?;
                }
                _ => {
                    let Some((at, event)) = self.events.pop() else { break };
                    self.now = at;
                    self.happen(event)?;
                }
            }
            self.violation.take().map_or(Ok(()), Err)?;
        }
        self.checker.end(&self.model, self.now)
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Pay { payment, tries } => return self.pay(payment, tries),
            Event::PayAgain { payment } => return self.pay_again(payment),
            Event::Enter { job, epoch, by } => self.enter(job, epoch, by),
            Event::Look { endpoint } => self.pump(endpoint),
            Event::Offer { dispatcher } => self.offer(dispatcher),
            Event::Arrive { taken, worker, life } => return self.arrive(taken, worker, life),
            Event::Step(flight) => return self.step(flight),
            Event::WorkersDie(until) => self.workers_die(until),
            Event::DispatchersDie(until) => self.dispatchers_die(until),
            Event::DatabaseDown(span) => self.note_fault(&Fault::DatabaseDown(span), || "the database is away"),
            Event::ClockSteps { by_us } => {
                self.tally.note(&Fault::ClockSteps(self.now, by_us));
                self.tell(|| format!("the database's clock is set by {} s", by_us as f64 / 1e6));
            }
            Event::Flush => {
                self.note_fault(&Fault::QueueFlushed(self.now), || "the queue is flushed");
                self.flush();
            }
            Event::Pause { endpoint, paused } => return self.pause(endpoint, paused),
            Event::Settle { payment } => return self.settle(payment),
            Event::SettleOne { delivery } => return self.settle_one(delivery),
            Event::Resend { payment } => return self.resend(payment),
            Event::Bulk { merchant } => return self.begin_bulk(merchant),
            Event::BulkStep => return self.step_bulk(),
        }
        Ok(())
    }

    fn at(&mut self, at: Timestamp, event: Event) {
        self.events.push(at.max(self.now), event);
    }

    fn after(&mut self, delay: Duration, event: Event) {
        self.at(self.now + delay, event);
    }

    /// The time by a worker's clock; also the intake's, which runs in the same processes.
    fn worker_clock(&self, worker: usize) -> Timestamp {
        Timestamp(self.clocks.worker(worker, self.now).0 + self.plan.workers[worker])
    }

    /// The time by a dispatcher's clock.
    fn dispatcher_clock(&self, dispatcher: usize) -> Timestamp {
        Timestamp(self.clocks.dispatcher(dispatcher, self.now).0 + self.plan.dispatchers[dispatcher])
    }

    /// Dice about a delivery's attempt, by what it has in the plan: its number depends on who else is in the world.
    fn dice_of(&self, what: u64, delivery: DeliveryNo, attempt: u32) -> Dice {
        let endpoint = self.model.delivery(delivery).endpoint;
        let (payment, resend) = self.checker.payment_of(delivery);
        self.dice.of(&[what, u64::from(payment), u64::from(endpoint.0), u64::from(resend), u64::from(attempt)])
    }

    fn is_database_down(&self) -> bool {
        self.database_down.iter().any(|span| span.has(self.now))
    }

    fn note(&mut self, what: u64, delivery: DeliveryNo, result: u64) {
        self.digest = mix(self.digest ^ (self.now.0 as u64) ^ (what << 56) ^ (u64::from(delivery.0) << 32) ^ result);
    }

    fn note_fault(&mut self, fault: &Fault, line: impl FnOnce() -> &'static str) {
        self.tally.note(fault);
        self.tell(|| line().to_owned());
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            let since = self.now.since(BEGIN);
            story.push(format!("t=+{}.{:03}s {}", since.as_secs(), since.subsec_millis(), line()));
        }
    }
}
