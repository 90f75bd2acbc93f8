//! `GET /healthz`, `GET /readyz` and `GET /metrics`: for those who watch the process.

use crate::{Api, Served};
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::CONTENT_TYPE;
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
    /// Pending deliveries, counted to 100,000; `null` when the database does not answer.
    pending: Option<u64>,
}

/// The queue, without which deliveries are later but not lost.
#[derive(Serialize, ToSchema)]
pub(crate) struct QueueState {
    answers: bool,
    /// How many deliveries wait in it.
    depth: Option<u64>,
    /// Whether what is due is taken; `null` when the database cannot say.
    consumed: Option<bool>,
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
    let gauges = timeout(ANSWER_WITHIN, state.ledger.gauges(state.clock.now()));
    let depth = timeout(ANSWER_WITHIN, state.queue.depth());
    let (gauges, depth) = tokio::join!(gauges, depth);
    let gauges = gauges.ok().and_then(Result::ok);
    let depth = depth.ok().and_then(Result::ok);
    Readiness {
        ready: gauges.is_some(),
        database: DatabaseState { answers: gauges.is_some(), pending: gauges.map(|gauges| gauges.pending) },
        queue: QueueState {
            answers: depth.is_some(),
            depth,
            consumed: gauges.map(|gauges| gauges.oldest_due <= state.settings.ready_max),
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
