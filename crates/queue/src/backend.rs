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
use std::convert::Infallible;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// A backend of apalis that hands out the jobs that [`crate::feed`] took ahead. It never fails.
#[derive(Debug)]
pub struct ReadyBackend {
    jobs: mpsc::Receiver<Taken>,
    reports: mpsc::UnboundedSender<Report>,
    /// Numbers the tasks: apalis wants an id of each that is its own, and a job may come twice.
    tasks: u64,
}

impl ReadyBackend {
    pub(crate) fn new(jobs: mpsc::Receiver<Taken>, reports: mpsc::UnboundedSender<Report>) -> ReadyBackend {
        ReadyBackend { jobs, reports, tasks: 0 }
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
    type Task = Task<Taken>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Option<Result<Task<Taken>, Infallible>>> {
        self.jobs.poll_recv(cx).map(|taken| {
            let Some(taken) = taken else {
                // A worker whose backend ends on its own would wait for ever for somebody to stop it.
                let _ = worker.stop();
                return None;
            };
            self.tasks += 1;
            Some(Ok(TaskBuilder::new(taken).task_id(TaskId::from_int(self.tasks)).build()))
        })
    }

    fn poll_close(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        self.give_back();
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for ReadyBackend {
    type Args = Taken;
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
