//! One attempt: from its claim to the merchant's answer, and its record.

use crate::Engine;
use crate::claim_batch::place_left;
use crate::load_endpoint::LoadedEndpoint;
use crate::render_notification::Telling;
use crate::watch_health::watch_health;
use metrics::{counter, histogram};
use paybell_abort::AbortPoint;
use paybell_delivery::{Attempt, Decision, Outcome, Reason, Schedule, Situation, State, Timestamp, decide};
use paybell_dialects::Verdict;
use paybell_outbound::{Answer, Failure};
use paybell_store::StoreError;
use paybell_store::engine::{ClaimedDelivery, RecordAttempt, Recorded};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long after its claim an attempt may begin without another look at the claim.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// What is kept in mind of an answer until the attempt is recorded.
struct Judged {
    outcome: Outcome,
    detail: String,
    status: Option<u16>,
    head: Option<String>,
    body: Option<Vec<u8>>,
    retry_after: Option<Duration>,
}

/// Attempts a delivery; answers what is to be recorded of it, if anything is.
pub(crate) async fn attempt_claimed(
    engine: &Engine,
    claimed: &ClaimedDelivery,
    taken_at: Instant,
) -> Option<RecordAttempt> {
    let loaded = match engine.endpoints.load(&engine.coalesced, claimed).await {
        Ok(loaded) => loaded,
        Err(error) => return unloaded(engine, claimed, &error),
    };
    if was_lost(engine, claimed).await {
        return Some(nothing_sent(engine, claimed, "nothing was sent: the claim was lost before".to_owned()));
    }
    let started_at = engine.clock.now();
    let time_limit = time_limit(engine, &loaded, claimed, started_at).min(place_left(engine, taken_at));
    if time_limit.is_zero() {
        // A process that was held up: by now somebody else may have delivered it, or a person settled it.
        return Some(nothing_sent(engine, claimed, "nothing was sent: the worker came too late".to_owned()));
    }
    let begun = Instant::now();
    let telling = Telling::new(claimed, &loaded, started_at);
    let judged = match telling.render(time_limit) {
        Ok((request, signatures)) => {
            let exchange = engine.outbound.send(request).await;
            AbortPoint::Answered.reach();
            judge(&telling, exchange, &signatures)
        }
        Err(error) => unsent(error.to_string()),
    };
    let duration = begun.elapsed();
    let schedule = loaded.schedule(claimed.attempt, engine.settings.schedule);
    let decision = decide_next(engine, claimed, &judged, 0, time_limit, &schedule);
    Some(to_record(engine, claimed, judged, started_at, duration, decision))
}

/// Whether somebody ended or took over the delivery since it was claimed: what was held up looks again, as nothing may
/// begin after a delivery's end. While the database is away nobody can have done so, or nearly.
async fn was_lost(engine: &Engine, claimed: &ClaimedDelivery) -> bool {
    if engine.clock.now().since(claimed.claimed_at) < LOOK_AGAIN_AFTER {
        return false;
    }
    let held = engine.coalesced.still_claimed(claimed.delivery_id, claimed.attempt).await;
    held.is_ok_and(|held| !held)
}

/// The attempt's limit: the endpoint's, its dialect's or the engine's, ended early enough to be recorded within the claim, and cut at
/// the deadline.
fn time_limit(engine: &Engine, loaded: &LoadedEndpoint, claimed: &ClaimedDelivery, now: Timestamp) -> Duration {
    let settings = &engine.settings;
    let wished = loaded.read.endpoint.time_limit.or(loaded.dialect.time_limit()).unwrap_or(settings.time_limit);
    let claim_ends_at = claimed.claimed_at + settings.visibility;
    let claim_left = claim_ends_at.before(crate::WorkerSettings::RECORD_MARGIN).since(now);
    wished.min(claim_left).min(claimed.deadline_at.since(now))
}

fn judge(telling: &Telling<'_>, exchange: Result<Answer, Failure>, signatures: &[String]) -> Judged {
    match exchange {
        Ok(answer) => {
            let (outcome, detail) = outcome_of(telling.judge(&answer));
            let confidential = telling.confidential(signatures);
            Judged {
                outcome,
                detail: confidential.redact_text(detail),
                status: Some(answer.status),
                head: Some(confidential.redact_text(answer.head)),
                body: Some(confidential.redact(answer.body.to_vec())),
                retry_after: answer.retry_after,
            }
        }
        Err(failure) => Judged { status: failure.status, ..failed(failure.outcome, failure.detail) },
    }
}

/// What a verdict is as an outcome, with the rule that decided.
fn outcome_of(verdict: Verdict) -> (Outcome, String) {
    match verdict {
        Verdict::Acknowledged { detail, warning: None } => (Outcome::Acknowledged, detail),
        Verdict::Acknowledged { detail, warning: Some(warning) } => {
            counter!("paybell_reply_signature_warnings_total").increment(1);
            (Outcome::Acknowledged, format!("{detail}; {warning}"))
        }
        Verdict::WrongStatus(detail) => (Outcome::WrongStatus, detail),
        Verdict::WrongBody(detail) => (Outcome::WrongBody, detail),
        Verdict::Postponed(detail) => (Outcome::Postponed, detail),
        Verdict::Refused { code: _, detail } => (Outcome::Refused, detail),
        Verdict::SignatureRejected(detail) => (Outcome::SignatureRejected, detail),
        Verdict::WrongReplySignature(detail) => (Outcome::WrongReplySignature, detail),
    }
}

/// An attempt of which nothing was sent, as the request could not be made.
fn unsent(why: String) -> Judged {
    failed(Outcome::Blocked, why)
}

fn failed(outcome: Outcome, detail: String) -> Judged {
    Judged { outcome, detail, status: None, head: None, body: None, retry_after: None }
}

fn decide_next(
    engine: &Engine,
    claimed: &ClaimedDelivery,
    judged: &Judged,
    panics: u32,
    time_limit: Duration,
    schedule: &Schedule,
) -> Decision {
    let situation = Situation {
        attempt: claimed.attempt,
        outcome: judged.outcome,
        retry_after: judged.retry_after,
        in_doubt: claimed.in_doubt,
        panics,
        now: engine.clock.now(),
        created_at: claimed.created_at,
        deadline_at: claimed.deadline_at,
        time_limit,
        jitter: rand::random_range(-1.0..=1.0),
    };
    decide(&situation, schedule)
}

/// The endpoint could not be read. When the database is away the claim simply runs out; when what is stored cannot be
/// used (a lost master key), that is an attempt that people must see.
fn unloaded(engine: &Engine, claimed: &ClaimedDelivery, error: &StoreError) -> Option<RecordAttempt> {
    tracing::error!(
        delivery.id = %claimed.delivery_id, endpoint.id = %claimed.endpoint_id,
        error = error as &dyn std::error::Error, "the endpoint could not be loaded"
    );
    (!error.is_transient()).then(|| nothing_sent(engine, claimed, format!("nothing was sent: {error}")))
}

fn nothing_sent(engine: &Engine, claimed: &ClaimedDelivery, why: String) -> RecordAttempt {
    let judged = unsent(why);
    let decision = decide_next(engine, claimed, &judged, 0, engine.settings.time_limit, &engine.settings.schedule);
    to_record(engine, claimed, judged, claimed.claimed_at, Duration::ZERO, decision)
}

/// A panic of this attempt, the delivery's `panics`-th.
pub(crate) fn panicked(engine: &Engine, claimed: &ClaimedDelivery, message: &str, panics: u32) -> RecordAttempt {
    let judged = failed(Outcome::Panicked, format!("the worker panicked: {message}"));
    let duration = engine.clock.now().since(claimed.claimed_at);
    let settings = &engine.settings;
    let decision = decide_next(engine, claimed, &judged, panics, settings.time_limit, &settings.schedule);
    to_record(engine, claimed, judged, claimed.claimed_at, duration, decision)
}

fn to_record(
    engine: &Engine,
    claimed: &ClaimedDelivery,
    judged: Judged,
    started_at: Timestamp,
    duration: Duration,
    decision: Decision,
) -> RecordAttempt {
    let attempt = Attempt {
        delivery_id: claimed.delivery_id,
        number: claimed.attempt,
        started_at,
        duration: Some(duration),
        outcome: judged.outcome,
        detail: judged.detail,
        status: judged.status,
        response_head: judged.head,
        response_body: judged.body,
    };
    RecordAttempt { attempt, decision, now: engine.clock.now() }
}

/// Writes the attempt down. A database that is away is asked again for as long as a claim holds: what the merchant
/// answered is worth the wait, and a record that comes late is still taken.
pub(crate) async fn record_attempt(engine: &Engine, claimed: &ClaimedDelivery, record: RecordAttempt) {
    match record_patiently(engine, &record).await {
        Ok(recorded) => {
            observe_attempt(claimed, &record.attempt);
            watch_health(engine, claimed, &record.attempt).await;
            match recorded {
                Recorded::Applied => observe_decision(claimed, record.decision, engine.clock.now()),
                Recorded::Fenced => counter!("paybell_records_fenced_total").increment(1),
            }
        }
        Err(error) => tracing::error!(
            delivery.id = %claimed.delivery_id, attempt = claimed.attempt,
            outcome = record.attempt.outcome.as_str(), error = &error as &dyn std::error::Error,
            "the attempt could not be recorded; it will show as unknown"
        ),
    }
}

async fn record_patiently(engine: &Engine, record: &RecordAttempt) -> Result<Recorded, Arc<StoreError>> {
    let give_up = Instant::now() + engine.settings.visibility;
    let mut pause = Duration::from_millis(50);
    loop {
        match engine.coalesced.record(record.clone()).await {
            Err(error) if error.is_transient() && Instant::now() + pause < give_up => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            result => return result,
        }
    }
}

fn observe_attempt(claimed: &ClaimedDelivery, attempt: &Attempt) {
    counter!("paybell_attempts_total", "outcome" => attempt.outcome.as_str()).increment(1);
    histogram!("paybell_attempt_duration_seconds").record(attempt.duration.unwrap_or_default());
    if claimed.attempt == 1 {
        histogram!("paybell_first_attempt_delay_seconds").record(attempt.started_at.since(claimed.created_at));
    }
    tracing::debug!(
        delivery.id = %claimed.delivery_id, endpoint.id = %claimed.endpoint_id, attempt = claimed.attempt,
        outcome = attempt.outcome.as_str(), status = attempt.status, "attempted"
    );
}

fn observe_decision(claimed: &ClaimedDelivery, decision: Decision, now: Timestamp) {
    let finished = |state: State, reason: &'static str| {
        counter!("paybell_deliveries_finished_total", "state" => state.as_str(), "reason" => reason).increment(1);
    };
    match decision {
        Decision::Delivered => {
            finished(State::Delivered, "");
            histogram!("paybell_acknowledgement_latency_seconds").record(now.since(claimed.created_at));
        }
        Decision::Undelivered(reason) => {
            finished(State::Undelivered, reason.as_str());
            if reason == Reason::Expired {
                counter!("paybell_expired_total").increment(1);
            }
        }
        Decision::RetryAt(_) => {}
    }
}
