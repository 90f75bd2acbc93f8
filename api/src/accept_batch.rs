//! `POST /v1/payments/batch`: up to 1,000 payments, one a line, each with its own result. All lines are accepted at
//! once, so that they share a few commits; one bad line does not spoil the rest.

use crate::accept_payment::{AcceptedPayment, accept_one, count_result};
use crate::problem::{Answer, Problem, ProblemBody};
use crate::read_body::LinesBody;
use crate::{Api, BODY_BYTES_MAX, Served};
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use utoipa::ToSchema;

const LINES_MAX: usize = 1000;

/// A line's result: the answer of `POST /v1/payments` with two more members.
#[derive(Serialize, ToSchema)]
pub(crate) struct LineAccepted {
    /// The number of the line in the request, from 1.
    line: usize,
    /// The status that the payment would have got by itself: 202 or 200.
    status: u16,
    #[serde(flatten)]
    payment: AcceptedPayment,
}

/// A line's problem: the problem of `POST /v1/payments` with one more member.
#[derive(Serialize, ToSchema)]
pub(crate) struct LineRefused<'a> {
    /// The number of the line in the request, from 1.
    line: usize,
    #[serde(flatten)]
    problem: &'a ProblemBody,
}

/// Accept a batch of payments.
///
/// One payment a line (JSON lines, at most 1,000, blank ones aside); one result a line comes back, in order. Each line
/// stands for itself, and the whole batch may be repeated.
#[utoipa::path(post, path = "/v1/payments/batch", tag = "intake",
    request_body(content = String, content_type = "application/x-ndjson",
        description = "One PaymentRequest a line"),
    responses(
        (status = 200, description = "One result a line, each a LineAccepted or a LineRefused",
            body = String, content_type = "application/x-ndjson"),
        (status = 413, description = "More than 1,000 lines or 8 MiB", body = ProblemBody),
    )
)]
pub(crate) async fn accept_batch(State(api): State<Api>, LinesBody(body): LinesBody) -> Answer<Response> {
    let lines = lines_of(&body);
    if lines.len() > LINES_MAX {
        return Err(Problem::too_large("a batch may have 1,000 lines"));
    }
    let results = join_all(lines.into_iter().map(|(number, line)| result_of(&api, number, line))).await;
    let text = Bytes::from(results.concat());
    Ok((StatusCode::OK, [(CONTENT_TYPE, "application/x-ndjson")], text).into_response())
}

/// The lines with their numbers, without the blank ones.
fn lines_of(body: &[u8]) -> Vec<(usize, &[u8])> {
    let numbered = body.split(|byte| *byte == b'\n').enumerate();
    numbered.map(|(index, line)| (index + 1, line.trim_ascii())).filter(|(_, line)| !line.is_empty()).collect()
}

async fn result_of(api: &Served, number: usize, line: &[u8]) -> Vec<u8> {
    let answer = if line.len() > BODY_BYTES_MAX {
        Err(Problem::too_large("a line may have 64 KiB"))
    } else {
        accept_one(api, line).await
    };
    count_result(&answer);
    let json = match answer {
        Ok((status, payment)) => serde_json::to_vec(&LineAccepted { line: number, status: status.as_u16(), payment }),
        Err(problem) => serde_json::to_vec(&LineRefused { line: number, problem: problem.body() }),
    };
    // Strings and integers always serialise.
    let mut result = json.unwrap_or_default();
    result.push(b'\n');
    result
}
