//! A merchant sends itself a test notification, and follows it on its page.

use super::visit::{PortalVisit, must};
use crate::Pages;
use crate::failure::Answer;
use crate::form::Form;
use crate::page::{done, go_to};
use axum::extract::{Path, State};
use serde_json::json;

/// `POST /portal/endpoints/{id}/test`: goes on to the test's delivery.
pub(crate) async fn send_test(
    State(pages): State<Pages>,
    visit: PortalVisit,
    Path(id): Path<String>,
    form: Form,
) -> Answer {
    must(visit.rights.resend)?;
    let id = pages.own_endpoint(&visit, &id).await?.id;
    let body = json!({ "type": form.get("type") });
    match pages.post(&visit.name(), &format!("/v1/endpoints/{id}/test"), &body).await? {
        Ok(sent) => Ok(done(&format!("/portal/deliveries/{}", sent["delivery_id"].as_str().unwrap_or_default()))),
        Err(refusal) => {
            let why: String = form_urlencoded::byte_serialize(refusal.in_words().as_bytes()).collect();
            Ok(go_to(&format!("/portal/endpoints/{id}?refused={why}")))
        }
    }
}
