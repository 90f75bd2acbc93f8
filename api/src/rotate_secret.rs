//! `POST /v1/endpoints/{id}/rotate-secret`: a new secret, with an overlap in which the earlier ones sign too.

use crate::Api;
use crate::authenticate::Caller;
use crate::endpoint_body::{EndpointBody, EndpointWithSecret};
use crate::endpoints::{not_found, unknown_dialect};
use crate::problem::Answer;
use crate::read_body::{JsonBody, PathId};
use crate::read_fields::Fields;
use axum::extract::State;
use axum::{Extension, Json};
use paybell_delivery::{EndpointId, Timestamp};
use paybell_dialects::Dialect;
use paybell_store::manage::Secret;
use std::time::Duration;
use utoipa::ToSchema;

/// How the secret is rotated.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes for the OpenAPI document what Fields reads")]
pub(crate) struct RotateRequest {
    /// How long the earlier secrets sign too, in seconds: 7 days at most.
    #[schema(minimum = 0, maximum = 604800, default = 86400)]
    overlap_s: Option<u32>,
    /// A secret of your own, in the dialect's form; one is made where nothing is said.
    secret: Option<String>,
}

const OVERLAP_S_DEFAULT: i64 = 24 * 3600;
const OVERLAP_S_MAX: i64 = 7 * 24 * 3600;

/// Rotate an endpoint's secret.
///
/// The answer holds the new secret, which is never shown again. During the overlap both sign.
#[utoipa::path(post, path = "/v1/endpoints/{id}/rotate-secret", tag = "management", request_body = Option<RotateRequest>,
    params(("id" = uuid::Uuid, Path, description = "The endpoint")),
    responses((status = 200, description = "The endpoint with its new secret", body = EndpointWithSecret)))]
pub(crate) async fn rotate_secret(
    State(api): State<Api>,
    PathId(id): PathId<EndpointId>,
    Extension(caller): Extension<Caller>,
    body: Option<JsonBody>,
) -> Answer<Json<EndpointWithSecret>> {
    let json = body.as_ref().map_or(b"{}".as_slice(), |JsonBody(json)| json);
    let mut fields = Fields::read(json, &["overlap_s", "secret"])?;
    let overlap_s = fields.integer("overlap_s", 0..=OVERLAP_S_MAX).unwrap_or(OVERLAP_S_DEFAULT);
    let endpoint = api.ledger().endpoint(id).await?.ok_or_else(|| not_found(id))?;
    let dialect = api.dialect(&endpoint.dialect).await?.ok_or_else(|| unknown_dialect(&endpoint))?;
    let is_private = api.public_key_of(&api.ledger().endpoint_for_attempt(id).await?).is_some();
    let secret = given_or_new_secret(&mut fields, &dialect, is_private);
    let value = fields.finish_with(secret)?;
    let now = api.state.clock.now();
    let earlier_end_at = now + Duration::from_secs(overlap_s.unsigned_abs());
    let actor = caller.at(now);
    let endpoint = api.ledger().rotate_secret(id, &secret_made_at(&value, now), earlier_end_at, &actor).await?;
    let endpoint = EndpointBody::with_public_key(endpoint, dialect.public_key(&value));
    Ok(Json(EndpointWithSecret { endpoint, secret: value }))
}

/// The secret that was sent, if the dialect can use it, or a new one: a private key where `is_private`, so that those who
/// verify by its public key go on doing so.
pub(crate) fn given_or_new_secret(fields: &mut Fields<'_>, dialect: &Dialect, is_private: bool) -> Option<String> {
    if !fields.has_value("secret") {
        let private_key = is_private.then(|| dialect.new_private_key(&rand::random())).flatten();
        return Some(private_key.unwrap_or_else(|| dialect.new_secret(&rand::random())));
    }
    let secret = fields.text("secret", 1..=512)?;
    match dialect.check_secret(&secret) {
        Ok(()) => Some(secret.into_owned()),
        Err(refused) => {
            fields.wrong("secret", refused.to_string());
            None
        }
    }
}

/// A secret as it is kept.
pub(crate) fn secret_made_at(value: &str, now: Timestamp) -> Secret {
    Secret { value: value.into(), created_at: now, ends_at: None }
}
