//! Natural batching: concurrent callers of one act share one statement and one commit. A batch is whatever arrived
//! while the last one was being written, so an idle ledger adds no delay and a busy one wastes no commit. Records wait a
//! moment for company where they are few, as nothing waits for them ([`Gather`]).
//!
//! Cast:
//! - [`Coalesced`]: accept, record (of attempts and of checks) and the reading of endpoints and claims for single callers.
//! - [`AttemptsAhead`]: who takes over what is claimed as it is accepted.
//! - [`Counter`]: counts what was accepted and recorded, for charts.
//! - [`Act`]: what a batch does, and with what. [`Entry`]: the channel by which callers join the next batch. [`Gather`]: for how
//!   long they wait for each other.

use crate::count_figures::Counter;
use crate::engine::{AcceptTerms, Accepted, ClaimAhead, ClaimedDelivery, RecordAttempt, Recorded};
use crate::manage::EndpointForAttempt;
use crate::{Clock, Ledger, Result as StoreResult, StoreError};
use async_trait::async_trait;
use paybell_abort::AbortPoint;
use paybell_delivery::{Check, DeliveryId, EndpointId, Job, Payment};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

mod batch;
mod gather;

use batch::{Act, Entry};
use gather::Gather;

/// How concurrent callers are gathered, and on which terms they are served.
#[derive(Clone, Copy, Debug)]
pub struct CoalesceSettings {
    /// The most callers in one batch.
    pub batch_max: usize,
    /// See [`crate::engine::AcceptTerms::grace`].
    pub grace: Duration,
    /// See [`crate::engine::AcceptTerms::lifetime`].
    pub lifetime: Duration,
}

/// Who attempts deliveries in this process without the queue's help, as soon as they are accepted.
pub trait AttemptsAhead: Send + Sync {
    /// How the next `payments` may be claimed as they are accepted; nothing when they are all left to the queue.
    fn claim_ahead(&self, payments: usize) -> Option<ClaimAhead>;
    /// Takes over what was claimed, each with its job; never waits.
    fn attempt_ahead(&self, claimed: Vec<(Job, ClaimedDelivery)>);
}

/// Accept, record and the reading of endpoints for single callers; cheap to clone. A caller that goes away does not undo
/// its act.
#[derive(Clone)]
pub struct Coalesced {
    accept: Entry<Payment, Accepted>,
    record: Entry<RecordAttempt, Recorded>,
    endpoint: Entry<EndpointId, EndpointForAttempt>,
    held: Entry<(DeliveryId, u32), bool>,
    check: Entry<Check, ()>,
    ahead: Ahead,
    figures: Arc<Counter>,
}

/// Set while somebody attempts ahead.
type Ahead = Arc<RwLock<Weak<dyn AttemptsAhead>>>;

impl Coalesced {
    /// Starts the batch writers; they end when the last clone is dropped.
    pub fn start(ledger: Arc<dyn Ledger>, clock: Arc<Clock>, settings: CoalesceSettings) -> Self {
        let max = settings.batch_max.max(1);
        let ahead: Ahead = Arc::new(RwLock::new(Weak::<Nobody>::new()));
        let figures = Counter::start(Arc::clone(&ledger), Arc::clone(&clock));
        let (counter, shared) = (Arc::clone(&figures), Arc::clone(&ahead));
        let accept = Accept { ledger: Arc::clone(&ledger), clock, settings, ahead: shared, figures: counter };
        let endpoint = Entry::start(ReadEndpoint(Arc::clone(&ledger)), max);
        let held = Entry::start(StillClaimed(Arc::clone(&ledger)), max);
        let check = Entry::start(RecordCheck(Arc::clone(&ledger)), max);
        let record = Entry::start(Record { ledger, figures: Arc::clone(&figures) }, max);
        let accept = Entry::start(accept, max);
        Self { accept, record, endpoint, held, check, ahead, figures }
    }

    /// Counts deliveries that the dispatcher ended as expired, for charts.
    pub fn note_expired(&self, count: u64) {
        self.figures.counts.note_expired(count);
    }

    /// Writes the figures that were counted since they were last written, which happens every few seconds; for the end.
    pub async fn flush_figures(&self) {
        self.figures.flush().await;
    }

    /// From now on, and as long as it is there, payments are claimed as they are accepted where it has room for them.
    pub fn attempt_ahead_by(&self, attempts: &Arc<dyn AttemptsAhead>) {
        *self.ahead.write().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(attempts);
    }

    /// Accepts one payment, in a batch with whoever else calls meanwhile. Returns after the commit.
    /// `payment.accepted_at` is set to the batch's moment.
    ///
    /// # Errors
    /// The batch's, or [`StoreError::Stopping`].
    pub async fn accept(&self, payment: Payment) -> Result<Accepted, Arc<StoreError>> {
        self.accept.join(payment).await
    }

    /// Records one attempt. It may wait up to 25 ms for company.
    ///
    /// # Errors
    /// The batch's, or [`StoreError::Stopping`].
    pub async fn record(&self, record: RecordAttempt) -> Result<Recorded, Arc<StoreError>> {
        self.record.join(record).await
    }

    /// Records one check.
    ///
    /// # Errors
    /// The batch's, or [`StoreError::Stopping`].
    pub async fn record_check(&self, check: Check) -> Result<(), Arc<StoreError>> {
        self.check.join(check).await
    }

    /// Reads one endpoint with its secrets and dialect, for an attempt; see [`Ledger::endpoints_for_attempts`].
    ///
    /// # Errors
    /// The batch's, or [`StoreError::Stopping`].
    pub async fn endpoint(&self, id: EndpointId) -> Result<EndpointForAttempt, Arc<StoreError>> {
        self.endpoint.join(id).await
    }

    /// Whether the claim of this attempt still holds; see [`Ledger::still_claimed`].
    ///
    /// # Errors
    /// The batch's, or [`StoreError::Stopping`].
    pub async fn still_claimed(&self, id: DeliveryId, attempt: u32) -> Result<bool, Arc<StoreError>> {
        self.held.join((id, attempt)).await
    }
}

struct Accept {
    ledger: Arc<dyn Ledger>,
    clock: Arc<Clock>,
    settings: CoalesceSettings,
    ahead: Ahead,
    figures: Arc<Counter>,
}

struct Record {
    ledger: Arc<dyn Ledger>,
    figures: Arc<Counter>,
}

struct ReadEndpoint(Arc<dyn Ledger>);
struct StillClaimed(Arc<dyn Ledger>);
struct RecordCheck(Arc<dyn Ledger>);

/// Stands for there being nobody who attempts ahead.
struct Nobody;

impl AttemptsAhead for Nobody {
    fn claim_ahead(&self, _: usize) -> Option<ClaimAhead> {
        None
    }
    fn attempt_ahead(&self, _: Vec<(Job, ClaimedDelivery)>) {}
}

/// Who attempts ahead now.
fn attempts(ahead: &Ahead) -> Option<Arc<dyn AttemptsAhead>> {
    ahead.read().unwrap_or_else(PoisonError::into_inner).upgrade()
}

/// The deliveries that were claimed, each with its job.
fn take_claimed(accepted: &mut [Accepted]) -> Vec<(Job, ClaimedDelivery)> {
    let mut all = Vec::new();
    for accepted in accepted {
        if let Accepted::New { jobs, claimed, .. } = accepted {
            let jobs = jobs.iter().filter(|job| job.attempts > 0).copied();
            all.extend(jobs.zip(std::mem::take(claimed)));
        }
    }
    all
}

#[async_trait]
impl Act for Accept {
    type Item = Payment;
    type Answer = Accepted;
    const NAME: &'static str = "accept";
    async fn run(&self, items: &[Payment]) -> StoreResult<Vec<Accepted>> {
        let CoalesceSettings { grace, lifetime, .. } = self.settings;
        AbortPoint::AcceptBegins.reach();
        let terms = AcceptTerms { now: self.clock.now(), grace, lifetime };
        let attempts = attempts(&self.ahead);
        let ahead = attempts.as_ref().and_then(|attempts| attempts.claim_ahead(items.len()));
        let (Some(attempts), Some(ahead)) = (attempts, ahead) else {
            let accepted = self.ledger.accept(items, &terms).await?;
            AbortPoint::AcceptCommitted.reach();
            self.figures.counts.note_accepted(&accepted);
            return Ok(accepted);
        };
        let mut accepted = self.ledger.accept_ahead(items, &terms, &ahead).await?;
        AbortPoint::AcceptCommitted.reach();
        self.figures.counts.note_accepted(&accepted);
        attempts.attempt_ahead(take_claimed(&mut accepted));
        Ok(accepted)
    }
}

#[async_trait]
impl Act for Record {
    type Item = RecordAttempt;
    type Answer = Recorded;
    const NAME: &'static str = "record";
    fn gather(&self) -> Gather {
        gather::RECORDS
    }
    async fn run(&self, items: &[RecordAttempt]) -> StoreResult<Vec<Recorded>> {
        AbortPoint::RecordBegins.reach();
        let recorded = self.ledger.record(items).await?;
        AbortPoint::RecordCommitted.reach();
        self.figures.counts.note_recorded(items, &recorded);
        Ok(recorded)
    }
}

#[async_trait]
impl Act for ReadEndpoint {
    type Item = EndpointId;
    type Answer = EndpointForAttempt;
    const NAME: &'static str = "read_endpoint";
    async fn run(&self, items: &[EndpointId]) -> StoreResult<Vec<Self::Answer>> {
        self.0.endpoints_for_attempts(items).await
    }
}

#[async_trait]
impl Act for StillClaimed {
    type Item = (DeliveryId, u32);
    type Answer = bool;
    const NAME: &'static str = "still_claimed";
    async fn run(&self, items: &[Self::Item]) -> StoreResult<Vec<bool>> {
        self.0.still_claimed(items).await
    }
}

#[async_trait]
impl Act for RecordCheck {
    type Item = Check;
    type Answer = ();
    const NAME: &'static str = "record_check";
    async fn run(&self, items: &[Check]) -> StoreResult<Vec<()>> {
        self.0.record_checks(items).await?;
        Ok(vec![(); items.len()])
    }
}

#[cfg(test)]
mod tests;
