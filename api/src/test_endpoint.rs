//! `POST /v1/endpoints/{id}/test`: a test notification, sent in the same way as money.

use crate::Api;
use crate::authenticate::Caller;
use crate::endpoints::not_found;
use crate::problem::Answer;
use crate::read_body::{JsonBody, PathId};
use crate::read_fields::Fields;
use crate::validate_payment::{KIND_RULE, kind};
use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use paybell_delivery::{DeliveryId, EndpointId, MerchantId, Money, Payment, PaymentId, Timestamp};
use paybell_store::id_at;
use serde::Serialize;
use utoipa::ToSchema;

/// What kind of notification to send.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes for the OpenAPI document what Fields reads")]
pub(crate) struct TestRequest {
    /// What happened, as a payment says it: `payment.confirmed` and the like. `test` is set all the same.
    #[schema(default = "endpoint.test", min_length = 1, max_length = 64)]
    r#type: Option<String>,
}

/// The test payment and its one delivery.
#[derive(Serialize, ToSchema)]
pub(crate) struct TestSent {
    #[schema(value_type = Uuid)]
    payment_id: PaymentId,
    #[schema(value_type = Uuid)]
    delivery_id: DeliveryId,
}

/// Send a test notification to an endpoint.
///
/// It is a payment of its own with `test` set, told to this endpoint alone and retried like any other.
#[utoipa::path(post, path = "/v1/endpoints/{id}/test", tag = "acts", request_body = Option<TestRequest>,
    params(("id" = Uuid, Path, description = "The endpoint")),
    responses((status = 202, description = "Accepted", body = TestSent)))]
pub(crate) async fn test_endpoint(
    State(api): State<Api>,
    PathId(id): PathId<EndpointId>,
    Extension(caller): Extension<Caller>,
    body: Option<JsonBody>,
) -> Answer<(StatusCode, Json<TestSent>)> {
    let mut fields = Fields::read(body.as_ref().map_or(b"{}".as_slice(), |JsonBody(json)| json), &["type"])?;
    let kind = fields.parsed("type", kind, KIND_RULE).unwrap_or_else(|| "endpoint.test".to_owned());
    fields.finish()?;
    let endpoint = api.ledger().endpoint(id).await?.ok_or_else(|| not_found(id))?;
    let terms = api.terms();
    let payment = test_payment(endpoint.merchant_id, kind, terms.now)?;
    let job = api.ledger().accept_test(id, &payment, &terms, &caller.at(terms.now)).await?;
    api.pusher.enqueue(&[job]);
    Ok((StatusCode::ACCEPTED, Json(TestSent { payment_id: payment.id, delivery_id: job.delivery_id })))
}

fn test_payment(merchant_id: MerchantId, kind: String, now: Timestamp) -> Answer<Payment> {
    let currency = "EUR".parse().map_err(|_| crate::problem::Problem::internal())?;
    let id = id_at(now);
    Ok(Payment {
        id: PaymentId(id),
        merchant_id,
        gateway_payment_id: format!("test-{id}"),
        kind,
        pay_for: None,
        amount: Money { amount_minor: 100, currency },
        balance: None,
        method: None,
        description: Some("A test notification of Paybell: no money was paid".to_owned()),
        payer_email: None,
        payer_phone: None,
        data: None,
        confirmed_at: now,
        accepted_at: now,
        test: true,
    })
}
