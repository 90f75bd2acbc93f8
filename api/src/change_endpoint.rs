//! `PATCH /v1/endpoints/{id}`, and the rules of an endpoint's settings.

use crate::authenticate::Caller;
use crate::check_endpoint::{Suited, check_is_only_one, check_suits};
use crate::dialects::object;
use crate::endpoint_body::EndpointBody;
use crate::problem::Answer;
use crate::read_body::{JsonBody, PathId};
use crate::read_fields::Fields;
use crate::{Api, Served};
use axum::extract::State;
use axum::{Extension, Json};
use paybell_delivery::{EndpointId, EndpointOptions, LIFETIME_MAX, ReplySignature};
use paybell_dialects::Dialect;
use paybell_store::manage::{EndpointChange, EndpointForAttempt};
use secrecy::ExposeSecret;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::ToSchema;

/// What an endpoint may choose within its dialect.
#[derive(Serialize, ToSchema)]
#[schema(as = EndpointOptions)]
pub(crate) struct OptionsBody {
    /// White space around the acknowledgement is allowed.
    #[schema(default = false)]
    ignore_whitespace: bool,
    /// The acknowledgement's letter case does not matter.
    #[schema(default = false)]
    ignore_case: bool,
    /// How the signatures of its replies are verified: `off`, `warn` or `strict`; `null` for the dialect's own rule.
    reply_signature: Option<&'static str>,
}

impl From<EndpointOptions> for OptionsBody {
    fn from(options: EndpointOptions) -> Self {
        let reply_signature = options.reply_signature.map(|verify| match verify {
            ReplySignature::Off => "off",
            ReplySignature::Warn => "warn",
            ReplySignature::Strict => "strict",
        });
        Self { ignore_whitespace: options.ignore_whitespace, ignore_case: options.ignore_case, reply_signature }
    }
}

/// What to change: the fields that are given.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes for the OpenAPI document what Fields reads")]
pub(crate) struct EndpointChangeRequest {
    url: Option<String>,
    /// Where the question before a payment goes; `null` for nowhere.
    check_url: Option<String>,
    /// Another dialect, if its current secret can be used with it.
    dialect: Option<String>,
    /// What the dialect wants to know, all of it.
    parameters: Option<BTreeMap<String, String>>,
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
    pub(crate) check_url: Option<String>,
    pub(crate) dialect: Option<Dialect>,
    pub(crate) parameters: Option<BTreeMap<String, String>>,
    pub(crate) options: Option<EndpointOptions>,
    pub(crate) concurrency_max: Option<u32>,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) lifetime: Option<Duration>,
}

const SETTINGS: &[&str] =
    &["url", "check_url", "dialect", "parameters", "options", "concurrency_max", "time_limit_s", "lifetime_s"];

impl EndpointSettings {
    /// Takes the settings and notes the rules that they break.
    pub(crate) async fn read(fields: &mut Fields<'_>, api: &Served) -> Answer<Self> {
        let time_limit_max = api.state.settings.attempt_time_limit_max;
        Ok(Self {
            url: url(fields, "url", api),
            check_url: url(fields, "check_url", api),
            dialect: dialect(fields, api).await?,
            parameters: object(fields, "parameters", "must be an object of strings"),
            options: options(fields),
            concurrency_max: fields.integer("concurrency_max", 1..=1000).and_then(|n| u32::try_from(n).ok()),
            time_limit: seconds(fields, "time_limit_s", time_limit_max),
            lifetime: seconds(fields, "lifetime_s", LIFETIME_MAX),
        })
    }
}

async fn dialect(fields: &mut Fields<'_>, api: &Served) -> Answer<Option<Dialect>> {
    let Some(name) = fields.text("dialect", 1..=64) else { return Ok(None) };
    let dialect = api.dialect(&name).await?;
    if dialect.is_none() {
        fields.wrong("dialect", "must be the name of a dialect; GET /v1/dialects lists them");
    }
    Ok(dialect)
}

fn url(fields: &mut Fields<'_>, name: &'static str, api: &Served) -> Option<String> {
    let url = fields.text(name, 1..=2048)?;
    match api.state.outbound.check_url(&url) {
        Ok(()) => Some(url.into_owned()),
        Err(refused) => {
            fields.wrong(name, refused.0);
            None
        }
    }
}

fn options(fields: &mut Fields<'_>) -> Option<EndpointOptions> {
    let options = serde_json::from_str(fields.object("options", 1024)?).ok();
    if options.is_none() {
        fields.wrong("options", "must be an object of the booleans ignore_whitespace and ignore_case, and of reply_signature (off, warn, strict)");
    }
    options
}

fn seconds(fields: &mut Fields<'_>, name: &'static str, longest: Duration) -> Option<Duration> {
    let longest = i64::try_from(longest.as_secs()).unwrap_or(i64::MAX);
    fields.integer(name, 1..=longest).and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs)
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
    let check_url_given = cleared(&fields, "check_url");
    let wording = ["url", "check_url", "dialect", "parameters"].iter().any(|name| fields.given(name));
    let settings = EndpointSettings::read(&mut fields, &api).await?;
    if wording {
        check_wording(&mut fields, &api, id, &settings, check_url_given).await?;
    }
    fields.finish()?;
    let change = EndpointChange {
        url: settings.url,
        check_url: check_url_given.then_some(settings.check_url),
        parameters: settings.parameters,
        dialect: settings.dialect.map(|dialect| dialect.name().to_owned()),
        options: settings.options,
        concurrency_max: settings.concurrency_max,
        time_limit: time_limit_given.then_some(settings.time_limit),
        lifetime: lifetime_given.then_some(settings.lifetime),
    };
    let endpoint = api.ledger().change_endpoint(id, &change, &caller.at(api.state.clock.now())).await?;
    api.shown_one(endpoint).await.map(Json)
}

/// What is given must suit what stays.
async fn check_wording(
    fields: &mut Fields<'_>,
    api: &Served,
    id: EndpointId,
    settings: &EndpointSettings,
    check_url_given: bool,
) -> Answer<()> {
    let found = api.ledger().endpoint_for_attempt(id).await?;
    let is = &found.endpoint;
    // One that cannot be read keeps nobody from changing the rest.
    let own = if fields.has_value("dialect") { None } else { api.dialects.of_endpoint(&found).ok() };
    if let Some(dialect) = settings.dialect.as_ref().or(own.as_ref()) {
        let check_url = if check_url_given { &settings.check_url } else { &is.check_url };
        let suited = Suited {
            url: settings.url.as_ref().unwrap_or(&is.url),
            check_url: check_url.as_deref(),
            parameters: settings.parameters.as_ref().unwrap_or(&is.parameters),
        };
        check_suits(fields, dialect, &suited);
    }
    if let Some(dialect) = &settings.dialect {
        check_secret_fits(fields, &found, dialect);
    }
    if settings.check_url.is_some() {
        check_is_only_one(fields, api, &is.merchant_id, Some(id)).await?;
    }
    Ok(())
}

/// A dialect that cannot use the endpoint's secret would fail at each attempt.
fn check_secret_fits(fields: &mut Fields<'_>, found: &EndpointForAttempt, dialect: &Dialect) {
    let current = found.secrets.iter().find(|secret| secret.ends_at.is_none());
    if current.is_some_and(|secret| dialect.check_secret(secret.value.expose_secret()).is_err()) {
        fields.wrong("dialect", "cannot use the endpoint's current secret; create another endpoint for it");
    }
}
