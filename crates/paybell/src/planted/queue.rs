//! A queue with a deliberate defect.

use super::Bug;
use async_trait::async_trait;
use paybell_delivery::{EndpointId, Job};
use paybell_queue::{Pushed, Queue, QueueError, Taken};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A cap that holds nothing back.
const NO_CAP: u32 = 1_000;
/// After how long an old job is repeated.
const REPEATS_AFTER: Duration = Duration::from_secs(2);
/// No queue gives this ticket: who finishes a repeated job frees nobody's place.
const NO_TICKET: u64 = 0;

/// Does what the real queue does, but for the defect. Repeating jobs is none by itself: a queue may do that.
pub(super) struct PlantedQueue {
    real: Arc<dyn Queue>,
    bug: Bug,
    /// Jobs that were taken, and when.
    taken: Mutex<VecDeque<(Instant, Job)>>,
}

impl PlantedQueue {
    pub(super) fn new(real: Arc<dyn Queue>, bug: Bug) -> Self {
        Self { real, bug, taken: Mutex::default() }
    }

    /// Keeps what was taken, and gives what was taken long ago.
    fn repeat_old(&self, jobs: &mut Vec<Taken>, want: usize) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        taken.extend(jobs.iter().map(|taken| (taken.taken_at, taken.job)));
        while jobs.len() < want && taken.front().is_some_and(|(at, _)| now - *at >= REPEATS_AFTER) {
            jobs.extend(taken.pop_front().map(|(_, job)| Taken { job, ticket: NO_TICKET, taken_at: now }));
        }
    }
}

#[async_trait]
impl Queue for PlantedQueue {
    async fn push(&self, jobs: &[Job]) -> Result<Pushed, QueueError> {
        if self.bug == Bug::CapIsLost {
            let uncapped: Vec<Job> = jobs.iter().map(|job| Job { concurrency_max: NO_CAP, ..*job }).collect();
            return self.real.push(&uncapped).await;
        }
        self.real.push(jobs).await
    }

    async fn turn(&self, finished: &[Taken], want: usize, free: usize) -> Result<Vec<Taken>, QueueError> {
        if self.bug == Bug::LostClaimIsWon && want > 1 {
            let jobs = self.real.turn(finished, want / 2, free).await?;
            return Ok(jobs.into_iter().flat_map(|taken| [taken, Taken { ticket: NO_TICKET, ..taken }]).collect());
        }
        let mut jobs = self.real.turn(finished, want, free).await?;
        if self.bug == Bug::FinishedIsAttempted {
            self.repeat_old(&mut jobs, want);
        }
        Ok(jobs)
    }

    async fn admit(&self, jobs: &[Job], free: usize) -> Result<Vec<Option<Taken>>, QueueError> {
        self.real.admit(jobs, free).await
    }

    async fn waited_for(&self, endpoints: &[EndpointId]) -> Result<Vec<EndpointId>, QueueError> {
        self.real.waited_for(endpoints).await
    }

    async fn drop_lane(&self, endpoint: EndpointId) -> Result<Vec<Job>, QueueError> {
        self.real.drop_lane(endpoint).await
    }

    async fn withdraw(&self, endpoint: EndpointId, at_most: usize) -> Result<Vec<Job>, QueueError> {
        self.real.withdraw(endpoint, at_most).await
    }

    async fn ready(&self) {
        self.real.ready().await;
    }

    fn none_waits(&self) -> bool {
        self.real.none_waits()
    }

    fn is_away(&self) -> bool {
        self.real.is_away()
    }

    async fn depth(&self) -> Result<u64, QueueError> {
        self.real.depth().await
    }

    async fn last_turn(&self) -> Result<Option<Duration>, QueueError> {
        self.real.last_turn().await
    }

    async fn version(&self) -> Result<String, QueueError> {
        self.real.version().await
    }
}
