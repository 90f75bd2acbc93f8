//! Pages of management: merchants, endpoints, dialects, keys, people, the audit. What is changed goes through the API.

mod audit;
mod dialects;
mod endpoint_form;
mod endpoints;
mod keys;
mod merchants;
mod people;

use crate::Pages;
use crate::act::Refusal;
use crate::page::go_to;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};

pub(crate) fn routes() -> Router<Pages> {
    Router::new()
        .route("/merchants", get(merchants::list).post(merchants::create))
        .route("/merchants/{id}", get(merchants::one))
        .route("/merchants/{id}/rename", post(merchants::rename))
        .route("/merchants/{id}/pause", post(merchants::pause))
        .route("/merchants/{id}/resume", post(merchants::resume))
        .route("/merchants/{id}/delete", post(merchants::delete))
        .route("/merchants/{id}/portal-link", post(merchants::portal_link))
        .route("/endpoints/new", get(endpoints::new).post(endpoints::create))
        .route("/endpoints/{id}/change", get(endpoints::change_form).post(endpoints::change))
        .route("/endpoints/{id}/rotate-secret", post(endpoints::rotate))
        .route("/endpoints/{id}/delete", post(endpoints::delete))
        .route("/dialects", get(dialects::list).post(dialects::put))
        .route("/dialects/{name}", get(dialects::one))
        .route("/dialects/{name}/delete", post(dialects::delete))
        .route("/keys", get(keys::list).post(keys::create))
        .route("/keys/{id}/revoke", post(keys::revoke))
        .route("/people", get(people::people).post(people::put))
        .route("/people/remove", post(people::remove))
        .route("/sessions/{id}/revoke", post(people::revoke))
        .route("/audit", get(audit::audit))
}

/// Back to a page, which says why something was not done.
fn back(path: &str, refusal: &Refusal) -> Response {
    let why: String = form_urlencoded::byte_serialize(refusal.in_words().as_bytes()).collect();
    go_to(&format!("{path}?refused={why}"))
}
