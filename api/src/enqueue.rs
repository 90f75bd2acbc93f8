//! Hands new deliveries to the queue, after their commit and beside the answer: a queue that is slow or gone delays
//! no answer. What finds no room or no queue stays in the database, where the dispatcher finds it.

use metrics::counter;
use paybell_abort::AbortPoint;
use paybell_delivery::Job;
use paybell_queue::Queue;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How many jobs wait for the queue at most.
const WAITING_MAX: usize = 20_000;
/// How many jobs are pushed at once at most.
const PUSH_MAX: usize = 500;
/// For how long jobs may gather after some that all have to wait in lanes that are held back: there is no haste.
const GATHER: Duration = Duration::from_millis(10);

/// The way to the queue.
pub(crate) struct Pusher {
    waiting: mpsc::Sender<Job>,
}

impl Pusher {
    /// Starts the task that pushes; it ends with its `Pusher`.
    pub(crate) fn start(queue: Arc<dyn Queue>) -> Pusher {
        let (waiting, jobs) = mpsc::channel(WAITING_MAX);
        tokio::spawn(push_all(queue, jobs));
        Pusher { waiting }
    }

    /// Leaves jobs to be pushed; never waits.
    pub(crate) fn enqueue<'a>(&self, jobs: impl IntoIterator<Item = &'a Job>) {
        for job in jobs {
            if self.waiting.try_send(*job).is_err() {
                counter!("paybell_intake_jobs_left_to_dispatcher_total").increment(1);
            }
        }
    }
}

/// While one push is under way the next batch gathers, so the batches grow with the load and nothing waits for them.
async fn push_all(queue: Arc<dyn Queue>, mut jobs: mpsc::Receiver<Job>) {
    let mut batch = Vec::with_capacity(PUSH_MAX);
    let mut failing = false;
    while jobs.recv_many(&mut batch, PUSH_MAX).await > 0 {
        AbortPoint::EnqueueBegins.reach();
        let left = match queue.push(&batch).await {
            Ok(pushed) => {
                AbortPoint::Enqueued.reach();
                failing = false;
                if pushed.is_held_back {
                    tokio::time::sleep(GATHER).await;
                }
                pushed.refused.len()
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "new deliveries are left to the dispatcher");
                }
                failing = true;
                batch.len()
            }
        };
        if left > 0 {
            counter!("paybell_intake_jobs_left_to_dispatcher_total").increment(left as u64);
        }
        batch.clear();
    }
}
