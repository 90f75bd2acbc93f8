//! What attempts say of their endpoints, as `workers/src/watch_health.rs` has it.

use super::worker::Flight;
use super::{PATIENCE, World};
use crate::Bug;
use crate::invariants::Violation;
use crate::model::{EndpointNo, Record};
use paybell_delivery::{DeliveryId, Sign, Streak, Timestamp, probe_after};
use std::time::Duration;
use uuid::Uuid;

/// The shortest pause between a probe that failed and the next.
const PAUSE_MIN: Duration = Duration::from_secs(1);

impl World<'_> {
    /// Notes what a recorded attempt says of its endpoint, and marks, reopens or goes on probing it; then the worker is
    /// done with the job.
    pub(super) fn watch_health(
        &mut self,
        flight: &Flight,
        record: &Record,
        status: Option<u16>,
    ) -> Result<(), Violation> {
        let sign = Sign::of(record.attempt.outcome, status);
        self.checker.signed(record, flight.worker, status, self.worker_clock(flight.worker));
        match flight.claimed.probes {
            Some(failed) => self.conclude_probe(flight, record, sign, failed)?,
            None => self.conclude_attempt(flight, record, sign)?,
        }
        self.finish(&flight.taken);
        Ok(())
    }

    fn conclude_probe(&mut self, flight: &Flight, record: &Record, sign: Sign, failed: u32) -> Result<(), Violation> {
        let (endpoint, worker, now) = (flight.claimed.endpoint, flight.worker, self.worker_clock(flight.worker));
        if sign == Sign::Answers {
            self.note_sign(flight, record, sign, now);
        }
        if self.is_database_down() {
            return Ok(());
        }
        if sign != Sign::Answers {
            let next_at = (record.attempt.started_at + probe_after(failed + 1)).max(now + PAUSE_MIN);
            self.model.postpone_probe(endpoint, record.delivery, next_at);
            self.tell(|| format!("worker {worker} notes that probe {} of endpoint {endpoint} failed", failed + 1));
            self.checker.probe_failed(endpoint, record.delivery, self.now);
            return Ok(());
        }
        if self.bug != Some(Bug::AnswerNotHeard) && self.model.reopen(endpoint, now) {
            self.tally.reopened += 1;
            self.tell(|| format!("worker {worker} notes that endpoint {endpoint} answers again"));
            self.checker.reopened(endpoint, now, self.now)?;
        }
        self.checker.probe_answered(endpoint, &self.model)
    }

    fn conclude_attempt(&mut self, flight: &Flight, record: &Record, sign: Sign) -> Result<(), Violation> {
        let (endpoint, worker, now) = (flight.claimed.endpoint, flight.worker, self.worker_clock(flight.worker));
        let Some(streak) = self.note_sign(flight, record, sign, now) else { return Ok(()) };
        if self.is_database_down() || !self.model.mark_failing(endpoint, streak.since, now) {
            return Ok(());
        }
        self.tally.marked += 1;
        let count = streak.attempts();
        self.tell(|| format!("worker {worker} marks endpoint {endpoint} as failing after {count} failures"));
        self.checker.marked(endpoint, worker, now, self.now)
    }

    /// The failures in a row by which the endpoint now counts as failing.
    fn note_sign(&mut self, flight: &Flight, record: &Record, sign: Sign, now: Timestamp) -> Option<Streak> {
        let endpoint: EndpointNo = flight.claimed.endpoint;
        let delivery = DeliveryId(Uuid::from_u128(u128::from(record.delivery.0)));
        let sign = if sign == Sign::Answers && self.bug == Some(Bug::StreakNotBroken) { Sign::Nothing } else { sign };
        let seen = self.workers[flight.worker].seen.entry(endpoint).or_default();
        seen.note(sign, delivery, record.attempt.started_at, now, PATIENCE)
    }
}
