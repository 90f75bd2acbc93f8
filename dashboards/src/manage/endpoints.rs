//! Endpoints are made, changed, given another secret, deleted.

use super::back;
use super::endpoint_form::EndpointForm;
use crate::failure::{Answer, Failure};
use crate::form::Form;
use crate::page::{Frame, done, show};
use crate::visit::{Acting, Visit};
use crate::{Pages, Served};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::Method;
use paybell_delivery::EndpointId;
use paybell_dialects::Dialect;
use paybell_store::manage::PageRequest;
use serde_json::json;

#[derive(Template)]
#[template(path = "endpoint_form.html")]
struct FormPage {
    page: Frame,
    /// Where the form goes.
    action: String,
    /// Set while a new one is made: whose.
    merchant: Option<String>,
    /// Set while one is changed.
    id: Option<String>,
    form: EndpointForm,
    dialects: Vec<String>,
}

#[derive(Template)]
#[template(path = "endpoint_secret.html")]
struct SecretPage {
    page: Frame,
    id: String,
    secret: String,
}

/// `GET /endpoints/new?merchant=`.
pub(crate) async fn new(State(pages): State<Pages>, Acting(visit): Acting) -> Answer {
    let merchant = visit.query().get("merchant").unwrap_or_default().to_owned();
    let form =
        EndpointForm { dialect: "standard".to_owned(), concurrency_max: "10".to_owned(), ..EndpointForm::default() };
    form_page(&pages, &visit, form, Target::New(merchant), None).await
}

/// `POST /endpoints/new`: shows the new endpoint's secret once.
pub(crate) async fn create(State(pages): State<Pages>, Acting(visit): Acting, form: Form) -> Answer {
    let merchant = form.get("merchant").unwrap_or_default().to_owned();
    let typed = EndpointForm::typed(&form);
    match pages.post(&visit.session.name, "/v1/endpoints", &typed.for_api(Some(&merchant))).await? {
        Ok(made) => secret_page(&visit, &made),
        Err(refusal) => form_page(&pages, &visit, typed, Target::New(merchant), Some(refusal.in_words())).await,
    }
}

/// `GET /endpoints/{id}/change`.
pub(crate) async fn change_form(
    State(pages): State<Pages>,
    Acting(visit): Acting,
    Path(id): Path<EndpointId>,
) -> Answer {
    let endpoint = pages.ledger().endpoint(id).await?.ok_or(Failure::NotFound)?;
    let refused = visit.query().get("refused").map(str::to_owned);
    form_page(&pages, &visit, EndpointForm::of(&endpoint), Target::Change(id), refused).await
}

/// `POST /endpoints/{id}/change`.
pub(crate) async fn change(
    State(pages): State<Pages>,
    Acting(visit): Acting,
    Path(id): Path<EndpointId>,
    form: Form,
) -> Answer {
    let typed = EndpointForm::typed(&form);
    let (path, body) = (format!("/v1/endpoints/{id}"), typed.for_api(None));
    match pages.act(&visit.session.name, Method::PATCH, &path, Some(&body)).await? {
        Ok(_) => Ok(done(&format!("/endpoints/{id}"))),
        Err(refusal) => form_page(&pages, &visit, typed, Target::Change(id), Some(refusal.in_words())).await,
    }
}

/// `POST /endpoints/{id}/rotate-secret`: shows the new one once.
pub(crate) async fn rotate(
    State(pages): State<Pages>,
    Acting(visit): Acting,
    Path(id): Path<EndpointId>,
    form: Form,
) -> Answer {
    let overlap: i64 = form.get("overlap_s").and_then(|text| text.parse().ok()).ok_or(Failure::Malformed)?;
    let path = format!("/v1/endpoints/{id}/rotate-secret");
    match pages.post(&visit.session.name, &path, &json!({ "overlap_s": overlap })).await? {
        Ok(rotated) => secret_page(&visit, &rotated),
        Err(refusal) => Ok(back(&format!("/endpoints/{id}/change"), &refusal)),
    }
}

/// `POST /endpoints/{id}/delete`.
pub(crate) async fn delete(State(pages): State<Pages>, Acting(visit): Acting, Path(id): Path<EndpointId>) -> Answer {
    let deleted = pages.act(&visit.session.name, Method::DELETE, &format!("/v1/endpoints/{id}"), None).await?;
    Ok(deleted.map_or_else(|refusal| back(&format!("/endpoints/{id}/change"), &refusal), |_| done("/endpoints")))
}

/// What a form is for.
enum Target {
    New(String),
    Change(EndpointId),
}

async fn form_page(pages: &Pages, visit: &Visit, form: EndpointForm, target: Target, why: Option<String>) -> Answer {
    let l = visit.l;
    let (title, action, merchant, id) = match target {
        Target::New(merchant) => (l.new_endpoint(), "/endpoints/new".to_owned(), Some(merchant), None),
        Target::Change(id) => (l.change_endpoint(), format!("/endpoints/{id}/change"), None, Some(id.to_string())),
    };
    let dialects = pages.dialect_names().await?;
    show(&FormPage { page: Frame::of(visit, title).refused(why), action, merchant, id, form, dialects })
}

fn secret_page(visit: &Visit, endpoint: &serde_json::Value) -> Answer {
    let text = |name: &str| endpoint[name].as_str().unwrap_or_default().to_owned();
    show(&SecretPage { page: Frame::of(visit, visit.l.secret()), id: text("id"), secret: text("secret") })
}

impl Served {
    /// The names of all dialects, the built-in ones first.
    async fn dialect_names(&self) -> Result<Vec<String>, Failure> {
        let own = self.ledger().dialects(&PageRequest { limit: 1_000, after: None }).await?.items;
        let built_in = Dialect::built_in().iter().map(|dialect| dialect.name().to_owned());
        Ok(built_in.chain(own.into_iter().map(|dialect| dialect.name)).collect())
    }
}
