//! Deliberate defects, for test builds only: the checker of the fault tests must find each of them in the running
//! engine. The environment variable `PAYBELL_TEST_PLANTED_BUG` names the one that is planted; without it there is none.
//!
//! Cast:
//! - [`Bug`]: the defects. [`in_ledger`], [`in_queue`]: put the one that is named between the engine and those.
//! - `ledger`: a ledger that does what the real one does, but for the defect; `forward`: what it hands on as it is.
//!   `queue`: the same for a queue.

mod forward;
mod ledger;
mod queue;

use anyhow::{Result, bail};
use ledger::PlantedLedger;
use paybell_queue::Queue;
use paybell_store::Ledger;
use queue::PlantedQueue;
use std::sync::Arc;

/// Names the defect.
const VARIABLE: &str = "PAYBELL_TEST_PLANTED_BUG";

/// Defines [`Bug`] as a table.
macro_rules! bugs {
    ($($(#[$doc:meta])+ $bug:ident = $name:literal,)+) => {
        /// A deliberate defect.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Bug { $($(#[$doc])+ $bug),+ }

        impl Bug {
            const ALL: &'static [Bug] = &[$(Bug::$bug),+];

            const fn name(self) -> &'static str {
                match self { $(Bug::$bug => $name),+ }
            }
        }
    };
}

bugs! {
    /// Every seventh payment is answered as accepted and never written.
    AcceptForgets = "accept-forgets-every-seventh",
    /// A delivery is given up after its first failure.
    GivesUpAtOnce = "delivery-is-given-up-at-the-first-failure",
    /// What is due is moved forward, and its job goes nowhere.
    DispatchDropsJobs = "dispatch-drops-every-job",
    /// A payment that was accepted before is accepted once more under a new id.
    KnownIdIsNew = "known-id-is-accepted-as-new",
    /// Other content under a known id is answered as if it were the same.
    OtherContentIsSame = "other-content-is-taken-for-the-same",
    /// A claim says that the deadline is an hour later.
    DeadlineIsForgotten = "deadline-is-forgotten",
    /// A queue repeats old jobs, and a claim that is lost as its delivery is finished is handed out all the same.
    FinishedIsAttempted = "finished-delivery-is-attempted-again",
    /// A claim counts one attempt too many.
    ClaimSkipsNumber = "claim-skips-a-number",
    /// An acknowledgement is recorded under the next attempt's number.
    RecordIsShifted = "attempt-is-recorded-under-the-next-number",
    /// A queue repeats jobs, and a claim that is lost is handed out as the one that was won.
    LostClaimIsWon = "lost-claim-is-taken-for-won",
    /// The second attempt tells of another amount than the first.
    SecondBodyDiffers = "second-attempt-has-another-body",
    /// Requests are signed by a secret that is not the endpoint's.
    WrongSecret = "requests-are-signed-by-another-secret",
    /// Now and then a request goes to the endpoint of another merchant.
    WrongEndpoint = "request-goes-to-another-merchant",
    /// A list of one merchant's deliveries shows those of all.
    ListShowsAll = "list-forgets-its-merchant",
    /// A retry is due at once.
    RetriesAtOnce = "retry-is-due-at-once",
    /// An endpoint's cap of requests at a time is lost on the way to the queue.
    CapIsLost = "cap-of-requests-is-lost",
    /// A body that is no acknowledgement counts as one.
    WrongBodyCounts = "wrong-body-counts-as-acknowledgement",
    /// The metrics count each attempt twice.
    AttemptCountsTwice = "attempt-counts-twice-in-metrics",
    /// The gauges see nothing that is undelivered.
    GaugeSeesNothing = "gauge-sees-nothing-undelivered",
    /// Settling is answered as done, and nothing is done.
    SettleIsOnlySaid = "settle-is-only-said",
    /// A resend makes two deliveries.
    ResendActsTwice = "resend-acts-twice",
}

/// The defect that the environment names.
///
/// # Errors
/// When there is none of that name; with the names that there are.
pub(crate) fn named() -> Result<Option<Bug>> {
    let Some(name) = std::env::var_os(VARIABLE).filter(|name| !name.is_empty()) else { return Ok(None) };
    let bug = Bug::ALL.iter().find(|bug| name == bug.name());
    let Some(bug) = bug else {
        let names: Vec<_> = Bug::ALL.iter().map(|bug| bug.name()).collect();
        bail!("{VARIABLE}: there is no such bug to plant; there are: {}", names.join(" "));
    };
    Ok(Some(*bug))
}

/// The ledger with the defect that the environment names.
///
/// # Errors
/// As for [`named`].
pub(crate) fn in_ledger(ledger: Arc<dyn Ledger>) -> Result<Arc<dyn Ledger>> {
    let Some(bug) = named()? else { return Ok(ledger) };
    tracing::warn!(bug = bug.name(), "a bug is planted: this process breaks its promises on purpose");
    Ok(Arc::new(PlantedLedger::new(ledger, bug)))
}

/// The queue, where there is one, with the defect that the environment names.
///
/// # Errors
/// As for [`named`].
pub(crate) fn in_queue(queue: Arc<dyn Queue>) -> Result<Arc<dyn Queue>> {
    let Some(bug) = named()? else { return Ok(queue) };
    Ok(Arc::new(PlantedQueue::new(queue, bug)))
}
