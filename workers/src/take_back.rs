//! Jobs that nobody can claim now, as their endpoint takes nothing: their deliveries are parked soon. So they are
//! released with the rest when it takes deliveries again, and not only after the visibility time.

use crate::Engine;
use paybell_delivery::Job;
use std::error::Error;
use tokio::time::{Instant, sleep};

/// So many are a millisecond of the database.
const AT_ONCE: usize = 20;
/// It rests so many times as long as it took: when many endpoints begin to fail in one moment, their lanes are thousands of
/// jobs, nobody waits for them, and everybody waits for the database.
const RESTS: u32 = 9;

/// Takes them back, after those for which it was called before. Those whose endpoint takes deliveries, or that are somebody's,
/// are left alone; so are all when the database fails.
pub(crate) async fn take_back(engine: Engine, jobs: Vec<Job>) {
    for some in jobs.chunks(AT_ONCE) {
        let _turn = engine.taking_back.lock().await;
        let began_at = Instant::now();
        if let Err(error) = engine.ledger.take_back(some, engine.clock.now()).await {
            tracing::debug!(
                jobs = jobs.len(),
                error = &error as &dyn Error,
                "jobs could not be taken back; they come due later"
            );
            return;
        }
        sleep(began_at.elapsed() * RESTS).await;
    }
}
