//! `/v1/endpoints`: create, read, pause, resume, delete. Its secret is shown once, when it is made.

use crate::Api;
use crate::authenticate::Caller;
use crate::change_endpoint::{EndpointSettings, OptionsBody, dialect_names};
use crate::problem::{Answer, Problem};
use crate::read_body::{JsonBody, PathId};
use crate::read_fields::Fields;
use crate::read_query::{List, PageParameters, Parameters};
use crate::rotate_secret::{given_or_new_secret, secret_made_at};
use crate::validate_payment::{MERCHANT_RULE, merchant_named};
use axum::extract::State;
use axum::{Extension, Json};
use http::{StatusCode, Uri};
use paybell_delivery::{Endpoint, EndpointId, Timestamp};
use paybell_dialects::Dialect;
use paybell_store::manage::NewEndpoint;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// An endpoint: where and how a merchant is told.
#[derive(Serialize, ToSchema)]
#[schema(as = Endpoint)]
pub(crate) struct EndpointBody {
    #[schema(value_type = Uuid)]
    id: EndpointId,
    merchant: String,
    url: String,
    dialect: String,
    options: OptionsBody,
    /// How many attempts may be in flight at once.
    concurrency_max: u32,
    /// The time limit of one attempt in seconds; `null` for the engine's.
    time_limit_s: Option<u64>,
    /// How long a delivery may be attempted, in seconds; `null` for the engine's.
    lifetime_s: Option<u64>,
    /// Set while a person has paused it: its deliveries wait, and their deadlines go on.
    pause: Option<PauseBody>,
    /// Set while it does not answer: its deliveries wait, their deadlines go on, and one at a time goes out as a probe.
    failing: Option<FailingBody>,
    /// Grows with each change.
    version: i64,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

/// Since when, and by whom, an endpoint is paused.
#[derive(Serialize, ToSchema)]
pub(crate) struct PauseBody {
    #[schema(format = DateTime)]
    at: String,
    by: String,
}

/// Since when an endpoint does not answer, and how it is probed.
#[derive(Serialize, ToSchema)]
pub(crate) struct FailingBody {
    #[schema(format = DateTime)]
    since: String,
    /// How many probes failed since then.
    probes_failed: u32,
    /// When the next probe goes out; `null` while no delivery waits to probe with.
    #[schema(format = DateTime)]
    next_probe_at: Option<String>,
}

/// An endpoint with a secret, which is never shown again.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndpointWithSecret {
    #[serde(flatten)]
    pub(crate) endpoint: EndpointBody,
    /// The secret that signs from now on. It is shown here only.
    pub(crate) secret: String,
}

impl From<Endpoint> for EndpointBody {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.id,
            merchant: endpoint.merchant_id.to_string(),
            url: endpoint.url,
            dialect: endpoint.dialect,
            options: endpoint.options.into(),
            concurrency_max: endpoint.concurrency_max,
            time_limit_s: endpoint.time_limit.map(|limit| limit.as_secs()),
            lifetime_s: endpoint.lifetime.map(|life| life.as_secs()),
            pause: endpoint.pause.map(|pause| PauseBody { at: pause.at.to_rfc3339(), by: pause.by }),
            failing: endpoint.failing.map(|failing| FailingBody {
                since: failing.since.to_rfc3339(),
                probes_failed: failing.probes,
                next_probe_at: failing.probe_at.map(Timestamp::to_rfc3339),
            }),
            version: endpoint.version,
            created_at: endpoint.created_at.to_rfc3339(),
            updated_at: endpoint.updated_at.to_rfc3339(),
        }
    }
}

/// An endpoint to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes for the OpenAPI document what Fields reads")]
pub(crate) struct NewEndpointRequest {
    /// Whose it is.
    merchant: String,
    /// Where notifications go.
    url: String,
    /// `standard` or `ok-body`.
    #[schema(default = "standard")]
    dialect: Option<String>,
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
    const KNOWN: &[&str] =
        &["merchant", "url", "dialect", "options", "concurrency_max", "time_limit_s", "lifetime_s", "secret"];
    let mut fields = Fields::read(&json, KNOWN)?;
    let merchant = fields.parsed("merchant", merchant_named, MERCHANT_RULE);
    let merchant = fields.required("merchant", merchant);
    let settings = EndpointSettings::read(&mut fields, &api);
    let url = fields.required("url", settings.url);
    // Where the dialect is at fault, nothing can be said of the secret.
    let dialect =
        settings.dialect.or((!fields.has_value("dialect")).then(|| Dialect::named("standard").cloned()).flatten());
    let signing = dialect.and_then(|dialect| {
        let secret = given_or_new_secret(&mut fields, &dialect)?;
        Some((dialect, secret))
    });
    let ((merchant_id, url), (dialect, value)) = fields.finish_with(merchant.zip(url).zip(signing))?;
    let new = NewEndpoint {
        id: EndpointId(Uuid::now_v7()),
        merchant_id,
        url,
        dialect: dialect.name().to_owned(),
        options: settings.options.unwrap_or_default(),
        concurrency_max: settings.concurrency_max.unwrap_or(10),
        time_limit: settings.time_limit,
        lifetime: settings.lifetime,
    };
    let now = api.state.clock.now();
    let endpoint = api.ledger().create_endpoint(&new, &secret_made_at(&value, now), &caller.at(now)).await?;
    Ok((StatusCode::CREATED, Json(EndpointWithSecret { endpoint: endpoint.into(), secret: value })))
}

/// An endpoint.
#[utoipa::path(get, path = "/v1/endpoints/{id}", tag = "management",
    params(("id" = Uuid, Path, description = "The endpoint")),
    responses((status = 200, description = "The endpoint", body = EndpointBody)))]
pub(crate) async fn read_endpoint(
    State(api): State<Api>,
    PathId(id): PathId<EndpointId>,
) -> Answer<Json<EndpointBody>> {
    api.ledger().endpoint(id).await?.map(|endpoint| Json(endpoint.into())).ok_or_else(|| not_found(id))
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
    List::of(api.ledger().endpoints(merchant.as_ref(), &page).await, EndpointBody::from)
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
    Ok(Json(endpoint.into()))
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
    Ok(Json(endpoint.into()))
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

/// The dialect of an endpoint's stored name.
pub(crate) fn dialect_of(endpoint: &Endpoint) -> Answer<&'static Dialect> {
    Dialect::named(&endpoint.dialect).ok_or_else(|| {
        tracing::error!(endpoint.id = %endpoint.id, known = dialect_names(), "an endpoint's dialect is unknown");
        Problem::internal()
    })
}
