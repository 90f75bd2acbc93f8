//! Workers: claim → POST → decide → record → watch, as `workers/src/attempt_delivery.rs` does it. Each step is an event, and
//! between two steps the worker may die or be stopped.

use super::lanes::Taken;
use super::merchant::Answer;
use super::{Event, RECORD_MARGIN, TIME_LIMIT, VISIBILITY, World};
use crate::Bug;
use crate::draw_plan::BEGIN;
use crate::invariants::Violation;
use crate::model::{Claimed, Kept, Record, Recorded};
use crate::plan::Step;
use paybell_delivery::{Decision, Outcome, Situation, Timestamp, decide};
use std::time::Duration;

/// An attempt that a worker is at.
#[derive(Clone, Copy)]
pub(crate) struct Flight {
    pub(super) worker: usize,
    /// The worker's life in which it was begun.
    life: u32,
    pub(super) taken: Taken,
    pub(super) payment: u32,
    pub(super) claimed: Claimed,
    /// When it was claimed, by the worker's clock.
    pub(super) claimed_at: Timestamp,
    next: Next,
}

#[derive(Clone, Copy)]
enum Next {
    Post,
    Judge { started_at: Timestamp, limit: Duration, answer: Answer },
    Record { record: Record, status: Option<u16>, give_up_at: Timestamp },
    Watch { record: Record, status: Option<u16> },
}

impl World<'_> {
    /// A job arrives at a worker that took it, which claims its delivery.
    pub(super) fn arrive(&mut self, taken: Taken, worker: usize, life: u32) -> Result<(), Violation> {
        if self.workers[worker].life != life {
            return Ok(());
        }
        let job = taken.job;
        self.stops_with_job(worker, job.delivery);
        if let Some(until) = self.workers[worker].stopped_until.filter(|until| *until > self.now) {
            self.at(until, Event::Arrive { taken, worker, life });
            return Ok(());
        }
        if self.is_database_down() || self.place_left(&taken).is_zero() {
            self.finish(&taken);
            return Ok(());
        }
        let now = self.worker_clock(worker);
        let Some(claimed) = self.model.claim(job, now, VISIBILITY) else {
            self.tally.lost_claims += 1;
            self.note(7, job.delivery, 0);
            self.tell(|| format!("worker {worker} loses the claim of delivery {}", job.delivery));
            self.finish(&taken);
            return Ok(());
        };
        self.note(8, job.delivery, u64::from(claimed.attempt));
        self.tally.attempts += 1;
        self.tell(|| format!("worker {worker} claims delivery {}, attempt {}", job.delivery, claimed.attempt));
        self.checker.claimed(job.delivery, &claimed, &self.model, now, self.now)?;
        let (payment, _) = self.checker.payment_of(job.delivery);
        let flight = Flight { worker, life, taken, payment, claimed, claimed_at: now, next: Next::Post };
        if self.loses_reply(&flight, Step::Before) {
            self.tell(|| format!("worker {worker} does not learn of its claim"));
            self.finish(&taken);
            return Ok(());
        }
        self.goes_wrong(&flight, Step::Before);
        self.proceed(Duration::from_millis(2), flight);
        Ok(())
    }

    /// For how long a request may still run in the place that a job has at its endpoint: the place is given away when
    /// the lease ends, whether or not the worker was held up before its claim.
    fn place_left(&self, taken: &Taken) -> Duration {
        if matches!(self.bug, Some(Bug::LeaseNotHeeded | Bug::PostAfterStop)) {
            return VISIBILITY;
        }
        (taken.at + VISIBILITY).before(RECORD_MARGIN).since(self.now)
    }

    fn proceed(&mut self, delay: Duration, flight: Flight) {
        self.after(delay, Event::Step(Box::new(flight)));
    }

    /// The next step of an attempt, if its worker did not die meanwhile, and once it is not stopped.
    pub(super) fn step(&mut self, flight: Box<Flight>) -> Result<(), Violation> {
        let worker = &self.workers[flight.worker];
        if worker.life != flight.life {
            return Ok(());
        }
        if let Some(until) = worker.stopped_until.filter(|until| *until > self.now) {
            self.at(until, Event::Step(flight));
            return Ok(());
        }
        match flight.next {
            Next::Post => self.post(*flight),
            Next::Judge { started_at, limit, answer } => {
                if self.panics(&flight) {
                    self.panic(*flight);
                } else {
                    self.judge(*flight, started_at, limit, answer);
                }
                Ok(())
            }
            Next::Record { record, status, give_up_at } => self.record(*flight, record, status, give_up_at),
            Next::Watch { record, status } => self.watch_health(&flight, &record, status),
        }
    }

    /// The POST, unless the worker was held up for too long: by now somebody else may have delivered it.
    fn post(&mut self, flight: Flight) -> Result<(), Violation> {
        let now = self.worker_clock(flight.worker);
        let limit = self.time_limit(&flight, now);
        if limit.is_zero() {
            let (worker, attempt, delivery) = (flight.worker, flight.claimed.attempt, flight.taken.job.delivery);
            self.tell(|| format!("worker {worker} comes too late to send attempt {attempt} of delivery {delivery}"));
            let limit = self.endpoint_plan(flight.claimed.endpoint).time_limit;
            self.judge(flight, flight.claimed_at, limit, Answer::unsent(Outcome::Blocked));
            return Ok(());
        }
        let before_sending = self.dice_of(9, flight.taken.job.delivery, flight.claimed.attempt).chance(50);
        if before_sending && self.panics(&flight) {
            self.panic(flight);
            return Ok(());
        }
        self.send(flight, now, limit)
    }

    /// The worker's code panics: that is the attempt's outcome, unless the database is away, which is asked once how
    /// often that happened before.
    fn panic(&mut self, flight: Flight) {
        let (attempt, delivery) = (flight.claimed.attempt, flight.taken.job.delivery);
        self.tell(|| format!("worker {} panics at attempt {attempt} of delivery {delivery}", flight.worker));
        if self.is_database_down() {
            self.finish(&flight.taken);
            return;
        }
        self.judge(flight, flight.claimed_at, TIME_LIMIT, Answer::unsent(Outcome::Panicked));
    }

    /// The endpoint's limit, ended early enough to be recorded within the claim, and cut at the deadline.
    fn time_limit(&self, flight: &Flight, now: Timestamp) -> Duration {
        let counted_from = if self.bug == Some(Bug::PostAfterStop) { now } else { flight.claimed_at };
        let claim_left = (counted_from + VISIBILITY).before(RECORD_MARGIN).since(now);
        let cut = if self.bug == Some(Bug::LimitPastDeadline) {
            claim_left
        } else {
            claim_left.min(flight.claimed.deadline_at.since(now))
        };
        self.endpoint_plan(flight.claimed.endpoint).time_limit.min(cut).min(self.place_left(&flight.taken))
    }

    fn send(&mut self, flight: Flight, now: Timestamp, limit: Duration) -> Result<(), Violation> {
        let (delivery, attempt) = (flight.taken.job.delivery, flight.claimed.attempt);
        let mut answer = self.answer(delivery, flight.claimed.endpoint, attempt);
        if answer.after >= limit {
            let outcome = Outcome::TimedOut;
            answer = Answer { after: limit, ..Answer::unsent(outcome) };
        }
        self.tell(|| format!("worker {} POSTs delivery {delivery}, attempt {attempt}", flight.worker));
        let clocks = (now, now + answer.after, flight.claimed_at + VISIBILITY);
        let times = (self.now, self.now + answer.after);
        self.checker.posted((delivery, attempt), flight.worker, clocks, times)?;
        if flight.claimed.probes.is_some() {
            self.checker.probe_posted(delivery, times)?;
        }
        if answer.acknowledges {
            self.checker.acknowledged(delivery);
        }
        self.goes_wrong(&flight, Step::Amid);
        self.proceed(answer.after, Flight { next: Next::Judge { started_at: now, limit, answer }, ..flight });
        Ok(())
    }

    fn judge(&mut self, flight: Flight, started_at: Timestamp, limit: Duration, answer: Answer) {
        let now = self.worker_clock(flight.worker);
        let (delivery, attempt) = (flight.taken.job.delivery, flight.claimed.attempt);
        let mut dice = self.dice_of(6, delivery, attempt);
        let panicked = answer.outcome == Outcome::Panicked;
        let panics = if panicked { self.model.panics_of(delivery) + 1 } else { 0 };
        let situation = Situation {
            attempt,
            outcome: answer.outcome,
            retry_after: answer.retry_after,
            in_doubt: flight.claimed.in_doubt,
            panics,
            now,
            created_at: flight.claimed.created_at,
            deadline_at: flight.claimed.deadline_at,
            time_limit: limit,
            jitter: dice.jitter(),
        };
        let decision = decide(&situation, &self.schedule);
        let words = answer.outcome.in_words();
        self.tell(|| format!("attempt {attempt} of delivery {delivery}: {words}, so {}", in_words(decision)));
        self.checker.judged(delivery, attempt, answer.retry_after, (now, self.now));
        if panicked {
            self.checker.panicked(delivery, attempt, &self.model);
        }
        let attempt = Kept { number: attempt, started_at, outcome: answer.outcome };
        let record = Record { delivery, attempt, decision, now };
        self.goes_wrong(&flight, Step::After);
        self.proceed(
            Duration::from_millis(2),
            Flight {
                next: Next::Record { record, status: answer.status, give_up_at: self.now + VISIBILITY },
                ..flight
            },
        );
    }

    fn record(
        &mut self,
        flight: Flight,
        record: Record,
        status: Option<u16>,
        give_up_at: Timestamp,
    ) -> Result<(), Violation> {
        if self.is_database_down() {
            if self.now < give_up_at {
                self.proceed(Duration::from_secs(2), flight);
            } else {
                self.finish(&flight.taken);
            }
            return Ok(());
        }
        let recorded = self.model.record(&record);
        self.note(9, record.delivery, u64::from(recorded == Recorded::Applied));
        let (delivery, number) = (record.delivery, record.attempt.number);
        self.tally.fenced_records += u64::from(recorded == Recorded::Fenced);
        self.tell(|| format!("worker {} records attempt {number} of delivery {delivery}: {recorded:?}", flight.worker));
        let clocks = (self.worker_clock(flight.worker), flight.claimed_at + VISIBILITY);
        self.checker.recorded(&record, recorded, &self.model, clocks, self.now)?;
        if self.loses_reply(&flight, Step::After) {
            self.tell(|| format!("worker {} does not learn that it recorded", flight.worker));
            self.proceed(Duration::from_millis(50), flight);
        } else {
            self.proceed(Duration::from_millis(1), Flight { next: Next::Watch { record, status }, ..flight });
        }
        Ok(())
    }
}

fn in_words(decision: Decision) -> String {
    match decision {
        Decision::Delivered => "it is delivered".to_owned(),
        Decision::RetryAt(at) => format!("it is tried again at t=+{}s", at.since(BEGIN).as_secs()),
        Decision::Undelivered(reason) => format!("it is undelivered: {}", reason.as_str()),
    }
}
