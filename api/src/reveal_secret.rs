//! `POST /v1/endpoints/{id}/reveal-secret`: the secrets that sign now. Each look leaves its trace in the audit.

use crate::Api;
use crate::authenticate::Caller;
use crate::problem::Answer;
use crate::read_body::PathId;
use axum::extract::State;
use axum::{Extension, Json};
use http::header::{CACHE_CONTROL, HeaderName};
use paybell_delivery::{EndpointId, Timestamp};
use paybell_store::manage::Secret;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

/// The secrets that sign now: the current one, and the earlier ones that are still in their overlap.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevealedSecrets {
    secrets: Vec<RevealedSecret>,
}

/// A secret that signs.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevealedSecret {
    secret: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// Until when it signs; `null` for the current one.
    #[schema(format = DateTime)]
    ends_at: Option<String>,
}

impl From<Secret> for RevealedSecret {
    fn from(secret: Secret) -> Self {
        Self {
            secret: secret.value.expose_secret().to_owned(),
            created_at: secret.created_at.to_rfc3339(),
            ends_at: secret.ends_at.map(Timestamp::to_rfc3339),
        }
    }
}

/// Reveal an endpoint's secrets. The audit keeps who did.
#[utoipa::path(post, path = "/v1/endpoints/{id}/reveal-secret", tag = "management",
    params(("id" = uuid::Uuid, Path, description = "The endpoint")),
    responses((status = 200, description = "Its secrets, the current one first", body = RevealedSecrets)))]
pub(crate) async fn reveal_secret(
    State(api): State<Api>,
    PathId(id): PathId<EndpointId>,
    Extension(caller): Extension<Caller>,
) -> Answer<([(HeaderName, &'static str); 1], Json<RevealedSecrets>)> {
    let mut secrets = api.ledger().reveal_secrets(id, &caller.at(api.state.clock.now())).await?;
    secrets.sort_by_key(|secret| std::cmp::Reverse((secret.ends_at.is_none(), secret.created_at)));
    let secrets = secrets.into_iter().map(RevealedSecret::from).collect();
    Ok(([(CACHE_CONTROL, "no-store")], Json(RevealedSecrets { secrets })))
}
