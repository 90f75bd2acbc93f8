//! A queue that goes on in this process while the shared one does not answer, at a reduced speed.
//!
//! What is pushed meanwhile waits in lanes of this process alone, one job at a time of each endpoint, so that the
//! endpoints' caps hold as long as there are no more processes than the cap. When the shared queue is back it gets what
//! still waits, as attempts beside its own would overrun the caps. Whoever pushes here keeps responsibility in the
//! database as always: what is lost with the process comes due again.

use crate::{InProcessQueue, Pushed, Queue, QueueError, QueueSettings, Taken};
use async_trait::async_trait;
use metrics::counter;
use paybell_delivery::{EndpointId, Job};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a shared queue that is away is asked whether it is back; each time may take as long as its own limit.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(3);
/// The most finished jobs that are kept to be told to the shared queue when it is back; the leases of others end.
const UNTOLD_MAX: usize = 10_000;
/// How many jobs are handed back at a time when the shared queue is back.
const HAND_BACK_EACH: usize = 1_000;
/// Marks the tickets of this process's lanes; no shared queue counts so far.
const OWN: u64 = 1 << 63;

/// The shared queue, and lanes of this process for when it is away. For processes that have workers.
pub struct FallBackQueue<Q> {
    shared: Q,
    own: InProcessQueue,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the shared queue failed last, while it is away.
    away_since: Option<Instant>,
    /// Jobs that were finished while it was away.
    untold: Vec<Taken>,
    /// The caps of the endpoints whose jobs wait in this process: there each has a cap of one.
    caps: HashMap<EndpointId, u32>,
}

impl<Q: Queue> FallBackQueue<Q> {
    /// Over a shared queue; the lanes of this process have the same bounds.
    pub fn new(shared: Q, settings: QueueSettings) -> Self {
        Self { shared, own: InProcessQueue::new(settings), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether to ask the shared queue now.
    fn asks(&self) -> bool {
        self.state().away_since.is_none_or(|at| at.elapsed() >= ASK_AGAIN_AFTER)
    }

    /// Notes whether the shared queue answered when it was asked to `act`.
    fn note<T>(&self, act: &'static str, result: Result<T, QueueError>) -> Option<T> {
        let away = result.is_err();
        if away {
            counter!("paybell_queue_errors_total", "act" => act).increment(1);
        }
        let was_away = std::mem::replace(&mut self.state().away_since, away.then(Instant::now)).is_some();
        if let Err(error) = &result
            && !was_away
        {
            tracing::warn!(error = error as &dyn std::error::Error, "the queue is away; this process goes on alone");
        } else if was_away && !away {
            tracing::info!("the queue is back");
        }
        result.ok()
    }

    fn keep_untold(&self, finished: &[Taken]) {
        let untold = &mut self.state().untold;
        let room = UNTOLD_MAX.saturating_sub(untold.len());
        untold.extend(finished.iter().take(room));
    }

    async fn turn_shared(&self, finished: &[Taken], want: usize, free: usize) -> Option<Vec<Taken>> {
        let mut all = std::mem::take(&mut self.state().untold);
        all.extend_from_slice(finished);
        let taken = self.note("turn", self.shared.turn(&all, want, free).await);
        if taken.is_none() {
            self.keep_untold(&all);
        }
        taken
    }

    /// Gives the shared queue, which is back, what waits in this process, beginning with what was just taken. What finds
    /// no room there comes due again.
    async fn hand_back(&self, mut taken: Vec<Taken>) -> Result<(), QueueError> {
        while !taken.is_empty() {
            let jobs: Vec<Job> = {
                let caps = &self.state().caps;
                let cap_of = |job: &Job| caps.get(&job.endpoint_id).copied().unwrap_or(job.concurrency_max);
                taken.iter().map(|taken| Job { concurrency_max: cap_of(&taken.job), ..taken.job }).collect()
            };
            let _ = self.note("push", self.shared.push(&jobs).await);
            taken = self.own.turn(&taken, HAND_BACK_EACH, usize::MAX).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl<Q: Queue> Queue for FallBackQueue<Q> {
    async fn push(&self, jobs: &[Job]) -> Result<Pushed, QueueError> {
        if self.asks()
            && let Some(pushed) = self.note("push", self.shared.push(jobs).await)
        {
            return Ok(pushed);
        }
        self.state().caps.extend(jobs.iter().map(|job| (job.endpoint_id, job.concurrency_max)));
        let one_each: Vec<Job> = jobs.iter().map(|job| Job { concurrency_max: 1, ..*job }).collect();
        self.own.push(&one_each).await
    }

    async fn turn(&self, finished: &[Taken], want: usize, free: usize) -> Result<Vec<Taken>, QueueError> {
        let (of_own, of_shared): (Vec<Taken>, Vec<Taken>) =
            finished.iter().copied().partition(|taken| taken.ticket & OWN != 0);
        let alone = self.own.turn(&marked_or_back(of_own), want, free).await?;
        if !self.asks() {
            self.keep_untold(&of_shared);
            return Ok(marked_or_back(alone));
        }
        let Some(taken) = self.turn_shared(&of_shared, want, free).await else { return Ok(marked_or_back(alone)) };
        self.hand_back(alone).await?;
        Ok(taken)
    }

    /// While the shared queue is away nothing is let in: its caps are not known.
    async fn admit(&self, jobs: &[Job], free: usize) -> Result<Vec<Option<Taken>>, QueueError> {
        let taken = if self.asks() { self.note("admit", self.shared.admit(jobs, free).await) } else { None };
        Ok(taken.unwrap_or_else(|| vec![None; jobs.len()]))
    }

    /// While the shared queue is away, of this process's lanes: places of the shared one can be told to nobody.
    async fn waited_for(&self, endpoints: &[EndpointId]) -> Result<Vec<EndpointId>, QueueError> {
        if self.asks()
            && let Some(waited_for) = self.note("look", self.shared.waited_for(endpoints).await)
        {
            return Ok(waited_for);
        }
        self.own.waited_for(endpoints).await
    }

    async fn drop_lane(&self, endpoint: EndpointId) -> Result<Vec<Job>, QueueError> {
        let mut dropped = self.own.drop_lane(endpoint).await?;
        if self.asks() {
            dropped.extend(self.note("drop", self.shared.drop_lane(endpoint).await).into_iter().flatten());
        }
        Ok(dropped)
    }

    /// While the shared queue is away nothing is withdrawn: the places are its own.
    async fn withdraw(&self, endpoint: EndpointId, at_most: usize) -> Result<Vec<Job>, QueueError> {
        let jobs =
            if self.asks() { self.note("withdraw", self.shared.withdraw(endpoint, at_most).await) } else { None };
        Ok(jobs.unwrap_or_default())
    }

    async fn ready(&self) {
        // A subscription of the shared queue that is broken comes back by itself after a second, too.
        tokio::select! {
            () = self.shared.ready() => {}
            () = self.own.ready() => {}
        }
    }

    fn none_waits(&self) -> bool {
        self.shared.none_waits() && self.own.none_waits()
    }

    fn is_away(&self) -> bool {
        self.state().away_since.is_some()
    }

    async fn depth(&self) -> Result<u64, QueueError> {
        Ok(self.shared.depth().await? + self.own.depth().await?)
    }

    async fn last_turn(&self) -> Result<Option<Duration>, QueueError> {
        self.shared.last_turn().await
    }

    async fn version(&self) -> Result<String, QueueError> {
        self.shared.version().await
    }
}

/// Marks the tickets of this process's lanes, or takes the mark off again.
fn marked_or_back(mut all: Vec<Taken>) -> Vec<Taken> {
    for taken in &mut all {
        taken.ticket ^= OWN;
    }
    all
}
