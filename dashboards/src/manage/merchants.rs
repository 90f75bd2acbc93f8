//! `/merchants`: all of them, one with its endpoints, and what is done to one.

use super::back;
use crate::Pages;
use crate::deliveries::next_page;
use crate::endpoints::Listed;
use crate::failure::{Answer, Failure};
use crate::form::Form;
use crate::page::{Frame, done, show};
use crate::say::moment;
use crate::visit::{Acting, Visit};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::Method;
use paybell_delivery::MerchantId;
use paybell_store::manage::{Merchant, PageRequest};
use serde_json::json;

const ON_A_PAGE: u32 = 100;

#[derive(Template)]
#[template(path = "merchants.html")]
struct MerchantsPage {
    page: Frame,
    rows: Vec<(String, String, String)>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "merchant.html")]
struct MerchantPage {
    page: Frame,
    id: String,
    name: String,
    made: String,
    rows: Vec<Listed>,
    link: Option<String>,
}

/// `GET /merchants`.
pub(crate) async fn list(State(pages): State<Pages>, visit: Visit) -> Answer {
    let query = visit.query();
    let request = PageRequest { limit: ON_A_PAGE, after: query.get("after").map(str::to_owned) };
    let found = pages.ledger().merchants(&request).await?;
    let row = |is: &Merchant| (is.id.to_string(), is.name.clone(), moment(is.created_at));
    let page = Frame::of(&visit, visit.l.nav_merchants());
    let refused = query.get("refused").map(str::to_owned);
    show(&MerchantsPage {
        page: page.refused(refused),
        rows: found.items.iter().map(row).collect(),
        next: found.next.map(|next| next_page("/merchants", &query, &next)),
    })
}

/// `POST /merchants`.
pub(crate) async fn create(State(pages): State<Pages>, Acting(visit): Acting, form: Form) -> Answer {
    let body = json!({ "id": form.get("id"), "name": form.get("name") });
    match pages.post(&visit.session.name, "/v1/merchants", &body).await? {
        Ok(made) => Ok(done(&path(made["id"].as_str().unwrap_or_default()))),
        Err(refusal) => Ok(back("/merchants", &refusal)),
    }
}

/// `GET /merchants/{id}`.
pub(crate) async fn one(State(pages): State<Pages>, visit: Visit, Path(id): Path<String>) -> Answer {
    merchant(&pages, &visit, &id, None).await
}

async fn merchant(pages: &Pages, visit: &Visit, id: &str, link: Option<String>) -> Answer {
    let id = MerchantId::new(id).ok_or(Failure::NotFound)?;
    let merchant = pages.ledger().merchant(&id).await?.ok_or(Failure::NotFound)?;
    let endpoints = pages.ledger().endpoints(Some(&id), &PageRequest { limit: 1_000, after: None }).await?.items;
    let page = Frame::of(visit, &merchant.name);
    let refused = visit.query().get("refused").map(str::to_owned);
    show(&MerchantPage {
        page: page.refused(refused),
        id: id.to_string(),
        made: moment(merchant.created_at),
        rows: endpoints.iter().map(|endpoint| Listed::of(visit.l, endpoint, visit.now)).collect(),
        name: merchant.name,
        link,
    })
}

/// `POST /merchants/{id}/rename`.
pub(crate) async fn rename(
    State(pages): State<Pages>,
    Acting(visit): Acting,
    Path(id): Path<String>,
    form: Form,
) -> Answer {
    let body = json!({ "name": form.get("name") });
    let renamed = pages.act(&visit.session.name, Method::PATCH, &api(&id, "")?, Some(&body)).await?;
    Ok(renamed.map_or_else(|refusal| back(&path(&id), &refusal), |_| done(&path(&id))))
}

/// `POST /merchants/{id}/pause`.
pub(crate) async fn pause(state: State<Pages>, visit: Acting, id: Path<String>) -> Answer {
    change(state, visit, id, "/pause").await
}

/// `POST /merchants/{id}/resume`.
pub(crate) async fn resume(state: State<Pages>, visit: Acting, id: Path<String>) -> Answer {
    change(state, visit, id, "/resume").await
}

async fn change(State(pages): State<Pages>, Acting(visit): Acting, Path(id): Path<String>, act: &str) -> Answer {
    let changed = pages.post(&visit.session.name, &api(&id, act)?, &json!({})).await?;
    Ok(changed.map_or_else(|refusal| back(&path(&id), &refusal), |_| done(&path(&id))))
}

/// `POST /merchants/{id}/delete`.
pub(crate) async fn delete(State(pages): State<Pages>, Acting(visit): Acting, Path(id): Path<String>) -> Answer {
    let deleted = pages.act(&visit.session.name, Method::DELETE, &api(&id, "")?, None).await?;
    Ok(deleted.map_or_else(|refusal| back(&path(&id), &refusal), |_| done("/merchants")))
}

/// `POST /merchants/{id}/portal-link`: the link is shown once.
pub(crate) async fn portal_link(State(pages): State<Pages>, Acting(visit): Acting, Path(id): Path<String>) -> Answer {
    match pages.post(&visit.session.name, &api(&id, "/portal-links")?, &json!({})).await? {
        Ok(link) => merchant(&pages, &visit, &id, link["url"].as_str().map(str::to_owned)).await,
        Err(refusal) => Ok(back(&path(&id), &refusal)),
    }
}

/// The API's path of a merchant, whose id holds no character that means something in a path.
fn api(id: &str, act: &str) -> Result<String, Failure> {
    let id = MerchantId::new(id).ok_or(Failure::NotFound)?;
    Ok(format!("/v1{}{act}", path(id.as_str())))
}

fn path(id: &str) -> String {
    format!("/merchants/{id}")
}
