//! What apalis's workers poll for jobs.

use crate::Taken;
use crate::feed::Report;
use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::layers::Identity;
use apalis_core::task::Task;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::{RandomId, TaskId};
use apalis_core::worker::context::WorkerContext;
use futures_util::ready;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::PollSemaphore;

/// Jobs that were ready together, to be claimed in one act.
#[derive(Debug)]
pub struct Batch {
    /// The jobs, at least one.
    pub jobs: Vec<Taken>,
    /// To be dropped when they are claimed: until then the next batch gathers.
    pub claiming: Claiming,
}

/// As long as it is held, no other batch is handed out.
#[derive(Debug)]
pub struct Claiming(#[expect(dead_code, reason = "its drop is what counts")] OwnedSemaphorePermit);

/// A backend of apalis that hands out, in batches, the jobs that [`crate::feed`] took ahead. It never fails.
#[derive(Debug)]
pub struct ReadyBackend {
    jobs: mpsc::Receiver<Taken>,
    reports: mpsc::UnboundedSender<Report>,
    batch_max: usize,
    turnstile: PollSemaphore,
    claiming: Option<Claiming>,
    /// Numbers the tasks: apalis wants an id of each that is its own.
    tasks: u64,
}

impl ReadyBackend {
    pub(crate) fn new(
        jobs: mpsc::Receiver<Taken>,
        reports: mpsc::UnboundedSender<Report>,
        batch_max: usize,
    ) -> ReadyBackend {
        let turnstile = PollSemaphore::new(Arc::new(Semaphore::new(1)));
        ReadyBackend { jobs, reports, batch_max, turnstile, claiming: None, tasks: 0 }
    }

    /// The next batch; nothing when there will be none. The turn is taken first, so that a batch goes on filling while
    /// the one before it is being claimed.
    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Option<Batch>> {
        if self.claiming.is_none() {
            self.claiming = ready!(self.turnstile.poll_acquire(cx)).map(Claiming);
        }
        let mut jobs = Vec::new();
        ready!(self.jobs.poll_recv_many(cx, &mut jobs, self.batch_max));
        let claiming = self.claiming.take();
        Poll::Ready(claiming.filter(|_| !jobs.is_empty()).map(|claiming| Batch { jobs, claiming }))
    }

    /// Gives back what no worker has begun.
    fn give_back(&mut self) {
        self.jobs.close();
        while let Ok(taken) = self.jobs.try_recv() {
            let _ = self.reports.send(Report::Returned(taken));
        }
    }
}

impl Backend for ReadyBackend {
    type Task = Task<Batch>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Option<Result<Task<Batch>, Infallible>>> {
        self.poll_batch(cx).map(|batch| {
            let Some(batch) = batch else {
                // A worker whose backend ends on its own would wait for ever for somebody to stop it.
                let _ = worker.stop();
                return None;
            };
            self.tasks += 1;
            Some(Ok(TaskBuilder::new(batch).task_id(TaskId::from_int(self.tasks)).build()))
        })
    }

    fn poll_close(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        self.give_back();
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for ReadyBackend {
    type Args = Batch;
    type Id = RandomId;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = Identity;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Identity {
        Identity::new()
    }
}

impl Drop for ReadyBackend {
    fn drop(&mut self) {
        self.give_back();
    }
}
