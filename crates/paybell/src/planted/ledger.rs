//! A ledger with a deliberate defect.

use super::Bug;
use super::forward::forward_ledger;
use async_trait::async_trait;
use metrics::counter;
use paybell_delivery::{
    Check, CheckId, Decision, DeliveryId, Endpoint, EndpointId, Job, MerchantId, Outcome, Payment, PaymentId, Reason,
    Timestamp,
};
use paybell_dialects::Dialect;
use paybell_store::engine::*;
use paybell_store::manage::*;
use paybell_store::{Ledger, Schema, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// Which of how many payments is forgotten.
const FORGETS_EVERY: u64 = 7;
/// Which of how many requests goes astray.
const STRAYS_EVERY: u64 = 5;
/// By how much a deadline is forgotten.
const LATER: Duration = Duration::from_secs(3600);
/// A secret that no endpoint has.
const NOBODYS_SECRET: &str = "whsec_bm90IHRoZSBzZWNyZXQgb2YgYW55IGVuZHBvaW50IQ==";

/// Does what the real ledger does, but for the defect.
pub(super) struct PlantedLedger {
    real: Arc<dyn Ledger>,
    bug: Bug,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    count: u64,
    /// The last claim that was won of each delivery.
    won: HashMap<DeliveryId, ClaimedDelivery>,
    /// The endpoint of the last claim, with its version.
    endpoint: Option<(EndpointId, i64)>,
}

impl PlantedLedger {
    pub(super) fn new(real: Arc<dyn Ledger>, bug: Bug) -> Self {
        Self { real, bug, memory: Mutex::default() }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_turn(&self, every: u64) -> bool {
        let mut memory = self.memory();
        memory.count += 1;
        memory.count.is_multiple_of(every)
    }

    /// Writes all but some, and answers as if they were written.
    async fn accept_some(&self, payments: &[Payment], terms: &AcceptTerms) -> Result<Vec<Accepted>, StoreError> {
        let forgets: Vec<bool> = payments.iter().map(|_| self.is_turn(FORGETS_EVERY)).collect();
        let kept = payments.iter().zip(&forgets).filter(|(_, forgets)| !**forgets);
        let kept: Vec<Payment> = kept.map(|(payment, _)| payment.clone()).collect();
        let mut answers = match kept.as_slice() {
            [] => Vec::new(),
            kept => self.real.accept(kept, terms).await?,
        };
        for (at, payment) in payments.iter().enumerate().filter(|(at, _)| forgets[*at]) {
            let answer = Accepted::New {
                payment_id: payment.id,
                jobs: Vec::new(),
                claimed: Vec::new(),
                closed: Vec::new(),
                accepted_at: terms.now,
            };
            answers.insert(at, answer);
        }
        Ok(answers)
    }

    async fn spoil_accepted(
        &self,
        payment: &Payment,
        answer: Accepted,
        terms: &AcceptTerms,
    ) -> Result<Accepted, StoreError> {
        match (self.bug, answer) {
            (Bug::KnownIdIsNew, Accepted::Same { .. }) => {
                let gateway_payment_id = format!("{}-{}", payment.gateway_payment_id, Uuid::now_v7());
                let again = Payment { gateway_payment_id, ..payment.clone() };
                let mut answers = self.real.accept(&[again], terms).await?;
                Ok(answers.remove(0))
            }
            (Bug::OtherContentIsSame, Accepted::Differs { payment_id, .. }) => {
                Ok(Accepted::Same { payment_id, delivery_ids: Vec::new(), accepted_at: terms.now })
            }
            (_, answer) => Ok(answer),
        }
    }

    fn spoil_claim(&self, job: &Job, claim: Claim, now: Timestamp) -> Claim {
        match claim {
            Claim::Won(claimed) => {
                self.memory().won.insert(job.delivery_id, (*claimed).clone());
                Claim::Won(Box::new(self.spoil_won(*claimed)))
            }
            Claim::Lost if matches!(self.bug, Bug::LostClaimIsWon | Bug::FinishedIsAttempted) => {
                let kept = self.memory().won.get(&job.delivery_id).cloned();
                kept.map_or(Claim::Lost, |kept| Claim::Won(Box::new(ClaimedDelivery { claimed_at: now, ..kept })))
            }
            Claim::Lost => Claim::Lost,
        }
    }

    fn spoil_won(&self, mut claimed: ClaimedDelivery) -> ClaimedDelivery {
        match self.bug {
            Bug::DeadlineIsForgotten => claimed.deadline_at = claimed.deadline_at + LATER,
            Bug::ClaimSkipsNumber => claimed.attempt += 1,
            Bug::SecondBodyDiffers if claimed.attempt > 1 => claimed.payment.amount.amount_minor += 1,
            Bug::WrongEndpoint => {
                let own = (claimed.endpoint_id, claimed.endpoint_version);
                let before = self.memory().endpoint.replace(own).filter(|before| before.0 != own.0);
                if let (Some(other), true) = (before, self.is_turn(STRAYS_EVERY)) {
                    (claimed.endpoint_id, claimed.endpoint_version) = other;
                }
            }
            _ => {}
        }
        claimed
    }

    fn spoil_record(&self, mut record: RecordAttempt) -> RecordAttempt {
        let (attempt, decision) = (&mut record.attempt, &mut record.decision);
        match (self.bug, *decision) {
            (Bug::GivesUpAtOnce, Decision::RetryAt(_)) => *decision = Decision::Undelivered(Reason::Expired),
            (Bug::RetriesAtOnce, Decision::RetryAt(_)) => *decision = Decision::RetryAt(record.now),
            (Bug::RecordIsShifted, Decision::Delivered) => attempt.number += 1,
            (Bug::WrongBodyCounts, _) if attempt.outcome == Outcome::WrongBody => {
                (attempt.outcome, *decision) = (Outcome::Acknowledged, Decision::Delivered);
            }
            (Bug::AttemptCountsTwice, _) => {
                counter!("paybell_attempts_total", "outcome" => attempt.outcome.as_str()).increment(1);
            }
            _ => {}
        }
        record
    }
}

forward_ledger! { PlantedLedger {
    async fn accept(&self, payments: &[Payment], terms: &AcceptTerms) -> Result<Vec<Accepted>, StoreError> {
        if self.bug == Bug::AcceptForgets {
            return self.accept_some(payments, terms).await;
        }
        let mut answers = Vec::with_capacity(payments.len());
        for (payment, answer) in payments.iter().zip(self.real.accept(payments, terms).await?) {
            answers.push(self.spoil_accepted(payment, answer, terms).await?);
        }
        Ok(answers)
    }

    async fn claim(&self, jobs: &[Job], now: Timestamp, visibility: Duration) -> Result<Vec<Claim>, StoreError> {
        let claims = self.real.claim(jobs, now, visibility).await?;
        Ok(jobs.iter().zip(claims).map(|(job, claim)| self.spoil_claim(job, claim, now)).collect())
    }

    async fn record(&self, records: &[RecordAttempt]) -> Result<Vec<Recorded>, StoreError> {
        let spoiled: Vec<_> = records.iter().map(|record| self.spoil_record(record.clone())).collect();
        self.real.record(&spoiled).await
    }

    async fn dispatch_due_after(
        &self,
        after: Option<Timestamp>,
        now: Timestamp,
        visibility: Duration,
        limit: u32,
        crowded: &[EndpointId],
    ) -> Result<Dispatched, StoreError> {
        let mut dispatched = self.real.dispatch_due_after(after, now, visibility, limit, crowded).await?;
        match self.bug {
            Bug::DispatchDropsJobs => dispatched.jobs.clear(),
            // The dispatcher rests until this moment, at most; so it finds at once what is due at once.
            Bug::RetriesAtOnce => dispatched.next_due_at = Some(now),
            _ => {}
        }
        Ok(dispatched)
    }

    async fn gauges(&self, now: Timestamp, count_max: u64) -> Result<Gauges, StoreError> {
        let gauges = self.real.gauges(now, count_max).await?;
        Ok(if self.bug == Bug::GaugeSeesNothing { Gauges { undelivered: 0, ..gauges } } else { gauges })
    }

    async fn endpoints_for_attempts(&self, ids: &[EndpointId]) -> Result<Vec<EndpointForAttempt>, StoreError> {
        let mut found = self.real.endpoints_for_attempts(ids).await?;
        if self.bug == Bug::WrongSecret {
            let secrets = found.iter_mut().flat_map(|found| &mut found.secrets);
            secrets.for_each(|secret| secret.value = NOBODYS_SECRET.into());
        }
        Ok(found)
    }

    async fn deliveries(&self, filter: &DeliveryFilter, page: &PageRequest) -> Result<Page<DeliveryRow>, StoreError> {
        match self.bug {
            Bug::ListShowsAll => {
                self.real.deliveries(&DeliveryFilter { merchant_id: None, ..filter.clone() }, page).await
            }
            _ => self.real.deliveries(filter, page).await,
        }
    }

    async fn settle(&self, id: DeliveryId, who: &str, note: &str, actor: &Actor) -> Result<(), StoreError> {
        match self.bug {
            Bug::SettleIsOnlySaid => Ok(()),
            _ => self.real.settle(id, who, note, actor).await,
        }
    }

    async fn resend(&self, id: DeliveryId, new: &NewDelivery, actor: &Actor) -> Result<Job, StoreError> {
        if self.bug == Bug::ResendActsTwice {
            let again = NewDelivery { id: DeliveryId(Uuid::now_v7()), ..*new };
            self.real.resend(id, &again, actor).await?;
        }
        self.real.resend(id, new, actor).await
    }
} }
