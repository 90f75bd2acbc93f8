//! What attempts say of their endpoints: one that goes on failing is only probed, until it answers.

use crate::Engine;
use metrics::counter;
use paybell_delivery::{Attempt, DeliveryId, EndpointId, Sign, Streak, Timestamp, probe_after};
use paybell_store::StoreError;
use paybell_store::engine::ClaimedDelivery;
use paybell_store::manage::Actor;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Who stands in the audit for what the engine does by itself.
const ENGINE: &str = "paybell";
/// The shortest pause between a probe that failed and the next.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// The endpoints that failed since this process last saw an answer of theirs.
#[derive(Debug, Default)]
pub struct HealthWatch(Mutex<HashMap<EndpointId, Streak>>);

impl HealthWatch {
    /// Notes what an attempt says; answers the failures in a row by which the endpoint now counts as failing.
    fn note(
        &self,
        endpoint: EndpointId,
        delivery: DeliveryId,
        sign: Sign,
        now: Timestamp,
        patience: Duration,
    ) -> Option<Streak> {
        let mut streaks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (sign, streaks.entry(endpoint)) {
            (Sign::Fails, Entry::Vacant(vacant)) => {
                vacant.insert(Streak::begin(delivery, now));
                None
            }
            (Sign::Fails, Entry::Occupied(mut streak)) => {
                streak.get_mut().go_on(delivery);
                streak.get().is_failing(now, patience).then(|| streak.remove())
            }
            (Sign::Answers, Entry::Occupied(streak)) => {
                streak.remove();
                None
            }
            (Sign::Answers | Sign::Nothing, _) => None,
        }
    }
}

/// Notes what a recorded attempt says of its endpoint, and marks, reopens or goes on probing it. When the database is
/// away nothing is lost: failures go on, and a probe's claim ends.
pub(crate) async fn watch_health(engine: &Engine, claimed: &ClaimedDelivery, attempt: &Attempt) {
    let sign = Sign::of(attempt.outcome, attempt.status);
    let done = match claimed.probes {
        Some(failed) => conclude_probe(engine, claimed, attempt, sign, failed).await,
        None => {
            let (endpoint, now) = (claimed.endpoint_id, engine.clock.now());
            let watch = &engine.health;
            match watch.note(endpoint, claimed.delivery_id, sign, now, engine.settings.failing_after) {
                Some(streak) => mark_failing(engine, endpoint, streak, attempt).await,
                None => Ok(()),
            }
        }
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
    if engine.ledger.reopen(id, &actor(engine)).await? {
        counter!("paybell_endpoint_health_changes_total", "to" => "answering").increment(1);
        tracing::info!(endpoint.id = %id, "the endpoint answers again");
    }
    Ok(())
}

fn actor(engine: &Engine) -> Actor {
    Actor { name: ENGINE.to_owned(), now: engine.clock.now() }
}
