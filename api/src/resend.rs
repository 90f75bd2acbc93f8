//! `POST /v1/deliveries/{id}/resend`: the same payment to the same endpoint once more.

use crate::Api;
use crate::authenticate::Caller;
use crate::problem::{Answer, ProblemBody};
use crate::read_body::PathId;
use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use paybell_delivery::{DeliveryId, EndpointId};
use paybell_store::id_at;
use paybell_store::manage::NewDelivery;
use serde::Serialize;
use utoipa::ToSchema;

/// The delivery that a resend made.
#[derive(Serialize, ToSchema)]
pub(crate) struct Resent {
    #[schema(value_type = Uuid)]
    id: DeliveryId,
    /// The delivery that it repeats.
    #[schema(value_type = Uuid)]
    resend_of: DeliveryId,
    #[schema(value_type = Uuid)]
    endpoint: EndpointId,
    state: &'static str,
}

/// Resend a delivery that is not pending.
///
/// Makes a new delivery of the same payment to the same endpoint, due now, with a deadline of its own.
#[utoipa::path(post, path = "/v1/deliveries/{id}/resend", tag = "acts",
    params(("id" = Uuid, Path, description = "The delivery to repeat")),
    responses(
        (status = 201, description = "The new delivery", body = Resent),
        (status = 409, description = "It is still pending, or its endpoint is deleted", body = ProblemBody),
    )
)]
pub(crate) async fn resend(
    State(api): State<Api>,
    PathId(id): PathId<DeliveryId>,
    Extension(caller): Extension<Caller>,
) -> Answer<(StatusCode, Json<Resent>)> {
    let terms = api.terms();
    // Of its own time rather than its payment's, so that lists by id show it as the newest.
    let new = NewDelivery { id: DeliveryId(id_at(terms.now)), lifetime: terms.lifetime, grace: terms.grace };
    let job = api.ledger().resend(id, &new, &caller.at(terms.now)).await?;
    api.pusher.enqueue(&[job]);
    let resent = Resent { id: job.delivery_id, resend_of: id, endpoint: job.endpoint_id, state: "pending" };
    Ok((StatusCode::CREATED, Json(resent)))
}
