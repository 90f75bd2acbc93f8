//! Places handed on. Where many jobs of one endpoint wait at its cap, as when it is back after an outage, each handful of
//! finished ones would take a turn of the queue and a claim of its own, while their places are empty. So the next jobs are
//! taken out of their lane and claimed in batches, just before there is room for them, and each begins in the place that a
//! finished one leaves.

use crate::Engine;
use crate::claim_batch::{claim, count_won};
use crate::give_back::{Claimed, leave_to_queue};
use crate::run_worker::{Context, InFlight, attempt};
use paybell_delivery::EndpointId;
use paybell_queue::{Inheritance, Taken};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// With so many jobs of an endpoint in one batch its places become free fast enough to be handed on.
const MANY: usize = 4;
/// How many are claimed at once: as many as begin in this time, which is less than after what a claim is looked at again.
const EACH: Duration = Duration::from_millis(30);
const EACH_MIN: usize = 4;
const EACH_MAX: usize = 64;
/// So many wait for their places while the next are being claimed.
const READY_MAX: usize = 8;
/// For how long a claim waits for a place, and its endpoint is left alone where none comes in that time.
const PATIENCE: Duration = Duration::from_secs(1);
const REST_LONG: Duration = Duration::from_secs(10);
/// For how long an endpoint is left alone of which nothing is held back.
const REST: Duration = Duration::from_secs(1);

/// Begins to hand places on for the endpoints of which this batch has many jobs, where more may wait.
pub(crate) fn begin_handing_on(context: &Context, batch: &[Taken]) {
    if batch.len() < MANY || context.engine.queue.none_waits() || context.engine.queue.is_away() {
        return;
    }
    let mut counts: HashMap<EndpointId, usize> = HashMap::new();
    batch.iter().for_each(|taken| *counts.entry(taken.job.endpoint_id).or_default() += 1);
    for (endpoint, _) in counts.into_iter().filter(|(_, count)| *count >= MANY) {
        if context.resting.has(&endpoint, Instant::now()) {
            continue;
        }
        let Some(inheritance) = context.finished.inherit(endpoint) else { continue };
        context.attempts.spawn(hand_on(context.clone(), endpoint, inheritance));
    }
}

/// Hands places on until nothing waits any longer, or no place comes.
async fn hand_on(context: Context, endpoint: EndpointId, inheritance: Inheritance) {
    let (ready, next) = mpsc::channel(READY_MAX);
    let (unclaimed, unbegun) =
        tokio::join!(claim_next(&context.engine, endpoint, ready), begin_each(&context, next, inheritance));
    let rest = if unbegun.is_empty() { REST } else { REST_LONG };
    if unclaimed.found_nothing || !unbegun.is_empty() {
        context.resting.note(endpoint, Instant::now() + rest);
    }
    let left: Vec<Claimed> = unbegun.into_iter().chain(unclaimed.left).collect();
    if !left.is_empty() {
        leave_to_queue(&context.engine, left).await;
    }
}

/// How claiming ended.
#[derive(Default)]
struct Ended {
    found_nothing: bool,
    /// What was claimed and not passed on.
    left: Vec<Claimed>,
}

/// Claims what waits, some at a time, for as long as it is taken.
async fn claim_next(engine: &Engine, endpoint: EndpointId, ready: mpsc::Sender<Claimed>) -> Ended {
    let (mut each, mut found_nothing) = (EACH_MIN, true);
    loop {
        let begun = Instant::now();
        let jobs = engine.queue.withdraw(endpoint, each).await.unwrap_or_default();
        let claims = claim(engine, &jobs).await;
        let mut won = jobs.into_iter().zip(claims).filter_map(|(job, claim)| Some((job, claim?))).peekable();
        if won.peek().is_none() {
            return Ended { found_nothing, ..Ended::default() };
        }
        found_nothing = false;
        while let Some(claimed) = won.next() {
            if let Err(unsent) = ready.send(claimed).await {
                return Ended { left: std::iter::once(unsent.0).chain(won).collect(), ..Ended::default() };
            }
        }
        each = if begun.elapsed() > EACH { each * 3 / 4 } else { each * 5 / 4 + 1 }.clamp(EACH_MIN, EACH_MAX);
    }
}

/// Begins each in the next place. Answers what it did not begin, as no place came.
async fn begin_each(
    context: &Context,
    mut next: mpsc::Receiver<Claimed>,
    mut inheritance: Inheritance,
) -> Vec<Claimed> {
    while let Some((job, claimed)) = next.recv().await {
        let place = context.stop.run_until_cancelled(timeout(PATIENCE, inheritance.next())).await;
        let Some(Ok(Some(place))) = place else {
            next.close();
            let mut left = vec![(job, claimed)];
            while let Ok(claimed) = next.try_recv() {
                left.push(claimed);
            }
            return left;
        };
        count_won(1);
        let in_flight = InFlight::new(Taken { job, ..place }, context.finished.clone());
        context.attempts.spawn(attempt(context.engine.clone(), claimed, in_flight));
    }
    Vec::new()
}
