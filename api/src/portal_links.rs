//! `POST /v1/merchants/{id}/portal-links`: a link by which a merchant enters its portal, once.

use crate::Api;
use crate::authenticate::Caller;
use crate::merchants::{MerchantPath, merchant_in};
use crate::problem::Answer;
use crate::read_body::JsonBody;
use crate::read_fields::Fields;
use axum::extract::State;
use axum::{Extension, Json};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderName};
use paybell_store::manage::{PortalLink, PortalRights};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::time::Duration;
use utoipa::ToSchema;
use uuid::Uuid;

/// What the merchant may do, and how soon it must come.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes for the OpenAPI document what Fields reads")]
pub(crate) struct PortalLinkRequest {
    /// What the merchant may do besides looking; everything where nothing is said.
    rights: Option<PortalRightsRequest>,
    /// For how many seconds the link lets in; 600 where nothing is said.
    #[schema(minimum = 60, maximum = 3600)]
    lifetime_s: Option<u32>,
}

/// What a merchant may do in its portal besides looking: all that is not refused by `false`.
#[derive(ToSchema)]
#[schema(as = PortalRights)]
#[expect(dead_code, reason = "it describes for the OpenAPI document what Fields reads")]
pub(crate) struct PortalRightsRequest {
    /// Resend deliveries and send test notifications.
    resend: Option<bool>,
    /// Settle deliveries by hand.
    settle: Option<bool>,
    /// Change URLs and options of its endpoints.
    edit: Option<bool>,
    /// See and rotate its secrets.
    secrets: Option<bool>,
}

/// A link into a merchant's portal.
#[derive(Serialize, ToSchema)]
#[schema(as = PortalLink)]
pub(crate) struct PortalLinkBody {
    /// Where to send the merchant's browser. It lets in whoever opens it first.
    url: String,
    /// From then on it lets nobody in.
    #[schema(format = DateTime)]
    expires_at: String,
}

const LIFETIME_S: i64 = 600;

/// Make a link by which a merchant enters its portal.
///
/// It can be used once. Ask for one when the merchant is about to open it.
#[utoipa::path(post, path = "/v1/merchants/{id}/portal-links", tag = "management", request_body = PortalLinkRequest,
    params(("id" = String, Path, description = "The merchant")),
    responses((status = 201, description = "The link", body = PortalLinkBody)))]
pub(crate) async fn create_portal_link(
    State(api): State<Api>,
    path: MerchantPath,
    Extension(caller): Extension<Caller>,
    JsonBody(json): JsonBody,
) -> Answer<(StatusCode, [(HeaderName, &'static str); 1], Json<PortalLinkBody>)> {
    let merchant_id = merchant_in(path)?;
    let mut fields = Fields::read(&json, &["rights", "lifetime_s"])?;
    let lifetime_s = fields.integer("lifetime_s", 60..=3_600).unwrap_or(LIFETIME_S);
    let rights = fields.object("rights", 1024);
    fields.finish()?;
    let rights = rights.map_or_else(|| Ok(PortalRights::default()), read_rights)?;
    let token = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    let now = api.state.clock.now();
    let link = PortalLink {
        id: Uuid::now_v7(),
        hash: Sha256::digest(token.as_bytes()).to_vec(),
        merchant_id,
        rights,
        created_at: now,
        ends_at: now + Duration::from_secs(lifetime_s.unsigned_abs()),
    };
    api.ledger().create_portal_link(&link, &caller.at(now)).await?;
    let url = format!("{}/portal/enter?token={token}", api.state.settings.public_url);
    let body = PortalLinkBody { url, expires_at: link.ends_at.to_rfc3339() };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(body)))
}

fn read_rights(json: &str) -> Answer<PortalRights> {
    let mut fields = Fields::read(json.as_bytes(), &["resend", "settle", "edit", "secrets"])?;
    let mut right = |name| fields.boolean(name).unwrap_or(true);
    let rights = PortalRights {
        resend: right("resend"),
        settle: right("settle"),
        edit: right("edit"),
        secrets: right("secrets"),
    };
    fields.finish()?;
    Ok(rights)
}
