//! `POST /v1/payments`: validate → accept (committed) → answer, and the new deliveries go to the queue.

use crate::problem::{Answer, Problem};
use crate::read_body::JsonBody;
use crate::validate_payment::{PaymentRequest, payment_from_json};
use crate::{Api, Served};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use metrics::{counter, histogram};
use paybell_delivery::{DeliveryId, EndpointId, Payment, PaymentId, Timestamp};
use paybell_store::engine::Accepted;
use serde::Serialize;
use std::time::Instant;
use utoipa::ToSchema;

/// The answer to an accepted payment.
#[derive(Serialize, ToSchema)]
pub(crate) struct AcceptedPayment {
    /// Paybell's id of the payment.
    #[schema(value_type = uuid::Uuid)]
    payment_id: PaymentId,
    /// The merchant.
    merchant: String,
    /// The gateway's own id.
    id: String,
    /// When it was accepted (RFC 3339).
    #[schema(format = DateTime)]
    accepted_at: String,
    /// The deliveries that were made of it: one for each endpoint of the merchant.
    deliveries: Vec<AcceptedDelivery>,
}

/// A delivery that acceptance made.
#[derive(Serialize, ToSchema)]
pub(crate) struct AcceptedDelivery {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    id: DeliveryId,
    /// Its endpoint.
    #[schema(value_type = uuid::Uuid)]
    endpoint: EndpointId,
    /// Its state at acceptance: `pending`. Where it stands now, `GET /v1/payments/{id}` tells.
    state: &'static str,
}

/// Accept a payment.
///
/// Answers after the commit: from then on each endpoint of the merchant is told, at least once, until it acknowledges
/// or the deadline passes. Idempotent by merchant and id: the same payment again gives the same answer, with 200.
#[utoipa::path(post, path = "/v1/payments", tag = "intake", request_body = PaymentRequest, responses(
    (status = 202, description = "Accepted and committed", body = AcceptedPayment),
    (status = 200, description = "Accepted before, with the same content", body = AcceptedPayment),
    (status = 400, description = "Not a sound JSON object", body = crate::problem::ProblemBody),
    (status = 409, description = "Accepted before with other content; `fields` says which differ", body = crate::problem::ProblemBody),
    (status = 413, description = "Longer than 64 KiB", body = crate::problem::ProblemBody),
    (status = 422, description = "A field breaks a rule", body = crate::problem::ProblemBody),
))]
pub(crate) async fn accept_payment(State(api): State<Api>, body: Answer<JsonBody>) -> Answer<Response> {
    let started = Instant::now();
    let answer = match body {
        Ok(JsonBody(json)) => accept_one(&api, &json).await,
        Err(problem) => Err(problem),
    };
    count_result(&answer);
    histogram!("paybell_intake_duration_seconds").record(started.elapsed());
    let (status, payment) = answer?;
    Ok((status, Json(payment)).into_response())
}

/// Accepts one payment and leaves its deliveries to the queue.
pub(crate) async fn accept_one(api: &Served, json: &[u8]) -> Answer<(StatusCode, AcceptedPayment)> {
    let payment = payment_from_json(json, api.state.clock.now())?;
    let names = (payment.merchant_id.to_string(), payment.gateway_payment_id.clone());
    match accept(api, payment).await? {
        Accepted::New { payment_id, jobs, closed, accepted_at, .. } => {
            // The others were claimed ahead, or nobody may claim them now.
            api.pusher.enqueue(jobs.iter().filter(|job| job.attempts == 0 && !closed.contains(&job.delivery_id)));
            let deliveries = jobs.iter().map(|job| (job.delivery_id, job.endpoint_id));
            Ok((StatusCode::ACCEPTED, accepted_payment(payment_id, names, accepted_at, deliveries)))
        }
        Accepted::Same { payment_id, delivery_ids, accepted_at } => {
            Ok((StatusCode::OK, accepted_payment(payment_id, names, accepted_at, delivery_ids.into_iter())))
        }
        Accepted::Differs { payment_id, fields } => Err(Problem::differs(payment_id.to_string(), fields)),
        Accepted::UnknownMerchant => Err(Problem::field("merchant", "must be the id of a merchant that exists")),
    }
}

async fn accept(api: &Served, payment: Payment) -> Answer<Accepted> {
    api.state.coalesced.accept(payment).await.map_err(Problem::from)
}

fn accepted_payment(
    payment_id: PaymentId,
    (merchant, id): (String, String),
    accepted_at: Timestamp,
    deliveries: impl Iterator<Item = (DeliveryId, EndpointId)>,
) -> AcceptedPayment {
    let deliveries = deliveries.map(|(id, endpoint)| AcceptedDelivery { id, endpoint, state: "pending" }).collect();
    AcceptedPayment { payment_id, merchant, id, accepted_at: accepted_at.to_rfc3339(), deliveries }
}

/// Counts what became of a payment.
pub(crate) fn count_result(answer: &Answer<(StatusCode, AcceptedPayment)>) {
    let status = match answer {
        Ok((status, _)) => *status,
        Err(problem) => problem.status(),
    };
    let result = match status {
        StatusCode::ACCEPTED => "accepted",
        StatusCode::OK => "same",
        StatusCode::CONFLICT => "differs",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        status if status.is_client_error() => "invalid",
        _ => "failed",
    };
    counter!("paybell_intake_requests_total", "result" => result).increment(1);
}
