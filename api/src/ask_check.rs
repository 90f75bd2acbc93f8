//! `POST /v1/checks`: read → ask once → record → answer.

use crate::Api;
use crate::answer_once::{Outcome, answer_once};
use crate::problem::{Answer, Problem, ProblemBody};
use crate::read_body::JsonBody;
use crate::validate_check::{CheckRequest, asked_from_json};
use axum::Json;
use axum::extract::State;
use paybell_delivery::{Check, CheckId, EndpointId};
use serde::Serialize;
use utoipa::ToSchema;

/// What the merchant said to a payment that is about to be made.
#[derive(Serialize, ToSchema)]
#[schema(as = CheckAnswer)]
pub(crate) struct CheckAnswerBody {
    /// Paybell's id of the check.
    #[schema(value_type = uuid::Uuid)]
    id: CheckId,
    /// `allow`: go on. `refuse`: the merchant does not take the payment. `unavailable`: nothing is known, so the payment
    /// must stop.
    answer: &'static str,
    /// Which rule decided, in words; `not required` where nobody had to be asked.
    reason: String,
    /// The merchant's code.
    code: Option<String>,
    /// The merchant's words.
    comment: Option<String>,
    /// The endpoint that was asked.
    #[schema(value_type = Option<uuid::Uuid>)]
    endpoint: Option<EndpointId>,
    /// How long it took, in milliseconds.
    duration_ms: u64,
    /// When it was asked (RFC 3339).
    #[schema(format = DateTime)]
    asked_at: String,
}

impl From<&Check> for CheckAnswerBody {
    fn from(check: &Check) -> Self {
        Self {
            id: check.id,
            answer: check.answer.as_str(),
            reason: check.reason.clone(),
            code: check.code.clone(),
            comment: check.comment.clone(),
            endpoint: check.endpoint_id,
            duration_ms: u64::try_from(check.duration.as_millis()).unwrap_or(u64::MAX),
            asked_at: check.asked_at.to_rfc3339(),
        }
    }
}

/// Ask a merchant before a payment.
///
/// One request goes to the check URL of the merchant's endpoint, in its dialect, within a strict time limit in all. Any
/// other answer than `allow` must stop the payment. An endpoint that is paused or failing is asked all the same: the
/// question is the payer's, not a delivery. A merchant without a check URL is not asked: `allow`, `not required`. Each
/// check is recorded before it is answered. Idempotent by merchant and key for a while; an answer of `unavailable` too,
/// so ask again with another key.
#[utoipa::path(post, path = "/v1/checks", tag = "checks", request_body = CheckRequest, responses(
    (status = 200, description = "Asked, or asked before with the same key and content", body = CheckAnswerBody),
    (status = 409, description = "Asked before with the same key and other content; `fields` says which differ", body = ProblemBody),
    (status = 422, description = "A field breaks a rule", body = ProblemBody),
    (status = 503, description = "The database is away: nothing is known, so the payment must stop", body = ProblemBody),
))]
pub(crate) async fn ask_check(State(api): State<Api>, JsonBody(json): JsonBody) -> Answer<Json<CheckAnswerBody>> {
    let asked = asked_from_json(&json)?;
    match answer_once(&api, asked).await {
        Outcome::Answered(check) => Ok(Json(CheckAnswerBody::from(&*check))),
        Outcome::Differs(id, fields) => Err(Problem::check_differs(id.to_string(), fields)),
        Outcome::UnknownMerchant => Err(Problem::field("merchant", "must be the id of a merchant that exists")),
        Outcome::UnknownEndpoint => {
            Err(Problem::field("endpoint", "must be the id of one of the merchant's endpoints"))
        }
        Outcome::Failed(error) => Err(error.into()),
        Outcome::Broken => Err(Problem::internal()),
    }
}
