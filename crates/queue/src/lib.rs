//! The queue: an accelerator between those that make deliveries due and those that attempt them. It may lose, repeat
//! or reorder anything at any time; no promise depends on it. It holds [`Job`]s only, of what is due, and a bounded
//! number of them.
//!
//! Two limits hold an endpoint back. Its cap counts over all workers. And as a worker has a bounded number of slots, which
//! endpoints that hang would fill, an endpoint may take another slot only while it has fewer jobs in flight than the
//! asking worker has free slots: the dynamic threshold that Choudhury and Hahne (1998) gave to shared buffers, with a
//! factor of one. So `n` endpoints that take whatever they get leave at least one slot in `n + 1` free, and one with nothing
//! in flight has its turn whenever a slot is free. The price: an endpoint on its own has half the slots of a single worker,
//! and with many workers no more in all than one of them has.
//!
//! Cast:
//! - [`Queue`]: one lane per endpoint, served in turn. [`InProcessQueue`]: within one process. [`RedisQueue`]: for any
//!   number of processes. [`FallBackQueue`]: goes on within one process while that one is away.
//! - [`Taken`]: a job that was taken, with the ticket of its place in flight. A job may be taken twice, a ticket is given
//!   once; so whoever finishes frees its own place and no other.
//! - [`feed`]: takes jobs ahead of the workers and hands them to apalis by a [`ReadyBackend`], a [`Batch`] at a time;
//!   [`Finished`] tells it which are done. `kept_places`: a finished job's place goes to the next one of its
//!   endpoint that is let in, and the queue hears nothing of either. [`Inheritance`]: or it goes to one that was taken out of its
//!   lane before, by [`Queue::withdraw`].

mod backend;
mod fall_back;
mod feed;
mod in_process;
mod inherit;
mod inspect_redis;
mod kept_places;
mod lanes;
mod redis_lanes;
mod wire;

pub use backend::{Batch, Claiming, ReadyBackend};
pub use fall_back::FallBackQueue;
pub use feed::{FeedLimits, Finished, feed};
pub use in_process::InProcessQueue;
pub use inherit::Inheritance;
pub use inspect_redis::{RedisFacts, inspect_redis};
pub use redis_lanes::RedisQueue;

use async_trait::async_trait;
use paybell_delivery::{EndpointId, Job};
use std::time::{Duration, Instant};

/// Why the queue did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("the queue is unavailable while trying to {act}")]
pub struct QueueError {
    /// What was attempted.
    pub act: &'static str,
    /// The cause.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// How the queue is bounded.
#[derive(Clone, Copy, Debug)]
pub struct QueueSettings {
    /// The most jobs in one endpoint's lane; what is over stays in the database until it is due again.
    pub lane_max: usize,
    /// The most jobs in all lanes.
    pub depth_max: usize,
    /// After how long a job that was taken and never finished no longer counts against its endpoint's cap.
    pub lease: Duration,
}

/// What became of jobs that were pushed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pushed {
    /// How many were added.
    pub added: usize,
    /// Whether none of their lanes has its turn, as all are held back: nobody takes one of them before a job of its endpoint is
    /// finished.
    pub is_held_back: bool,
    /// Those that found no room.
    pub refused: Vec<Job>,
}

/// A job that was taken, and its place in flight, which may have been another job's before ([`Finished::take_kept`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken {
    /// What to attempt.
    pub job: Job,
    /// The number of this place, which no other has: it tells it from that of the same job taken again.
    pub ticket: u64,
    /// When the place was asked for: it is the holder's until [`QueueSettings::lease`] later, and no shorter.
    pub taken_at: Instant,
}

/// One lane per endpoint, served in turn, each with its cap of jobs in flight over all workers.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Appends jobs to their lanes. A job that waits already is neither added again nor refused.
    async fn push(&self, jobs: &[Job]) -> Result<Pushed, QueueError>;
    /// In one round trip: tells that `finished` jobs are no longer in flight, and takes at most `want` jobs, one from
    /// each lane in turn. None is taken from a lane whose endpoint is at its cap, or has as many in flight as the caller
    /// has free slots: `free` before the first is taken, and one less after each. An endpoint with nothing in flight is
    /// never held back. A lane that is comes back when a job of its endpoint is finished or a lease of one ends.
    async fn turn(&self, finished: &[Taken], want: usize, free: usize) -> Result<Vec<Taken>, QueueError>;
    /// Takes these jobs, which never waited, as far as there is room for them, and for all that waits in their endpoints'
    /// lanes besides, within the limits that [`Queue::turn`] keeps: so they take no place that others wait for. Answers for each, in order, its place in flight, if any.
    async fn admit(&self, jobs: &[Job], free: usize) -> Result<Vec<Option<Taken>>, QueueError>;
    /// Those of the endpoints for which jobs wait.
    async fn waited_for(&self, endpoints: &[EndpointId]) -> Result<Vec<EndpointId>, QueueError>;
    /// Takes all that waits for an endpoint out of its lane, in order: nobody could claim it now, and to find that out of each
    /// takes longer than to let the database hand it out again.
    async fn drop_lane(&self, endpoint: EndpointId) -> Result<Vec<Job>, QueueError>;
    /// Takes at most so many of the first jobs out of a lane that is held back, in order, without places in flight: for whoever
    /// gets those that its endpoint's finished jobs leave ([`Finished::inherit`]). None of a lane that has its turn, as for
    /// those there is room.
    async fn withdraw(&self, endpoint: EndpointId, at_most: usize) -> Result<Vec<Job>, QueueError>;
    /// Waits until a turn may find something, or a second passed.
    async fn ready(&self);
    /// Whether the last turn left nothing that waits, so that nobody waits for what is finished since. Who pushes wakes
    /// [`Queue::ready`].
    fn none_waits(&self) -> bool;
    /// Whether the queue is away, as far as the last call knows, and this process goes on without it.
    fn is_away(&self) -> bool {
        false
    }
    /// How many jobs wait in all lanes.
    async fn depth(&self) -> Result<u64, QueueError>;
    /// How long ago a worker last took its turn; nothing when none did, as far as the queue remembers (a day at most).
    async fn last_turn(&self) -> Result<Option<Duration>, QueueError>;
    /// What it is, for people: `in process`, `Redis 7.0.15`.
    async fn version(&self) -> Result<String, QueueError>;
}

/// The longest that [`Queue::ready`] waits. Only a lease that ran out, or a wake-up that was lost, comes to light no
/// sooner.
const READY_MAX: Duration = Duration::from_secs(1);
