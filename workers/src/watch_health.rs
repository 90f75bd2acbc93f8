//! What attempts say of their endpoints: one that goes on failing is only probed, until it answers.

use crate::Engine;
use crate::take_back::take_back;
use metrics::counter;
use paybell_delivery::{Attempt, EndpointId, Seen, Sign, Streak, Timestamp, probe_after};
use paybell_store::StoreError;
use paybell_store::engine::ClaimedDelivery;
use paybell_store::manage::Actor;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Who stands in the audit for what the engine does by itself.
const ENGINE: &str = "paybell";
/// The shortest pause between a probe that failed and the next.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// What is remembered of so many endpoints is gone through for what is past.
const FORGET_AT: usize = 10_000;

/// What this process saw of the endpoints' answers.
#[derive(Debug, Default)]
pub struct HealthWatch(Mutex<Watched>);

#[derive(Debug, Default)]
struct Watched {
    seen: HashMap<EndpointId, Seen>,
    /// How many there were after they were last gone through.
    kept: usize,
}

impl HealthWatch {
    /// Notes what an attempt says; answers the failures in a row by which the endpoint now counts as failing.
    fn note(&self, engine: &Engine, claimed: &ClaimedDelivery, attempt: &Attempt, sign: Sign) -> Option<Streak> {
        let now = engine.clock.now();
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.forget(now.before(engine.settings.visibility));
        let seen = watched.seen.entry(claimed.endpoint_id).or_default();
        seen.note(sign, claimed.delivery_id, attempt.started_at, now, engine.settings.failing_after)
    }
}

impl Watched {
    /// Forgets what is past, as no attempt takes longer than since `then`, whenever there is twice as much as was left last time.
    fn forget(&mut self, then: Timestamp) {
        if self.seen.len() >= FORGET_AT.max(2 * self.kept) {
            self.seen.retain(|_, seen| !seen.is_past(then));
            self.kept = self.seen.len();
        }
    }
}

/// Notes what a recorded attempt says of its endpoint, and marks, reopens or goes on probing it. When the database is
/// away nothing is lost: failures go on, and a probe's claim ends.
pub(crate) async fn watch_health(engine: &Engine, claimed: &ClaimedDelivery, attempt: &Attempt) {
    let sign = Sign::of(attempt.outcome, attempt.status);
    let done = match claimed.probes {
        Some(failed) => conclude_probe(engine, claimed, attempt, sign, failed).await,
        None => match engine.health.note(engine, claimed, attempt, sign) {
            Some(streak) => mark_failing(engine, claimed.endpoint_id, streak, attempt).await,
            None => Ok(()),
        },
    };
    if let Err(error) = done {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(endpoint.id = %claimed.endpoint_id, error, "the endpoint's health could not be written");
    }
}

async fn mark_failing(engine: &Engine, id: EndpointId, streak: Streak, last: &Attempt) -> Result<(), StoreError> {
    let why = format!("{} attempts in a row failed; the last: {}", streak.attempts(), last.outcome.in_words());
    if engine.ledger.mark_failing(id, streak.since, &why, &actor(engine)).await? {
        counter!("paybell_endpoint_health_changes_total", "to" => "failing").increment(1);
        tracing::warn!(endpoint.id = %id, why, "the endpoint fails; from now on it is only probed");
        match engine.queue.drop_lane(id).await {
            Ok(jobs) => drop(tokio::spawn(take_back(engine.clone(), jobs))),
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "what waits for it is taken in vain");
            }
        }
    }
    Ok(())
}

async fn conclude_probe(
    engine: &Engine,
    claimed: &ClaimedDelivery,
    attempt: &Attempt,
    sign: Sign,
    failed: u32,
) -> Result<(), StoreError> {
    let id = claimed.endpoint_id;
    if sign != Sign::Answers {
        counter!("paybell_probes_total", "result" => "failed").increment(1);
        // Counted from the probe's beginning: one that was left hanging has waited long enough.
        let next_at = (attempt.started_at + probe_after(failed + 1)).max(engine.clock.now() + PAUSE_MIN);
        return engine.ledger.postpone_probe(id, claimed.delivery_id, next_at).await;
    }
    counter!("paybell_probes_total", "result" => "answered").increment(1);
    engine.health.note(engine, claimed, attempt, sign);
    if engine.ledger.reopen(id, &actor(engine)).await? {
        counter!("paybell_endpoint_health_changes_total", "to" => "answering").increment(1);
        tracing::info!(endpoint.id = %id, "the endpoint answers again");
    }
    Ok(())
}

fn actor(engine: &Engine) -> Actor {
    Actor { name: ENGINE.to_owned(), now: engine.clock.now() }
}
