//! `/v1/dialects`: the built-in ones and the gateway's own; and trying one out.

use crate::authenticate::Caller;
use crate::problem::{Answer, FieldError, Problem};
use crate::read_body::JsonBody;
use crate::read_fields::Fields;
use crate::try_dialect::{Sample, SampleAnswer, Trial, Tried, try_dialect};
use crate::{Api, Served};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;
use paybell_dialects::{Dialect, Parameters};
use paybell_store::manage::{PageRequest, StoredDialect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A dialect: how a merchant's receiver wants to be told.
#[derive(Serialize, ToSchema)]
#[schema(as = Dialect)]
pub(crate) struct DialectBody {
    name: String,
    /// Its name for people.
    title: String,
    /// What it is, where the facts come from, and what is not known.
    description: String,
    /// Whether it comes with Paybell.
    built_in: bool,
    /// Whether it can ask before a payment.
    has_check: bool,
    /// What each endpoint must or may set, by name, with its description.
    parameters: BTreeMap<String, String>,
    /// Grows with each change; `null` for a built-in one.
    version: Option<i64>,
    /// When it was last changed; `null` for a built-in one.
    #[schema(format = DateTime)]
    updated_at: Option<String>,
}

/// A dialect with its definition.
#[derive(Serialize, ToSchema)]
pub(crate) struct DialectWithDefinition {
    #[serde(flatten)]
    dialect: DialectBody,
    /// The definition, as JSON.
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    definition: Box<RawValue>,
}

/// All dialects.
#[derive(Serialize, ToSchema)]
pub(crate) struct Dialects {
    /// The built-in ones, then the gateway's own, each by name.
    items: Vec<DialectBody>,
}

fn body(dialect: &Dialect, stored: Option<&StoredDialect>) -> DialectBody {
    let words =
        |(name, parameter): (&String, &paybell_dialects::Parameter)| (name.clone(), parameter.description.clone());
    DialectBody {
        name: dialect.name().to_owned(),
        title: dialect.title().to_owned(),
        description: dialect.description().to_owned(),
        built_in: stored.is_none(),
        has_check: dialect.has_check(),
        parameters: dialect.parameters().iter().map(words).collect(),
        version: stored.map(|stored| stored.version),
        updated_at: stored.map(|stored| stored.updated_at.to_rfc3339()),
    }
}

fn with_definition(dialect: &Dialect, stored: Option<&StoredDialect>) -> Answer<Json<DialectWithDefinition>> {
    let definition = RawValue::from_string(dialect.definition_json()).map_err(|_| Problem::internal())?;
    Ok(Json(DialectWithDefinition { dialect: body(dialect, stored), definition }))
}

/// All dialects: the built-in ones and the gateway's own.
#[utoipa::path(get, path = "/v1/dialects", tag = "dialects",
    responses((status = 200, description = "All of them", body = Dialects)))]
pub(crate) async fn read_dialects(State(api): State<Api>) -> Answer<Json<Dialects>> {
    let mut items: Vec<DialectBody> = Dialect::built_in().iter().map(|dialect| body(dialect, None)).collect();
    let mut page = PageRequest { limit: 100, after: None };
    loop {
        let found = api.ledger().dialects(&page).await?;
        for stored in &found.items {
            match api.dialects.compiled(stored) {
                Ok(dialect) => items.push(body(&dialect, Some(stored))),
                Err(error) => tracing::error!(%error, "a dialect is left out of the list"),
            }
        }
        page.after = found.next;
        if page.after.is_none() {
            return Ok(Json(Dialects { items }));
        }
    }
}

/// A dialect with its definition.
#[utoipa::path(get, path = "/v1/dialects/{name}", tag = "dialects",
    params(("name" = String, Path, description = "The dialect")),
    responses((status = 200, description = "The dialect", body = DialectWithDefinition)))]
pub(crate) async fn read_dialect(State(api): State<Api>, path: NamePath) -> Answer<Json<DialectWithDefinition>> {
    let name = name_in(path)?;
    if let Some(dialect) = Dialect::named(&name) {
        return with_definition(dialect, None);
    }
    let stored = api.ledger().dialect(&name).await?.ok_or_else(not_found)?;
    let dialect = api.dialects.compiled(&stored)?;
    with_definition(&dialect, Some(&stored))
}

/// Create or change a dialect of your own.
///
/// The body is its definition; the file `dialect.schema.json` describes it. Endpoints that use it send by the new
/// definition from their next attempt on. The names of built-in dialects cannot be taken, and a change is refused after which
/// an endpoint would not suit its dialect any more (a parameter that it lacks, a check that is no more): change such
/// endpoints first.
#[utoipa::path(put, path = "/v1/dialects/{name}", tag = "dialects",
    request_body(content = BTreeMap<String, serde_json::Value>, description = "The definition"),
    params(("name" = String, Path, description = "The dialect; its definition has the same name")),
    responses(
        (status = 200, description = "The dialect as it is stored", body = DialectWithDefinition),
        (status = 409, description = "The name is a built-in one's, or endpoints would not suit it; the detail names some",
            body = crate::problem::ProblemBody),
    ))]
pub(crate) async fn put_dialect(
    State(api): State<Api>,
    path: NamePath,
    Extension(caller): Extension<Caller>,
    JsonBody(json): JsonBody,
) -> Answer<Json<DialectWithDefinition>> {
    let name = name_in(path)?;
    let text = std::str::from_utf8(&json).map_err(|_| Problem::malformed("the body is not UTF-8"))?;
    let dialect = Dialect::from_json(text).map_err(|error| {
        let at =
            |problem: paybell_dialects::Problem| FieldError { field: problem.path.into(), rule: problem.rule.into() };
        Problem::invalid(error.problems.into_iter().map(at).collect())
    })?;
    if dialect.name() != name {
        return Err(Problem::field("name", "must be the name in the path"));
    }
    let actor = caller.at(api.state.clock.now());
    let stored = api.ledger().put_dialect(&dialect, &actor).await?;
    with_definition(&dialect, Some(&stored))
}

/// Delete a dialect of your own.
#[utoipa::path(delete, path = "/v1/dialects/{name}", tag = "dialects",
    params(("name" = String, Path, description = "The dialect")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 409, description = "It is built in, or endpoints use it", body = crate::problem::ProblemBody),
    ))]
pub(crate) async fn delete_dialect(
    State(api): State<Api>,
    path: NamePath,
    Extension(caller): Extension<Caller>,
) -> Answer<StatusCode> {
    let name = name_in(path)?;
    if Dialect::named(&name).is_some() {
        return Err(Problem::conflict("a built-in dialect cannot be deleted"));
    }
    api.ledger().delete_dialect(&name, &caller.at(api.state.clock.now())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What to try.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes for the OpenAPI document what Fields reads")]
pub(crate) struct TryRequest {
    /// `notify` or `check`.
    #[schema(default = "notify")]
    kind: Option<String>,
    /// The endpoint's URL, with its own query.
    url: Option<String>,
    /// The endpoint's secret; where nothing is said one is made up, always the same.
    secret: Option<String>,
    /// The endpoint's parameters.
    parameters: Option<BTreeMap<String, String>>,
    /// The payment; what is not said is made up.
    sample: Option<Sample>,
    /// What the merchant answers, to see what that would mean.
    answer: Option<SampleAnswer>,
}

/// Try a dialect: see what would be sent, and what an answer would mean.
///
/// Nothing is sent and nothing is stored.
#[utoipa::path(post, path = "/v1/dialects/{name}/try", tag = "dialects", request_body = Option<TryRequest>,
    params(("name" = String, Path, description = "The dialect")),
    responses((status = 200, description = "The request, and the verdict", body = Tried)))]
pub(crate) async fn try_out(State(api): State<Api>, path: NamePath, body: Option<JsonBody>) -> Answer<Json<Tried>> {
    let dialect = api.dialect(&name_in(path)?).await?.ok_or_else(not_found)?;
    let json = body.as_ref().map_or(b"{}".as_slice(), |JsonBody(json)| json);
    let trial = trial_from_json(json)?;
    let tried = try_dialect(&dialect, &trial, api.state.clock.now());
    tried
        .map(Json)
        .map_err(|rules| Problem::invalid(rules.into_iter().map(|rule| FieldError::new("sample", rule)).collect()))
}

fn trial_from_json(json: &[u8]) -> Answer<Trial> {
    let mut fields = Fields::read(json, &["kind", "url", "secret", "parameters", "sample", "answer"])?;
    let check = fields.parsed("kind", is_check, "must be notify or check").unwrap_or(false);
    let url = fields.text("url", 1..=2048).map(Into::into);
    let secret = fields.text("secret", 1..=512).map(Into::into);
    let parameters: Option<Parameters> = object(&mut fields, "parameters", "must be an object of strings");
    let sample = object(&mut fields, "sample", "must be an object of a payment's fields");
    let answer = object(&mut fields, "answer", "must be an object of status (a number) and body (a string)");
    fields.finish()?;
    let (parameters, sample) = (parameters.unwrap_or_default(), sample.unwrap_or_default());
    Ok(Trial { check, url, secret, parameters, sample, answer })
}

fn is_check(kind: &str) -> Option<bool> {
    match kind {
        "notify" => Some(false),
        "check" => Some(true),
        _ => None,
    }
}

/// Takes an object that can be read as it is wanted.
pub(crate) fn object<T: DeserializeOwned>(
    fields: &mut Fields<'_>,
    name: &'static str,
    rule: &'static str,
) -> Option<T> {
    let object = serde_json::from_str(fields.object(name, 64 * 1024)?).ok();
    if object.is_none() {
        fields.wrong(name, rule);
    }
    object
}

impl Served {
    /// The dialect of that name, if there is one.
    pub(crate) async fn dialect(&self, name: &str) -> Answer<Option<Dialect>> {
        if let Some(dialect) = Dialect::named(name) {
            return Ok(Some(dialect.clone()));
        }
        let stored = self.ledger().dialect(name).await?;
        Ok(stored.map(|stored| self.dialects.compiled(&stored)).transpose()?)
    }
}

type NamePath = Result<Path<String>, PathRejection>;

fn name_in(path: NamePath) -> Answer<String> {
    path.ok().map(|Path(name)| name).filter(|name| !name.contains('\0')).ok_or_else(not_found)
}

fn not_found() -> Problem {
    Problem::not_found("there is no such dialect")
}
