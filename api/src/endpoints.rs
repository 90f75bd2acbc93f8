//! `/v1/endpoints`: create, read, pause, resume, delete. Its secret is shown once, when it is made.

use crate::Api;
use crate::authenticate::Caller;
use crate::change_endpoint::{EndpointSettings, OptionsBody};
use crate::check_endpoint::{Suited, check_is_only_one, check_suits};
use crate::endpoint_body::{EndpointBody, EndpointWithSecret};
use crate::problem::{Answer, Problem, ProblemBody};
use crate::read_body::{JsonBody, PathId};
use crate::read_fields::Fields;
use crate::read_query::{List, PageParameters, Parameters};
use crate::rotate_secret::{given_or_new_secret, secret_made_at};
use crate::validate_payment::{MERCHANT_RULE, merchant_named};
use axum::extract::State;
use axum::{Extension, Json};
use http::{StatusCode, Uri};
use paybell_delivery::{Endpoint, EndpointId};
use paybell_dialects::Dialect;
use paybell_store::manage::{NewEndpoint, Page};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// An endpoint to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes for the OpenAPI document what Fields reads")]
pub(crate) struct NewEndpointRequest {
    /// Whose it is.
    merchant: String,
    /// Where notifications go.
    url: String,
    /// Where the question before a payment goes, if the dialect has one. One endpoint of a merchant may have it.
    check_url: Option<String>,
    /// The name of a dialect: `GET /v1/dialects` lists them.
    #[schema(default = "standard")]
    dialect: Option<String>,
    /// What the dialect wants to know, by name.
    parameters: Option<BTreeMap<String, String>>,
    options: Option<OptionsBody>,
    /// How many attempts may be in flight at once.
    #[schema(minimum = 1, maximum = 1000, default = 10)]
    concurrency_max: Option<u32>,
    /// The time limit of one attempt in seconds.
    #[schema(minimum = 1)]
    time_limit_s: Option<u32>,
    /// How long a delivery may be attempted, in seconds: 72 hours at most.
    #[schema(minimum = 1, maximum = 259200)]
    lifetime_s: Option<u32>,
    /// A secret of your own, in the dialect's form; one is made where nothing is said.
    secret: Option<String>,
}

const NEW_ENDPOINT: &[&str] = &[
    "merchant",
    "url",
    "check_url",
    "dialect",
    "parameters",
    "options",
    "concurrency_max",
    "time_limit_s",
    "lifetime_s",
    "secret",
];

/// Create an endpoint.
///
/// The answer holds its secret, which is never shown again.
#[utoipa::path(post, path = "/v1/endpoints", tag = "management", request_body = NewEndpointRequest,
    responses((status = 201, description = "Created", body = EndpointWithSecret)))]
pub(crate) async fn create_endpoint(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    JsonBody(json): JsonBody,
) -> Answer<(StatusCode, Json<EndpointWithSecret>)> {
    let mut fields = Fields::read(&json, NEW_ENDPOINT)?;
    let merchant = fields.parsed("merchant", merchant_named, MERCHANT_RULE);
    let merchant = fields.required("merchant", merchant);
    let settings = EndpointSettings::read(&mut fields, &api).await?;
    let parameters = settings.parameters.unwrap_or_default();
    let url = fields.required("url", settings.url);
    // Where the dialect is at fault, nothing can be said of the secret.
    let standard = if fields.has_value("dialect") { None } else { Dialect::named("standard").cloned() };
    let dialect = settings.dialect.or(standard);
    if let (Some(url), Some(dialect)) = (&url, &dialect) {
        let check_url = settings.check_url.as_deref();
        check_suits(&mut fields, dialect, &Suited { url, check_url, parameters: &parameters });
    }
    if let (Some(merchant), Some(_)) = (&merchant, &settings.check_url) {
        check_is_only_one(&mut fields, &api, merchant, None).await?;
    }
    let signing = dialect.and_then(|dialect| {
        let secret = given_or_new_secret(&mut fields, &dialect, false)?;
        Some((dialect, secret))
    });
    let ((merchant_id, url), (dialect, value)) = fields.finish_with(merchant.zip(url).zip(signing))?;
    let new = NewEndpoint {
        id: EndpointId(Uuid::now_v7()),
        merchant_id,
        url,
        check_url: settings.check_url,
        dialect: dialect.name().to_owned(),
        parameters,
        options: settings.options.unwrap_or_default(),
        concurrency_max: settings.concurrency_max.unwrap_or(10),
        time_limit: settings.time_limit,
        lifetime: settings.lifetime,
    };
    let now = api.state.clock.now();
    let endpoint = api.ledger().create_endpoint(&new, &secret_made_at(&value, now), &caller.at(now)).await?;
    let endpoint = EndpointBody::with_public_key(endpoint, dialect.public_key(&value));
    Ok((StatusCode::CREATED, Json(EndpointWithSecret { endpoint, secret: value })))
}

/// An endpoint.
#[utoipa::path(get, path = "/v1/endpoints/{id}", tag = "management",
    params(("id" = Uuid, Path, description = "The endpoint")),
    responses((status = 200, description = "The endpoint", body = EndpointBody)))]
pub(crate) async fn read_endpoint(
    State(api): State<Api>,
    PathId(id): PathId<EndpointId>,
) -> Answer<Json<EndpointBody>> {
    let endpoint = api.ledger().endpoint(id).await?.ok_or_else(|| not_found(id))?;
    api.shown_one(endpoint).await.map(Json)
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it only describes the parameters that are read below")]
struct EndpointParameters {
    /// Of this merchant.
    merchant: Option<String>,
}

/// Endpoints, the newest first.
#[utoipa::path(get, path = "/v1/endpoints", tag = "management", params(EndpointParameters, PageParameters),
    responses((status = 200, description = "A part of the list", body = List<EndpointBody>)))]
pub(crate) async fn read_endpoints(State(api): State<Api>, uri: Uri) -> Answer<Json<List<EndpointBody>>> {
    let mut query = Parameters::read(&uri, &["merchant"])?;
    let merchant = query.parsed("merchant", merchant_named, MERCHANT_RULE);
    let page = query.page();
    query.finish()?;
    let found = match api.ledger().endpoints(merchant.as_ref(), &page).await {
        Ok(page) => Ok(Page { items: api.shown(page.items).await?, next: page.next }),
        Err(error) => Err(error),
    };
    List::of(found, |body| body)
}

/// Pause an endpoint: its deliveries wait, and their deadlines go on.
#[utoipa::path(post, path = "/v1/endpoints/{id}/pause", tag = "management",
    params(("id" = Uuid, Path, description = "The endpoint")),
    responses((status = 200, description = "The endpoint", body = EndpointBody)))]
pub(crate) async fn pause_endpoint(
    State(api): State<Api>,
    PathId(id): PathId<EndpointId>,
    Extension(caller): Extension<Caller>,
) -> Answer<Json<EndpointBody>> {
    let endpoint = api.ledger().pause_endpoint(id, true, &caller.at(api.state.clock.now())).await?;
    api.shown_one(endpoint).await.map(Json)
}

/// Resume an endpoint: what waited is released.
#[utoipa::path(post, path = "/v1/endpoints/{id}/resume", tag = "management",
    params(("id" = Uuid, Path, description = "The endpoint")),
    responses((status = 200, description = "The endpoint", body = EndpointBody)))]
pub(crate) async fn resume_endpoint(
    State(api): State<Api>,
    PathId(id): PathId<EndpointId>,
    Extension(caller): Extension<Caller>,
) -> Answer<Json<EndpointBody>> {
    let endpoint = api.ledger().pause_endpoint(id, false, &caller.at(api.state.clock.now())).await?;
    api.shown_one(endpoint).await.map(Json)
}

/// Probe a failing endpoint now.
///
/// One of the deliveries that wait for it is attempted within a second or so; when the endpoint answers, it is reopened.
#[utoipa::path(post, path = "/v1/endpoints/{id}/probe", tag = "management",
    params(("id" = Uuid, Path, description = "The endpoint")),
    responses(
        (status = 202, description = "The endpoint", body = EndpointBody),
        (status = 409, description = "It does not fail, or is paused, or nothing waits for it", body = ProblemBody),
    )
)]
pub(crate) async fn probe_endpoint(
    State(api): State<Api>,
    PathId(id): PathId<EndpointId>,
    Extension(caller): Extension<Caller>,
) -> Answer<(StatusCode, Json<EndpointBody>)> {
    api.ledger().probe_now(id, &caller.at(api.state.clock.now())).await?;
    let endpoint = api.ledger().endpoint(id).await?.ok_or_else(|| not_found(id))?;
    Ok((StatusCode::ACCEPTED, Json(endpoint.into())))
}

/// Delete an endpoint.
///
/// Its pending deliveries wait for their deadline and can be settled; what was delivered stays visible.
#[utoipa::path(delete, path = "/v1/endpoints/{id}", tag = "management",
    params(("id" = Uuid, Path, description = "The endpoint")),
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete_endpoint(
    State(api): State<Api>,
    PathId(id): PathId<EndpointId>,
    Extension(caller): Extension<Caller>,
) -> Answer<StatusCode> {
    api.ledger().delete_endpoint(id, &caller.at(api.state.clock.now())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// 404: there is no such endpoint.
pub(crate) fn not_found(id: EndpointId) -> Problem {
    Problem::not_found(format!("there is no endpoint {id}"))
}

/// 500: what is stored as an endpoint's dialect is none.
pub(crate) fn unknown_dialect(endpoint: &Endpoint) -> Problem {
    tracing::error!(endpoint.id = %endpoint.id, dialect = endpoint.dialect, "an endpoint's dialect is unknown");
    Problem::internal()
}
