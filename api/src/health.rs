//! `GET /healthz`, `GET /readyz` and `GET /metrics`: for those who watch the process.

use crate::{Api, Served};
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use paybell_store::manage::Sum;
use serde::Serialize;
use std::time::Duration;
use tokio::time::timeout;
use utoipa::ToSchema;

/// A part that does not answer for so long counts as gone.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Whether payments can be accepted, and whether they are passed on.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether payments can be accepted: the database answers.
    ready: bool,
    database: DatabaseState,
    queue: QueueState,
}

/// The database, without which nothing can be accepted.
#[derive(Serialize, ToSchema)]
pub(crate) struct DatabaseState {
    answers: bool,
    /// Pending deliveries, counted to 10,000; `null` when the database does not answer.
    pending: Option<u64>,
}

/// The queue, without which deliveries are later but not lost.
#[derive(Serialize, ToSchema)]
pub(crate) struct QueueState {
    answers: bool,
    /// How many deliveries wait in it.
    depth: Option<u64>,
    /// Whether a dispatcher finds what is due and workers ask for it; `null` when that cannot be told.
    consumed: Option<bool>,
    /// How long ago a worker last asked, in seconds; `null` when none did.
    last_turn_s: Option<f64>,
    /// How long the oldest due delivery has been due, in seconds.
    oldest_due_s: Option<f64>,
}

/// Whether the process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operation",
    responses((status = 200, description = "Alive", body = String, content_type = "text/plain")))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether payments can be accepted.
///
/// It also says when what was accepted is not passed on, which is no reason to accept less: nothing is lost.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, description = "Payments can be accepted", body = Readiness),
    (status = 503, description = "Payments cannot be accepted", body = Readiness),
))]
pub(crate) async fn readyz(State(api): State<Api>) -> impl IntoResponse {
    let readiness = readiness(&api).await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

async fn readiness(api: &Served) -> Readiness {
    let state = &api.state;
    let gauges = timeout(ANSWER_WITHIN, state.ledger.gauges(state.clock.now(), Sum::COUNT_MAX));
    let depth = timeout(ANSWER_WITHIN, state.queue.depth());
    let last_turn = timeout(ANSWER_WITHIN, state.queue.last_turn());
    let (gauges, depth, last_turn) = tokio::join!(gauges, depth, last_turn);
    let gauges = gauges.ok().and_then(Result::ok);
    let depth = depth.ok().and_then(Result::ok);
    let last_turn = last_turn.ok().and_then(Result::ok);
    let soon = |age: Duration| age <= state.settings.ready_max;
    let consumed = last_turn.zip(gauges).map(|(turned, gauges)| turned.is_some_and(soon) && soon(gauges.oldest_due));
    Readiness {
        ready: gauges.is_some(),
        database: DatabaseState { answers: gauges.is_some(), pending: gauges.map(|gauges| gauges.pending) },
        queue: QueueState {
            answers: depth.is_some(),
            depth,
            consumed,
            last_turn_s: last_turn.flatten().map(|age| age.as_secs_f64()),
            oldest_due_s: gauges.map(|gauges| gauges.oldest_due.as_secs_f64()),
        },
    }
}

/// The metrics, as Prometheus text.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain")))]
pub(crate) async fn metrics_text(State(api): State<Api>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (api.state.metrics_text)())
}
