//! `PATCH /v1/endpoints/{id}`, and the rules of an endpoint's settings.

use crate::authenticate::Caller;
use crate::endpoints::EndpointBody;
use crate::problem::Answer;
use crate::read_body::{JsonBody, PathId};
use crate::read_fields::Fields;
use crate::{Api, Served};
use axum::extract::State;
use axum::{Extension, Json};
use paybell_delivery::{EndpointId, EndpointOptions, LIFETIME_MAX};
use paybell_dialects::Dialect;
use paybell_store::manage::EndpointChange;
use secrecy::ExposeSecret;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// What an endpoint may choose within its dialect.
#[derive(Serialize, ToSchema)]
#[schema(as = EndpointOptions)]
pub(crate) struct OptionsBody {
    /// `ok-body`: white space around the acknowledgement is allowed.
    #[schema(default = false)]
    ignore_whitespace: bool,
    /// `ok-body`: the acknowledgement's letter case does not matter.
    #[schema(default = false)]
    ignore_case: bool,
}

impl From<EndpointOptions> for OptionsBody {
    fn from(options: EndpointOptions) -> Self {
        Self { ignore_whitespace: options.ignore_whitespace, ignore_case: options.ignore_case }
    }
}

/// What to change: the fields that are given.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes for the OpenAPI document what Fields reads")]
pub(crate) struct EndpointChangeRequest {
    url: Option<String>,
    /// Another dialect, if its current secret can be used with it.
    dialect: Option<String>,
    /// Other options, all of them.
    options: Option<OptionsBody>,
    #[schema(minimum = 1, maximum = 1000)]
    concurrency_max: Option<u32>,
    /// In seconds; `null` for the engine's.
    #[schema(minimum = 1)]
    time_limit_s: Option<u32>,
    /// In seconds; `null` for the engine's. It holds for payments that are accepted from now on.
    #[schema(minimum = 1, maximum = 259200)]
    lifetime_s: Option<u32>,
}

/// The settings that were given and keep the rules.
pub(crate) struct EndpointSettings {
    pub(crate) url: Option<String>,
    pub(crate) dialect: Option<Dialect>,
    pub(crate) options: Option<EndpointOptions>,
    pub(crate) concurrency_max: Option<u32>,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) lifetime: Option<Duration>,
}

const SETTINGS: &[&str] = &["url", "dialect", "options", "concurrency_max", "time_limit_s", "lifetime_s"];

impl EndpointSettings {
    /// Takes the settings and notes the rules that they break.
    pub(crate) fn read(fields: &mut Fields<'_>, api: &Served) -> Self {
        let time_limit_max = api.state.settings.attempt_time_limit_max;
        Self {
            url: url(fields, api),
            dialect: fields.parsed("dialect", |name| Dialect::named(name).cloned(), dialect_names()),
            options: options(fields),
            concurrency_max: fields.integer("concurrency_max", 1..=1000).and_then(|n| u32::try_from(n).ok()),
            time_limit: seconds(fields, "time_limit_s", time_limit_max),
            lifetime: seconds(fields, "lifetime_s", LIFETIME_MAX),
        }
    }
}

fn url(fields: &mut Fields<'_>, api: &Served) -> Option<String> {
    let url = fields.text("url", 1..=2048)?;
    match api.state.outbound.check_url(&url) {
        Ok(()) => Some(url.into_owned()),
        Err(refused) => {
            fields.wrong("url", refused.0);
            None
        }
    }
}

fn options(fields: &mut Fields<'_>) -> Option<EndpointOptions> {
    let options = serde_json::from_str(fields.object("options", 1024)?).ok();
    if options.is_none() {
        fields.wrong("options", "must be an object of the booleans ignore_whitespace and ignore_case");
    }
    options
}

fn seconds(fields: &mut Fields<'_>, name: &'static str, longest: Duration) -> Option<Duration> {
    let longest = i64::try_from(longest.as_secs()).unwrap_or(i64::MAX);
    fields.integer(name, 1..=longest).and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs)
}

/// The rule of a dialect's name.
pub(crate) const fn dialect_names() -> &'static str {
    "must be the name of a dialect, such as standard or ok-body; `paybell dialects list` shows all"
}

/// Change an endpoint.
///
/// Fields that are not given stay as they are.
#[utoipa::path(patch, path = "/v1/endpoints/{id}", tag = "management", request_body = EndpointChangeRequest,
    params(("id" = uuid::Uuid, Path, description = "The endpoint")),
    responses((status = 200, description = "The endpoint", body = EndpointBody)))]
pub(crate) async fn change_endpoint(
    State(api): State<Api>,
    PathId(id): PathId<EndpointId>,
    Extension(caller): Extension<Caller>,
    JsonBody(json): JsonBody,
) -> Answer<Json<EndpointBody>> {
    let mut fields = Fields::read(&json, SETTINGS)?;
    let cleared = |fields: &Fields<'_>, name| fields.given(name);
    let (time_limit_given, lifetime_given) = (cleared(&fields, "time_limit_s"), cleared(&fields, "lifetime_s"));
    let settings = EndpointSettings::read(&mut fields, &api);
    if let Some(dialect) = &settings.dialect {
        check_secret_fits(&mut fields, &api, id, dialect).await?;
    }
    fields.finish()?;
    let change = EndpointChange {
        url: settings.url,
        dialect: settings.dialect.map(|dialect| dialect.name().to_owned()),
        options: settings.options,
        concurrency_max: settings.concurrency_max,
        time_limit: time_limit_given.then_some(settings.time_limit),
        lifetime: lifetime_given.then_some(settings.lifetime),
    };
    let endpoint = api.ledger().change_endpoint(id, &change, &caller.at(api.state.clock.now())).await?;
    Ok(Json(endpoint.into()))
}

/// A dialect that cannot use the endpoint's secret would fail at each attempt.
async fn check_secret_fits(fields: &mut Fields<'_>, api: &Served, id: EndpointId, dialect: &Dialect) -> Answer<()> {
    let (_, secrets) = api.ledger().endpoint_for_attempt(id).await?;
    let current = secrets.iter().find(|secret| secret.ends_at.is_none());
    if current.is_some_and(|secret| dialect.check_secret(secret.value.expose_secret()).is_err()) {
        fields.wrong("dialect", "cannot use the endpoint's current secret; create another endpoint for it");
    }
    Ok(())
}
