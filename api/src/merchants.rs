//! `/v1/merchants`: create, read, rename, delete.

use crate::Api;
use crate::authenticate::Caller;
use crate::problem::{Answer, Problem, ProblemBody};
use crate::read_body::JsonBody;
use crate::read_fields::Fields;
use crate::read_query::{List, PageParameters, Parameters};
use crate::validate_payment::{MERCHANT_RULE, merchant_named};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::{StatusCode, Uri};
use paybell_delivery::MerchantId;
use paybell_store::manage::Merchant;
use serde::Serialize;
use utoipa::ToSchema;

/// A merchant.
#[derive(Serialize, ToSchema)]
#[schema(as = Merchant)]
pub(crate) struct MerchantBody {
    /// The gateway's own id of it.
    id: String,
    /// Its name, for people.
    name: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Merchant> for MerchantBody {
    fn from(merchant: Merchant) -> Self {
        Self {
            id: merchant.id.to_string(),
            name: merchant.name,
            created_at: merchant.created_at.to_rfc3339(),
            updated_at: merchant.updated_at.to_rfc3339(),
        }
    }
}

/// A merchant to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes for the OpenAPI document what Fields reads")]
pub(crate) struct NewMerchantRequest {
    /// The gateway's own id of it.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    id: String,
    /// Its name, for people; its id where nothing is said.
    #[schema(min_length = 1, max_length = 128)]
    name: Option<String>,
}

/// A merchant's new name.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes for the OpenAPI document what Fields reads")]
pub(crate) struct RenameRequest {
    #[schema(min_length = 1, max_length = 128)]
    name: String,
}

/// Create a merchant.
#[utoipa::path(post, path = "/v1/merchants", tag = "management", request_body = NewMerchantRequest, responses(
    (status = 201, description = "Created", body = MerchantBody),
    (status = 409, description = "The id is taken, be it by a deleted merchant", body = ProblemBody),
))]
pub(crate) async fn create_merchant(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    JsonBody(json): JsonBody,
) -> Answer<(StatusCode, Json<MerchantBody>)> {
    let mut fields = Fields::read(&json, &["id", "name"])?;
    let id = fields.parsed("id", merchant_named, MERCHANT_RULE);
    let id = fields.required("id", id);
    let name = fields.text("name", 1..=128);
    let id = fields.finish_with(id)?;
    let name = name.unwrap_or_else(|| id.as_str().into());
    let merchant = api.ledger().create_merchant(&id, &name, &caller.at(api.state.clock.now())).await?;
    Ok((StatusCode::CREATED, Json(merchant.into())))
}

/// Merchants, by id.
#[utoipa::path(get, path = "/v1/merchants", tag = "management", params(PageParameters),
    responses((status = 200, description = "A part of the list", body = List<MerchantBody>)))]
pub(crate) async fn read_merchants(State(api): State<Api>, uri: Uri) -> Answer<Json<List<MerchantBody>>> {
    let mut query = Parameters::read(&uri, &[])?;
    let page = query.page();
    query.finish()?;
    List::of(api.ledger().merchants(&page).await, MerchantBody::from)
}

/// A merchant.
#[utoipa::path(get, path = "/v1/merchants/{id}", tag = "management",
    params(("id" = String, Path, description = "The merchant")),
    responses((status = 200, description = "The merchant", body = MerchantBody)))]
pub(crate) async fn read_merchant(State(api): State<Api>, path: MerchantPath) -> Answer<Json<MerchantBody>> {
    let id = merchant_in(path)?;
    let merchant = api.ledger().merchant(&id).await?;
    merchant.map(|merchant| Json(merchant.into())).ok_or_else(not_found)
}

/// Rename a merchant.
#[utoipa::path(patch, path = "/v1/merchants/{id}", tag = "management", request_body = RenameRequest,
    params(("id" = String, Path, description = "The merchant")),
    responses((status = 200, description = "The merchant", body = MerchantBody)))]
pub(crate) async fn rename_merchant(
    State(api): State<Api>,
    path: MerchantPath,
    Extension(caller): Extension<Caller>,
    JsonBody(json): JsonBody,
) -> Answer<Json<MerchantBody>> {
    let id = merchant_in(path)?;
    let mut fields = Fields::read(&json, &["name"])?;
    let name = fields.text("name", 1..=128);
    let name = fields.required("name", name);
    let name = fields.finish_with(name)?;
    let merchant = api.ledger().rename_merchant(&id, &name, &caller.at(api.state.clock.now())).await?;
    Ok(Json(merchant.into()))
}

/// Delete a merchant with its endpoints.
///
/// What was accepted stays visible and can be settled.
#[utoipa::path(delete, path = "/v1/merchants/{id}", tag = "management",
    params(("id" = String, Path, description = "The merchant")),
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete_merchant(
    State(api): State<Api>,
    path: MerchantPath,
    Extension(caller): Extension<Caller>,
) -> Answer<StatusCode> {
    let id = merchant_in(path)?;
    api.ledger().delete_merchant(&id, &caller.at(api.state.clock.now())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What pausing or resuming a merchant did.
#[derive(Serialize, ToSchema)]
pub(crate) struct PausedMerchant {
    merchant: String,
    /// Whether its endpoints are paused now.
    paused: bool,
    /// How many of its endpoints were not so already.
    endpoints_changed: u64,
}

/// Pause all endpoints of a merchant.
///
/// Their deliveries wait, and their deadlines go on.
#[utoipa::path(post, path = "/v1/merchants/{id}/pause", tag = "management",
    params(("id" = String, Path, description = "The merchant")),
    responses((status = 200, description = "Paused", body = PausedMerchant)))]
pub(crate) async fn pause_merchant(
    State(api): State<Api>,
    path: MerchantPath,
    Extension(caller): Extension<Caller>,
) -> Answer<Json<PausedMerchant>> {
    pause(&api, path, true, &caller).await
}

/// Resume all endpoints of a merchant.
///
/// What waited is released in a ramp.
#[utoipa::path(post, path = "/v1/merchants/{id}/resume", tag = "management",
    params(("id" = String, Path, description = "The merchant")),
    responses((status = 200, description = "Resumed", body = PausedMerchant)))]
pub(crate) async fn resume_merchant(
    State(api): State<Api>,
    path: MerchantPath,
    Extension(caller): Extension<Caller>,
) -> Answer<Json<PausedMerchant>> {
    pause(&api, path, false, &caller).await
}

async fn pause(api: &Api, path: MerchantPath, paused: bool, caller: &Caller) -> Answer<Json<PausedMerchant>> {
    let id = merchant_in(path)?;
    let changed = api.ledger().pause_merchant(&id, paused, &caller.at(api.state.clock.now())).await?;
    Ok(Json(PausedMerchant { merchant: id.to_string(), paused, endpoints_changed: changed }))
}

pub(crate) type MerchantPath = Result<Path<String>, PathRejection>;

/// What cannot be a merchant's id is not found.
pub(crate) fn merchant_in(path: MerchantPath) -> Answer<MerchantId> {
    path.ok().and_then(|Path(id)| MerchantId::new(id)).ok_or_else(not_found)
}

fn not_found() -> Problem {
    Problem::not_found("there is no such merchant")
}
