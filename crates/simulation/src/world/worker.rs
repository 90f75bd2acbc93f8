//! Workers: claim → POST → decide → record, as `workers/src/attempt_delivery.rs` does it. Each step is an event, and
//! between two steps the worker may die or be stopped.

use super::merchant::Answer;
use super::{Event, RECORD_MARGIN, VISIBILITY, World};
use crate::Bug;
use crate::draw_plan::BEGIN;
use crate::invariants::Violation;
use crate::model::{Claimed, Job, Kept, Record, Recorded};
use crate::plan::Step;
use paybell_delivery::{Decision, Outcome, Situation, Timestamp, decide};
use std::time::Duration;

/// An attempt that a worker is at.
#[derive(Clone, Copy)]
pub(crate) struct Flight {
    pub(super) worker: usize,
    /// The worker's life in which it was begun.
    life: u32,
    job: Job,
    pub(super) payment: u32,
    pub(super) claimed: Claimed,
    /// When it was claimed, by the worker's clock.
    claimed_at: Timestamp,
    next: Next,
}

#[derive(Clone, Copy)]
enum Next {
    Post,
    Judge { started_at: Timestamp, limit: Duration, answer: Answer },
    Record { record: Record, give_up_at: Timestamp },
}

impl World<'_> {
    /// A job arrives at a worker, which claims its delivery.
    pub(super) fn arrive(&mut self, job: Job, epoch: Option<u32>) -> Result<(), Violation> {
        if epoch.is_some_and(|epoch| epoch != self.epoch) {
            return Ok(());
        }
        let Some(worker) = self.worker_for(job) else {
            let up_at = self.workers.iter().filter_map(|worker| worker.down_until).min().unwrap_or(self.now);
            self.at(up_at, Event::Arrive { job, epoch });
            return Ok(());
        };
        if epoch.is_some() {
            self.waiting.remove(&job);
        }
        if let Some(until) = self.workers[worker].stopped_until.filter(|until| *until > self.now) {
            // The worker took the job and was stopped; so the queue does not have it any more.
            self.at(until, Event::Arrive { job, epoch: None });
            return Ok(());
        }
        if self.is_database_down() {
            return Ok(());
        }
        let now = self.clock(self.plan.workers[worker]);
        let Some(claimed) = self.model.claim(job, now, VISIBILITY) else {
            self.tally.lost_claims += 1;
            self.note(7, job.delivery, 0);
            return Ok(());
        };
        self.note(8, job.delivery, u64::from(claimed.attempt));
        self.tally.attempts += 1;
        self.tell(|| format!("worker {worker} claims delivery {}, attempt {}", job.delivery, claimed.attempt));
        self.checker.claimed(job.delivery, &claimed, &self.model, now, self.now)?;
        let payment = self.checker.payment_of(job.delivery);
        let life = self.workers[worker].life;
        let flight = Flight { worker, life, job, payment, claimed, claimed_at: now, next: Next::Post };
        if self.loses_reply(&flight, Step::Before) {
            self.tell(|| format!("worker {worker} does not learn of its claim"));
            return Ok(());
        }
        self.goes_wrong(&flight, Step::Before);
        self.proceed(Duration::from_millis(2), flight);
        Ok(())
    }

    /// A worker that runs, or is stopped.
    fn worker_for(&self, job: Job) -> Option<usize> {
        let count = self.workers.len();
        let first = self.dice_of(5, job.delivery, job.attempts).below(count as u64) as usize;
        let is_up = |worker: &usize| self.workers[*worker].down_until.is_none_or(|until| until <= self.now);
        (0..count).map(|n| (first + n) % count).find(is_up)
    }

    fn proceed(&mut self, delay: Duration, flight: Flight) {
        self.after(delay, Event::Step(Box::new(flight)));
    }

    /// The next step of an attempt, if its worker did not die meanwhile, and once it is not stopped.
    pub(super) fn step(&mut self, flight: Box<Flight>) -> Result<(), Violation> {
        let worker = self.workers[flight.worker];
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
                self.judge(*flight, started_at, limit, answer);
                Ok(())
            }
            Next::Record { record, give_up_at } => self.record(*flight, record, give_up_at),
        }
    }

    /// The POST, unless the worker was held up for too long: by now somebody else may have delivered it.
    fn post(&mut self, flight: Flight) -> Result<(), Violation> {
        let now = self.clock(self.plan.workers[flight.worker]);
        let limit = self.time_limit(&flight, now);
        if limit.is_zero() {
            let (worker, attempt, delivery) = (flight.worker, flight.claimed.attempt, flight.job.delivery);
            self.tell(|| format!("worker {worker} comes too late to send attempt {attempt} of delivery {delivery}"));
            let limit = self.endpoint_plan(flight.claimed.endpoint).time_limit;
            self.judge(flight, flight.claimed_at, limit, Answer::unsent());
            return Ok(());
        }
        self.send(flight, now, limit)
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
        self.endpoint_plan(flight.claimed.endpoint).time_limit.min(cut)
    }

    fn send(&mut self, flight: Flight, now: Timestamp, limit: Duration) -> Result<(), Violation> {
        let (delivery, attempt) = (flight.job.delivery, flight.claimed.attempt);
        let mut answer = self.answer(flight.payment, flight.claimed.endpoint, attempt);
        if answer.after >= limit {
            let outcome = Outcome::TimedOut;
            answer = Answer { after: limit, outcome, retry_after: None, acknowledges: false };
        }
        self.tell(|| format!("worker {} POSTs delivery {delivery}, attempt {attempt}", flight.worker));
        let clocks = (now, now + answer.after, flight.claimed_at + VISIBILITY);
        self.checker.posted(delivery, attempt, clocks, (self.now, self.now + answer.after))?;
        if answer.acknowledges {
            self.checker.acknowledged(delivery);
        }
        self.goes_wrong(&flight, Step::Amid);
        self.proceed(answer.after, Flight { next: Next::Judge { started_at: now, limit, answer }, ..flight });
        Ok(())
    }

    fn judge(&mut self, flight: Flight, started_at: Timestamp, limit: Duration, answer: Answer) {
        let now = self.clock(self.plan.workers[flight.worker]);
        let (delivery, attempt) = (flight.job.delivery, flight.claimed.attempt);
        let mut dice = self.dice_of(6, delivery, attempt);
        let situation = Situation {
            attempt,
            outcome: answer.outcome,
            retry_after: answer.retry_after,
            in_doubt: flight.claimed.in_doubt,
            now,
            created_at: flight.claimed.created_at,
            deadline_at: flight.claimed.deadline_at,
            time_limit: limit,
            jitter: dice.jitter(),
        };
        let decision = decide(&situation, &self.schedule);
        let words = answer.outcome.in_words();
        self.tell(|| format!("attempt {attempt} of delivery {delivery}: {words}, so {}", in_words(decision)));
        self.checker.judged(delivery, attempt, answer.retry_after, now);
        let attempt = Kept { number: attempt, started_at, outcome: answer.outcome };
        let record = Record { delivery, attempt, decision, now };
        self.goes_wrong(&flight, Step::After);
        self.proceed(
            Duration::from_millis(2),
            Flight { next: Next::Record { record, give_up_at: self.now + VISIBILITY }, ..flight },
        );
    }

    fn record(&mut self, flight: Flight, record: Record, give_up_at: Timestamp) -> Result<(), Violation> {
        if self.is_database_down() {
            if self.now < give_up_at {
                self.proceed(Duration::from_secs(2), flight);
            }
            return Ok(());
        }
        let recorded = self.model.record(&record);
        self.note(9, record.delivery, u64::from(recorded == Recorded::Applied));
        let (delivery, number) = (record.delivery, record.attempt.number);
        self.tally.fenced_records += u64::from(recorded == Recorded::Fenced);
        self.tell(|| format!("worker {} records attempt {number} of delivery {delivery}: {recorded:?}", flight.worker));
        let now = self.clock(self.plan.workers[flight.worker]);
        let until = flight.claimed_at + VISIBILITY;
        self.checker.recorded(&record, recorded, &self.model, (now, until), self.now)?;
        if self.loses_reply(&flight, Step::After) {
            self.tell(|| format!("worker {} does not learn that it recorded", flight.worker));
            self.proceed(Duration::from_millis(50), flight);
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
