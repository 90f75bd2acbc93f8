//! Claiming what the queue gave, many jobs in one act.

use crate::take_back::take_back;
use crate::{Engine, WorkerSettings, place_lease};
use metrics::{counter, histogram};
use paybell_abort::AbortPoint;
use paybell_delivery::Job;
use paybell_queue::Taken;
use paybell_store::StoreError;
use paybell_store::engine::{Claim, ClaimedDelivery};
use std::error::Error;
use std::time::{Duration, Instant};

/// Claims the jobs' deliveries; answers, in order, those that are this worker's now. Losing a claim is a normal result.
/// When the database fails nothing is done: the delivery's `due_at` stands and fires. The same for a job whose place in
/// flight has run out: it counts no longer against the endpoint's cap.
pub(crate) async fn claim_batch(engine: &Engine, taken: &[Taken]) -> Vec<Option<Box<ClaimedDelivery>>> {
    let late: Vec<bool> = taken.iter().map(|taken| place_left(engine, taken.taken_at).is_zero()).collect();
    let jobs: Vec<Job> = taken.iter().zip(&late).filter(|(_, late)| !**late).map(|(taken, _)| taken.job).collect();
    count("late", taken.len() - jobs.len());
    let claims = claim(engine, &jobs).await;
    count_won(claims.iter().flatten().count());
    let mut claims = claims.into_iter();
    late.into_iter().map(|late| if late { None } else { claims.next().flatten() }).collect()
}

/// For how long a request may still run within its job's place in flight, whose lease began before the claim.
pub(crate) fn place_left(engine: &Engine, taken_at: Instant) -> Duration {
    let place = place_lease(engine.settings.visibility).saturating_sub(WorkerSettings::RECORD_MARGIN);
    place.saturating_sub(taken_at.elapsed())
}

/// Claims these jobs' deliveries; answers, in order, those that were won, which are to be counted once they are not given back.
pub(crate) async fn claim(engine: &Engine, jobs: &[Job]) -> Vec<Option<Box<ClaimedDelivery>>> {
    if jobs.is_empty() {
        return Vec::new();
    }
    histogram!("paybell_batch_size", "act" => "claim").record(f64::from(u32::try_from(jobs.len()).unwrap_or(u32::MAX)));
    match claim_at_once(engine, jobs).await {
        Ok(claims) => claims,
        // One bad row spoils only itself.
        Err(error) if jobs.len() > 1 && !error.is_transient() => {
            let mut claims = Vec::with_capacity(jobs.len());
            for job in jobs {
                let alone = claim_at_once(engine, std::slice::from_ref(job)).await;
                claims.extend(alone.unwrap_or_else(|error| note_failure(&[*job], &error)));
            }
            claims
        }
        Err(error) => note_failure(jobs, &error),
    }
}

async fn claim_at_once(engine: &Engine, jobs: &[Job]) -> Result<Vec<Option<Box<ClaimedDelivery>>>, StoreError> {
    AbortPoint::ClaimBegins.reach();
    let claims = engine.ledger.claim(jobs, engine.clock.now(), engine.settings.visibility).await?;
    AbortPoint::ClaimCommitted.reach();
    let won = |claim| match claim {
        Claim::Won(claimed) => Some(claimed),
        Claim::Lost => None,
    };
    let claims: Vec<_> = claims.into_iter().map(won).collect();
    let lost: Vec<Job> = jobs.iter().zip(&claims).filter(|(_, claim)| claim.is_none()).map(|(job, _)| *job).collect();
    count("lost", lost.len());
    if !lost.is_empty() {
        tokio::spawn(take_back(engine.clone(), lost));
    }
    Ok(claims)
}

fn note_failure(jobs: &[Job], error: &StoreError) -> Vec<Option<Box<ClaimedDelivery>>> {
    count("failed", jobs.len());
    let first = jobs.first().map(|job| job.delivery_id.to_string());
    tracing::warn!(delivery.id = first, jobs = jobs.len(), error = error as &dyn Error, "claims failed");
    vec![None; jobs.len()]
}

/// Counts claims that were won and are attempted now.
pub(crate) fn count_won(claims: usize) {
    count("won", claims);
}

fn count(result: &'static str, jobs: usize) {
    if jobs > 0 {
        counter!("paybell_claims_total", "result" => result).increment(jobs as u64);
    }
}
