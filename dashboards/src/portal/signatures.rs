//! `/portal/signatures`: how the merchant verifies what it gets, for the dialects of its endpoints: programs in its
//! language for Standard Webhooks, and for the others what is signed and how, with an example to check one's own code by.

use super::snippets::{SNIPPETS, Snippet};
use super::visit::PortalVisit;
use crate::describe_payment::RequestShown;
use crate::failure::{Answer, Failure};
use crate::page::{Frame, show};
use crate::{Pages, Served};
use askama::Template;
use axum::extract::State;
use paybell_delivery::Endpoint;
use paybell_store::manage::PageRequest;
use serde_json::{Value, json};
use std::collections::HashSet;

/// How many endpoints are looked at for their dialects.
const ENDPOINTS_MAX: u32 = 100;

#[derive(Template)]
#[template(path = "portal_signatures.html")]
struct SignaturesPage {
    page: Frame,
    dialects: Vec<DialectShown>,
    languages: Vec<Choice>,
    chosen: &'static Snippet,
}

struct Choice {
    name: &'static str,
    href: String,
    is_chosen: bool,
}

struct DialectShown {
    title: String,
    description: String,
    /// Whether it is signed as Standard Webhooks says.
    is_standard: bool,
    /// URLs with their public keys, for those that have one.
    public_keys: Vec<(String, String)>,
    signatures: Vec<SignatureShown>,
    fields: Vec<(String, String)>,
    example: Option<RequestShown>,
    secret: String,
}

struct SignatureShown {
    name: String,
    algorithm: String,
    over: String,
    sorted: String,
}

/// `GET /portal/signatures`.
pub(crate) async fn signatures(State(pages): State<Pages>, visit: PortalVisit) -> Answer {
    let request = PageRequest { limit: ENDPOINTS_MAX, after: None };
    let endpoints = pages.ledger().endpoints(Some(&visit.merchant_id), &request).await?.items;
    let (mut dialects, mut seen) = (Vec::new(), HashSet::new());
    for endpoint in endpoints.iter().filter(|endpoint| seen.insert(&endpoint.dialect)) {
        dialects.extend(pages.describe(&visit, endpoint, &endpoints).await?);
    }
    let query = visit.query();
    let chosen = SNIPPETS.iter().find(|snippet| Some(snippet.code) == query.get("in")).unwrap_or(&SNIPPETS[0]);
    let languages = SNIPPETS.iter().map(|snippet| Choice {
        name: snippet.name,
        href: format!("/portal/signatures?in={}", snippet.code),
        is_chosen: snippet.code == chosen.code,
    });
    show(&SignaturesPage {
        page: visit.frame(&pages, visit.l.nav_signatures()),
        dialects,
        languages: languages.collect(),
        chosen,
    })
}

impl Served {
    /// The dialect of an endpoint, with an example for it.
    async fn describe(
        &self,
        visit: &PortalVisit,
        endpoint: &Endpoint,
        all: &[Endpoint],
    ) -> Result<Option<DialectShown>, Failure> {
        let Some(dialect) = self.dialect_named(&endpoint.dialect).await? else { return Ok(None) };
        let definition: Value =
            serde_json::from_str(&dialect.definition_json()).map_err(|error| Failure::internal(&error))?;
        let notify = &definition["notify"];
        let signatures: Vec<SignatureShown> = members(&notify["signatures"]).map(signature).collect();
        let is_standard = signatures.iter().any(|signature| signature.algorithm == "standard-webhooks");
        let mut public_keys = Vec::new();
        for each in all.iter().filter(|each| is_standard && each.dialect == endpoint.dialect) {
            let key = self.public_key_of(visit, each).await?;
            public_keys.extend(key.map(|key| (each.url.clone(), key)));
        }
        let headers = notify["headers"].as_array().into_iter().flatten();
        let fields = headers.chain(notify["fields"].as_array().into_iter().flatten());
        let (example, secret) = self.example_of(visit, endpoint).await;
        Ok(Some(DialectShown {
            title: dialect.title().to_owned(),
            description: dialect.description().to_owned(),
            is_standard,
            public_keys,
            signatures,
            fields: fields.map(|field| (text(&field["name"]), text(&field["value"]))).collect(),
            example,
            secret,
        }))
    }

    /// A sample payment as it would be sent to this endpoint, signed by a secret that is made up, always the same.
    async fn example_of(&self, visit: &PortalVisit, endpoint: &Endpoint) -> (Option<RequestShown>, String) {
        let name: String = form_urlencoded::byte_serialize(endpoint.dialect.as_bytes()).collect();
        let sample = json!({ "merchant": endpoint.merchant_id.as_str() });
        let body = json!({ "url": endpoint.url, "parameters": endpoint.parameters, "sample": sample });
        match self.post(&visit.name(), &format!("/v1/dialects/{name}/try"), &body).await {
            Ok(Ok(tried)) => (Some(RequestShown::read(&tried["request"])), text(&tried["made_up_secret"])),
            Ok(Err(_)) | Err(_) => (None, String::new()),
        }
    }
}

fn members(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}

fn signature((name, definition): (&String, &Value)) -> SignatureShown {
    let output = definition["output"].as_str().map(|output| format!(", {output}")).unwrap_or_default();
    let sorted = members(&definition["sorted"]).map(|(name, value)| match value {
        Value::String(text) => format!("{name} = {text:?}"),
        other => format!("{name} = {other}"),
    });
    SignatureShown {
        name: name.clone(),
        algorithm: format!("{}{output}", text(&definition["algorithm"])),
        over: text(&definition["over"]),
        sorted: sorted.collect::<Vec<_>>().join(", "),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
