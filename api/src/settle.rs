//! `POST /v1/deliveries/{id}/settle`: a person ends a delivery by hand.

use crate::Api;
use crate::authenticate::Caller;
use crate::problem::{Answer, ProblemBody};
use crate::read_body::{JsonBody, PathId};
use crate::read_deliveries::{DeliveryWithAttempts, delivery_now};
use crate::read_fields::Fields;
use axum::extract::State;
use axum::{Extension, Json};
use metrics::counter;
use paybell_delivery::DeliveryId;
use paybell_delivery::State::Settled;
use utoipa::ToSchema;

/// Who settles, and why.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes for the OpenAPI document what Fields reads")]
pub(crate) struct SettleRequest {
    /// Who settles it.
    #[schema(min_length = 1, max_length = 128)]
    who: String,
    /// Why, or how the merchant was told instead.
    #[schema(min_length = 1, max_length = 1024)]
    note: String,
}

/// Settle a delivery that is pending or undelivered.
#[utoipa::path(post, path = "/v1/deliveries/{id}/settle", tag = "acts",
    params(("id" = uuid::Uuid, Path, description = "The delivery")),
    request_body = SettleRequest,
    responses(
        (status = 200, description = "The settled delivery", body = DeliveryWithAttempts),
        (status = 409, description = "It is delivered or settled already", body = ProblemBody),
    )
)]
pub(crate) async fn settle(
    State(api): State<Api>,
    PathId(id): PathId<DeliveryId>,
    Extension(caller): Extension<Caller>,
    JsonBody(json): JsonBody,
) -> Answer<Json<DeliveryWithAttempts>> {
    let mut fields = Fields::read(&json, &["who", "note"])?;
    let who = fields.text("who", 1..=128);
    let who = fields.required("who", who);
    let note = fields.text("note", 1..=1024);
    let note = fields.required("note", note);
    let (who, note) = fields.finish_with(who.zip(note))?;
    api.ledger().settle(id, &who, &note, &caller.at(api.state.clock.now())).await?;
    counter!("paybell_deliveries_finished_total", "state" => Settled.as_str(), "reason" => "").increment(1);
    delivery_now(&api, id).await.map(Json)
}
