//! Retention of attempts, beside the dispatcher. Any number of processes may run it.

use crate::Engine;
use metrics::counter;
use paybell_store::StoreError;
use paybell_store::engine::Kept;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The rest between two passes. There is room for a week to come, so nothing is urgent.
const EVERY: Duration = Duration::from_secs(3600);
/// The rest while there is more to let go of, so that deliveries come between, and after a failure that may pass.
const MORE_SOON: Duration = Duration::from_millis(100);
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(300);
/// How long a pass may take.
const PASS_WITHIN: Duration = Duration::from_secs(60);

/// Keeps attempts for so long and lets go of older ones, from the start on and each hour, until `stop`. What fails is
/// told, stops nothing and is tried again.
pub async fn keep_attempts(engine: Engine, kept_for: Duration, stop: CancellationToken) {
    let (mut rest, mut told) = (Duration::ZERO, None);
    while stop.run_until_cancelled(tokio::time::sleep(rest)).await.is_some() {
        let pass = engine.ledger.keep_attempts(engine.clock.now(), kept_for);
        rest = match tokio::time::timeout(PASS_WITHIN, pass).await {
            Ok(Ok(kept)) => observe(&kept, &mut told),
            Ok(Err(error)) => fail(&error, &mut told),
            Err(_) => {
                counter!("paybell_keep_attempts_errors_total").increment(1);
                tracing::warn!("looking after old attempts took too long; trying again in five minutes");
                TRY_AGAIN_AFTER
            }
        };
    }
}

/// Answers how long to rest. What a missing right prevents does not hold up the rest.
fn observe(kept: &Kept, told: &mut Option<Instant>) -> Duration {
    counter!("paybell_attempt_partitions_made_total").increment(kept.made);
    counter!("paybell_attempt_partitions_dropped_total").increment(kept.dropped);
    counter!("paybell_old_attempts_deleted_total").increment(kept.deleted);
    counter!("paybell_old_checks_deleted_total").increment(kept.checks_deleted);
    if kept.made + kept.dropped > 0 {
        tracing::info!(made = kept.made, dropped = kept.dropped, "partitions of attempts");
    }
    let rest = if kept.more { MORE_SOON } else { EVERY };
    match &kept.failed {
        None => rest,
        Some(error) if error.is_transient() => fail(error, told),
        Some(error) => fail(error, told).min(rest),
    }
}

/// Logs a failure with its cure, though not each time when passes follow soon. Answers how long to rest.
fn fail(error: &StoreError, told: &mut Option<Instant>) -> Duration {
    counter!("paybell_keep_attempts_errors_total").increment(1);
    let tell = told.is_none_or(|at| at.elapsed() >= TRY_AGAIN_AFTER);
    if tell {
        *told = Some(Instant::now());
    }
    let shown = error as &dyn std::error::Error;
    if error.is_transient() {
        if tell {
            tracing::warn!(error = shown, "old attempts were not looked after: {AWAY_OR_LOCKED}");
        }
        return TRY_AGAIN_AFTER;
    }
    if tell {
        tracing::error!(error = shown, "old attempts were not looked after: {REFUSED}");
    }
    EVERY
}

const AWAY_OR_LOCKED: &str = "the database is away, or a long transaction (a dump, a report) holds their tables; trying \
    again in five minutes";
const REFUSED: &str = "the role of database_url must own the table attempts and its partitions and be allowed to create \
    tables in its schema, and nothing else may depend on a partition; trying again in an hour";
