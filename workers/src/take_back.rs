//! Jobs that nobody can claim now, as their endpoint takes nothing: their deliveries are parked at once. So they are
//! released with the rest when it takes deliveries again, and not only after the visibility time.

use crate::Engine;
use paybell_delivery::Job;
use std::error::Error;
use tokio::time::{Instant, sleep};

/// So many are some milliseconds of the database.
const AT_ONCE: usize = 100;

/// Takes them back. Those whose endpoint takes deliveries, or that are somebody's, are left alone; so are all when the database
/// fails. Half of the time is others', as between the dispatcher's passes.
pub(crate) async fn take_back(engine: Engine, jobs: Vec<Job>) {
    for some in jobs.chunks(AT_ONCE) {
        let began_at = Instant::now();
        if let Err(error) = engine.ledger.take_back(some, engine.clock.now()).await {
            tracing::debug!(
                jobs = jobs.len(),
                error = &error as &dyn Error,
                "jobs could not be taken back; they come due later"
            );
            return;
        }
        sleep(began_at.elapsed()).await;
    }
}
