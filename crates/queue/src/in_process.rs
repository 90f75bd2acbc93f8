//! The queue within one process.

use crate::lanes::Lanes;
use crate::{Pushed, Queue, QueueError, QueueSettings, READY_MAX, Taken};
use async_trait::async_trait;
use paybell_delivery::{EndpointId, Job};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// A queue whose lanes are in memory; it never fails, and it ends with the process.
pub struct InProcessQueue {
    lanes: Mutex<Lanes>,
    wake: Notify,
}

impl InProcessQueue {
    /// An empty queue.
    pub fn new(settings: QueueSettings) -> InProcessQueue {
        InProcessQueue { lanes: Mutex::new(Lanes::new(settings)), wake: Notify::new() }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Queue for InProcessQueue {
    async fn push(&self, jobs: &[Job]) -> Result<Pushed, QueueError> {
        let pushed = self.lanes().push(jobs);
        if pushed.added > 0 {
            self.wake.notify_one();
        }
        Ok(pushed)
    }

    async fn turn(&self, finished: &[Taken], want: usize, free: usize) -> Result<Vec<Taken>, QueueError> {
        let mut lanes = self.lanes();
        let taken = lanes.turn(finished, want, free, Instant::now());
        if lanes.is_ready() {
            // One consumer is woken at a time; what it leaves is for the next.
            self.wake.notify_one();
        }
        Ok(taken)
    }

    async fn admit(&self, jobs: &[Job], free: usize) -> Result<Vec<Option<Taken>>, QueueError> {
        Ok(self.lanes().admit(jobs, free, Instant::now()))
    }

    async fn waited_for(&self, endpoints: &[EndpointId]) -> Result<Vec<EndpointId>, QueueError> {
        let lanes = self.lanes();
        Ok(endpoints.iter().copied().filter(|endpoint| lanes.has_lane(*endpoint)).collect())
    }

    async fn drop_lane(&self, endpoint: EndpointId) -> Result<Vec<Job>, QueueError> {
        Ok(self.lanes().take_out(endpoint, usize::MAX))
    }

    async fn withdraw(&self, endpoint: EndpointId, at_most: usize) -> Result<Vec<Job>, QueueError> {
        Ok(self.lanes().withdraw(endpoint, at_most))
    }

    async fn ready(&self) {
        let _ = tokio::time::timeout(READY_MAX, self.wake.notified()).await;
    }

    fn none_waits(&self) -> bool {
        self.lanes().depth() == 0
    }

    async fn depth(&self) -> Result<u64, QueueError> {
        Ok(self.lanes().depth() as u64)
    }

    async fn last_turn(&self) -> Result<Option<Duration>, QueueError> {
        Ok(self.lanes().last_turn().map(|at| at.elapsed()))
    }

    async fn version(&self) -> Result<String, QueueError> {
        Ok("in process".to_owned())
    }
}
