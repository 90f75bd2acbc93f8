//! Claim and record.

use super::{Job, Kept, Model, Row};
use crate::Bug;
use paybell_delivery::{Decision, Outcome, State, Timestamp};
use std::time::Duration;

/// What a worker gets with its claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claimed {
    /// The number of the attempt to make.
    pub attempt: u32,
    /// What to tell.
    pub payment: super::PaymentNo,
    /// To whom.
    pub endpoint: super::EndpointNo,
    /// Whether the answer of an earlier attempt was lost.
    pub in_doubt: bool,
    /// When the delivery was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub deadline_at: Timestamp,
    /// Set when this is a probe of a failing endpoint: how many probes failed before.
    pub probes: Option<u32>,
}

/// An attempt to write down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// Whose attempt.
    pub delivery: super::DeliveryNo,
    /// The attempt.
    pub attempt: Kept,
    /// The delivery's next state.
    pub decision: Decision,
    /// When it is recorded.
    pub now: Timestamp,
}

/// What became of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recorded {
    /// The delivery moved on.
    Applied,
    /// It was no longer this claim's to move.
    Fenced,
}

impl Model {
    /// Takes a delivery for an attempt, or nothing when the claim is lost.
    pub fn claim(&mut self, job: Job, now: Timestamp, visibility: Duration) -> Option<Claimed> {
        let row = self.deliveries.get(job.delivery.index())?;
        let unguarded = self.has(Bug::ClaimUnguarded);
        let fenced = row.attempts != job.attempts && !self.has(Bug::ClaimWithoutFence) && !unguarded;
        let held = row.claim.is_some_and(|(_, until)| until > now) && !unguarded;
        let late = row.deadline_at <= now && !self.has(Bug::ClaimAfterDeadline);
        let endpoint = self.endpoint(row.endpoint);
        let heeded = !self.has(Bug::FailingNotHeeded);
        let closed = if heeded { !endpoint.takes(job.delivery) } else { !endpoint.is_wanted() };
        let probes = endpoint.failing_since.map(|_| endpoint.probes);
        if row.state != State::Pending || fenced || held || late || closed {
            return None;
        }
        let write = !self.has(Bug::UnknownAttemptLost);
        Some(self.change(job.delivery, |row| {
            row.close_claim(write);
            row.attempts += 1;
            row.claim = Some((now, now + visibility));
            row.due_at = row.due_at.min(now + visibility);
            Claimed {
                attempt: row.attempts,
                payment: row.payment,
                endpoint: row.endpoint,
                in_doubt: row.in_doubt,
                created_at: row.created_at,
                deadline_at: row.deadline_at,
                probes,
            }
        }))
    }

    /// Writes an attempt down, and moves its delivery on while the claim is this attempt's. An acknowledgement ends
    /// whatever is pending; the claim that it thereby takes away is written down as unknown.
    pub fn record(&mut self, record: &Record) -> Recorded {
        let decision = self.decision(record);
        let unfenced = self.has(Bug::RecordWithoutFence);
        let recorded = self.change(record.delivery, |row| {
            let own = row.attempts == record.attempt.number && row.claim.is_some();
            let applies = row.state == State::Pending && (own || record.decision == Decision::Delivered);
            if applies || unfenced {
                if !own {
                    row.close_claim(true);
                }
                move_on(row, record, decision);
            }
            row.keep(record.attempt);
            if applies { Recorded::Applied } else { Recorded::Fenced }
        });
        if self.has(Bug::DueAtDropped) && matches!(decision, Decision::RetryAt(_)) {
            self.looks.retain(|(_, delivery)| *delivery != record.delivery);
        }
        recorded
    }

    /// How many attempts of a delivery are written down as ended by a panic.
    pub fn panics_of(&self, delivery: super::DeliveryNo) -> u32 {
        let panicked = self.delivery(delivery).kept.iter().filter(|kept| kept.outcome == Outcome::Panicked);
        if self.has(Bug::PanicsNotCounted) { 0 } else { panicked.count() as u32 }
    }

    fn decision(&self, record: &Record) -> Decision {
        match record.decision {
            Decision::RetryAt(at) if self.has(Bug::RetryEarly) => {
                Decision::RetryAt(record.now + at.since(record.now) / 2)
            }
            Decision::Delivered if self.has(Bug::AcknowledgementDropped) => {
                Decision::RetryAt(record.now + Duration::from_secs(3600))
            }
            decision => decision,
        }
    }
}

fn move_on(row: &mut Row, record: &Record, decision: Decision) {
    row.in_doubt |= Outcome::leaves_doubt(record.attempt.outcome);
    row.claim = None;
    row.finished_at = Some(record.now);
    match decision {
        Decision::Delivered => (row.state, row.reason) = (State::Delivered, None),
        Decision::Undelivered(reason) => (row.state, row.reason) = (State::Undelivered, Some(reason)),
        Decision::RetryAt(at) => {
            (row.state, row.reason, row.finished_at) = (State::Pending, None, None);
            row.due_at = at.min(row.deadline_at);
        }
    }
}
