//! The loops that keep the promise: a worker pool that attempts what is due, a dispatcher that makes sure that
//! everything due is looked at, and the gauges.
//!
//! Cast:
//! - [`Engine`]: what all loops share. [`WorkerSettings`]: their policy.
//! - [`run_worker`]: apalis workers over the queue. One attempt: claim → load → sign → post → judge → decide → record.
//! - [`run_dispatcher`]: the retry timer, the crash recovery, the rebuild after a lost queue, and the expiry, in one.
//! - [`relieve_queue`]: the workers of a process without a dispatcher look for themselves while the queue is away.
//! - [`keep_attempts`]: makes room for the attempts of the days to come, and lets go of old ones.
//! - [`run_gauges`]: the figures of the moment, for metrics.

mod act_in_bulk;
mod attempt_ahead;
mod attempt_delivery;
mod claim_batch;
mod dispatch_due;
mod give_back;
mod hand_on;
mod hold_back;
mod keep_attempts;
mod load_endpoint;
mod look_back;
mod observe;
mod pass_size;
mod relieve_queue;
mod render_notification;
mod resting;
mod run_worker;
mod survive_panics;
mod take_back;
#[cfg(test)]
mod tests;
mod watch_health;

pub use dispatch_due::{DispatchSettings, run_dispatcher};
pub use keep_attempts::keep_attempts;
pub use load_endpoint::EndpointCache;
pub use observe::run_gauges;
pub use relieve_queue::relieve_queue;
pub use run_worker::{WorkerError, run_worker};
pub use take_back::TakingBack;
pub use watch_health::HealthWatch;

use paybell_delivery::Schedule;
use paybell_outbound::Outbound;
use paybell_queue::Queue;
use paybell_store::{Clock, Coalesced, Ledger};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// What all loops share; cheap to clone.
#[derive(Clone)]
pub struct Engine {
    /// The database.
    pub ledger: Arc<dyn Ledger>,
    /// Its batched acts.
    pub coalesced: Coalesced,
    /// The queue.
    pub queue: Arc<dyn Queue>,
    /// The outgoing HTTP.
    pub outbound: Outbound,
    /// The time.
    pub clock: Arc<Clock>,
    /// Endpoints with their secrets, as last read.
    pub endpoints: Arc<EndpointCache>,
    /// What the attempts of this process say of their endpoints.
    pub health: Arc<HealthWatch>,
    /// One permit for each attempt that may wait to be recorded: [`WorkerSettings::in_flight_max`].
    pub unrecorded: Arc<Semaphore>,
    /// Who takes back what nobody can claim.
    pub taking_back: Arc<TakingBack>,
    /// The policy.
    pub settings: WorkerSettings,
}

/// How deliveries are attempted.
#[derive(Clone, Copy, Debug)]
pub struct WorkerSettings {
    /// The delays between attempts.
    pub schedule: Schedule,
    /// The time limit of one attempt, where the endpoint has none of its own.
    pub time_limit: Duration,
    /// How long a claim holds; attempts are cut [`WorkerSettings::RECORD_MARGIN`] before.
    pub visibility: Duration,
    /// The most attempts in flight in this process.
    pub in_flight_max: usize,
    /// The most deliveries that are claimed in one act.
    pub batch_max: usize,
    /// Whether what this process accepts is claimed and attempted at once where there is room, without the queue.
    pub claims_ahead: bool,
    /// How long attempts in flight may go on when the process stops.
    pub drain: Duration,
    /// For how long an endpoint must fail before it is only probed.
    pub failing_after: Duration,
}

impl WorkerSettings {
    /// What of a claim's time is kept for recording the attempt.
    pub const RECORD_MARGIN: Duration = Duration::from_secs(5);
}

/// For how long after it was taken a place in flight may be handed on, where a claim holds for `visibility`.
fn reuse_within(visibility: Duration) -> Duration {
    (visibility / 10).min(Duration::from_secs(5))
}

/// For how long the queue must keep a place in flight, where a claim holds for `visibility`: one that is handed on late is
/// still there when the attempt ends.
pub fn place_lease(visibility: Duration) -> Duration {
    visibility + reuse_within(visibility)
}
