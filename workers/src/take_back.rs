//! Jobs that nobody can claim now, as their endpoint takes nothing: their deliveries are parked. So they are released with the
//! rest when it takes deliveries again, and not only after the visibility time.

use crate::Engine;
use metrics::counter;
use paybell_delivery::Job;
use std::error::Error;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep};

/// So many are a millisecond of the database.
const AT_ONCE: usize = 20;
/// It rests so many times as long as it took: when many endpoints begin to fail in one moment, their lanes are thousands of
/// jobs, nobody waits for them, and everybody waits for the database.
const RESTS: u32 = 9;
/// The most jobs that wait for their turn, some megabytes; the others come due by themselves. Whoever floods the queue with stale
/// jobs floods neither the memory nor the database.
const WAITING_MAX: usize = 50_000;

/// Who takes jobs back in this process: one after the other.
#[derive(Debug)]
pub struct TakingBack {
    turn: Mutex<()>,
    /// One permit for each job that may wait.
    room: Semaphore,
}

impl Default for TakingBack {
    fn default() -> Self {
        Self { turn: Mutex::default(), room: Semaphore::new(WAITING_MAX) }
    }
}

/// Parks them, after those for which it was called before. Those whose endpoint takes deliveries, or that are somebody's, are left
/// alone; so are all when the database fails, or too many wait.
pub(crate) async fn take_back(engine: Engine, jobs: Vec<Job>) {
    let count = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
    let Ok(_room) = engine.taking_back.room.try_acquire_many(count) else {
        tracing::debug!(jobs = count, "too many jobs are to be taken back; these come due later");
        return;
    };
    for some in jobs.chunks(AT_ONCE) {
        let _turn = engine.taking_back.turn.lock().await;
        let began_at = Instant::now();
        match engine.ledger.take_back(some, engine.clock.now()).await {
            Ok(parked) => counter!("paybell_dispatch_parked_total").increment(parked),
            Err(error) => {
                let error = &error as &dyn Error;
                tracing::debug!(jobs = count, error, "jobs could not be taken back; they come due later");
                return;
            }
        }
        sleep(began_at.elapsed() * RESTS).await;
    }
}
