//! `/dialects`: the built-in ones to look at, and the gateway's own to change.

use super::back;
use crate::Pages;
use crate::failure::{Answer, Failure};
use crate::form::Form;
use crate::page::{Frame, done, show};
use crate::visit::{Acting, Visit};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::Method;
use serde_json::{Value, json};

#[derive(Template)]
#[template(path = "dialects.html")]
struct DialectsPage {
    page: Frame,
    rows: Vec<(String, String, bool)>,
    name: String,
    definition: String,
}

#[derive(Template)]
#[template(path = "dialect.html")]
struct DialectPage {
    page: Frame,
    name: String,
    is_built_in: bool,
    definition: String,
}

/// `GET /dialects`.
pub(crate) async fn list(State(pages): State<Pages>, visit: Visit) -> Answer {
    let refused = visit.query().get("refused").map(str::to_owned);
    dialects(&pages, &visit, String::new(), String::new(), refused).await
}

async fn dialects(pages: &Pages, visit: &Visit, name: String, definition: String, why: Option<String>) -> Answer {
    let found = pages.act(&visit.session.name, Method::GET, "/v1/dialects", None).await?;
    let found = found.map_err(|_| Failure::Internal)?;
    let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
    let row = |item: &Value| (text(item, "name"), text(item, "title"), item["built_in"].as_bool().unwrap_or(false));
    let rows = found["items"].as_array().map(|items| items.iter().map(row).collect()).unwrap_or_default();
    let page = Frame::of(visit, visit.l.nav_dialects());
    show(&DialectsPage { page: page.refused(why), rows, name, definition })
}

/// `GET /dialects/{name}`.
pub(crate) async fn one(State(pages): State<Pages>, visit: Visit, Path(name): Path<String>) -> Answer {
    let found = pages.act(&visit.session.name, Method::GET, &path(&name)?, None).await?;
    let found = found.map_err(|_| Failure::NotFound)?;
    let definition = serde_json::to_string_pretty(&found["definition"]).map_err(|error| Failure::internal(&error))?;
    let page = Frame::of(&visit, found["title"].as_str().unwrap_or(&name));
    let refused = visit.query().get("refused").map(str::to_owned);
    let page = page.refused(refused);
    show(&DialectPage { page, name, is_built_in: found["built_in"].as_bool().unwrap_or(false), definition })
}

/// `POST /dialects`: makes one, or changes one.
pub(crate) async fn put(State(pages): State<Pages>, Acting(visit): Acting, form: Form) -> Answer {
    let (name, text) = (form.get("name").unwrap_or_default(), form.get("definition").unwrap_or_default());
    let why = match serde_json::from_str::<Value>(text) {
        Ok(definition) => match path(name) {
            Ok(path) => match pages.act(&visit.session.name, Method::PUT, &path, Some(&definition)).await? {
                Ok(_) => return Ok(done(&format!("/dialects/{name}"))),
                Err(refusal) => refusal.in_words(),
            },
            Err(_) => visit.l.dialect_name_rule().to_owned(),
        },
        Err(error) => error.to_string(),
    };
    dialects(&pages, &visit, name.to_owned(), text.to_owned(), Some(why)).await
}

/// `POST /dialects/{name}/delete`.
pub(crate) async fn delete(State(pages): State<Pages>, Acting(visit): Acting, Path(name): Path<String>) -> Answer {
    let deleted = pages.act(&visit.session.name, Method::DELETE, &path(&name)?, Some(&json!({}))).await?;
    Ok(deleted.map_or_else(|refusal| back(&format!("/dialects/{name}"), &refusal), |_| done("/dialects")))
}

/// The API's path of a dialect; its names hold letters, digits and hyphens alone.
fn path(name: &str) -> Result<String, Failure> {
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if is_name { Ok(format!("/v1/dialects/{name}")) } else { Err(Failure::NotFound) }
}
