//! `GET /v1/deliveries/{id}/request`: what is sent, rendered again, so that a merchant can compare it with what it got.

use crate::problem::{Answer, Problem};
use crate::read_body::PathId;
use crate::try_dialect::{TriedHeader, TriedRequest, shown};
use crate::{Api, Served};
use axum::Json;
use axum::extract::State;
use paybell_delivery::{DeliveryId, Timestamp};
use paybell_dialects::Signing;
use paybell_store::manage::DeliveryView;
use paybell_store::{WordedPayment, attempt_headers};
use serde::Serialize;
use utoipa::ToSchema;

/// The request of a delivery's last attempt, or of its first one where none was begun. It is rendered from the endpoint's
/// settings and secrets of now: where those changed since, it differs from what was sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct RequestShown {
    /// Which attempt's.
    attempt: u32,
    /// The moment of which it is signed.
    #[schema(format = DateTime)]
    signed_at: String,
    #[serde(flatten)]
    request: TriedRequest,
}

/// A delivery's request: method, URL, headers and body as they are sent. No secret stands in it.
#[utoipa::path(get, path = "/v1/deliveries/{id}/request", tag = "state",
    params(("id" = uuid::Uuid, Path, description = "The delivery's id")),
    responses((status = 200, description = "The request", body = RequestShown)))]
pub(crate) async fn show_request(State(api): State<Api>, PathId(id): PathId<DeliveryId>) -> Answer<Json<RequestShown>> {
    let now = api.state.clock.now();
    let view = api.ledger().delivery(id, now).await?;
    let view = view.ok_or_else(|| Problem::not_found(format!("there is no delivery {id}")))?;
    let (attempt, signed_at) = last_attempt(&view, now);
    let mut request = rendered(&api, &view, signed_at).await?;
    let own = attempt_headers(id, attempt).map(|(name, value)| TriedHeader { name, value });
    request.headers.extend(own);
    Ok(Json(RequestShown { attempt, signed_at: signed_at.to_rfc3339(), request }))
}

/// The last attempt that was begun, and when; the first one, now, where there was none.
fn last_attempt(view: &DeliveryView, now: Timestamp) -> (u32, Timestamp) {
    let finished = view.attempts.last().map(|last| (last.number, last.started_at));
    view.in_flight.or(finished).unwrap_or((view.delivery.attempts.max(1), now))
}

async fn rendered(api: &Served, view: &DeliveryView, signed_at: Timestamp) -> Answer<TriedRequest> {
    let found = api.ledger().endpoint_for_attempt(view.delivery.endpoint_id).await?;
    let dialect = api.dialects.of_endpoint(&found)?;
    let worded = WordedPayment::new(&view.payment);
    let secrets = found.secrets_at(signed_at);
    let parameters = &found.endpoint.parameters;
    let signing = Signing { secrets: &secrets, parameters, unix_seconds: signed_at.unix_seconds() };
    let rendered = dialect.render(&worded.notification(), &signing);
    let rendered = rendered.map_err(|error| Problem::conflict(format!("nothing can be sent: {error}")))?;
    Ok(shown(rendered, &found.endpoint.url))
}
