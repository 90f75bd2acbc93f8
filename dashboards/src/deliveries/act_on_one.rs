//! What a person does to one delivery: resend it, settle it, write who looks after it.

use crate::Pages;
use crate::act::Refusal;
use crate::failure::Answer;
use crate::form::Form;
use crate::page::{done, go_to};
use crate::visit::Acting;
use axum::extract::{Path, State};
use paybell_delivery::DeliveryId;
use paybell_store::manage::Actor;
use serde_json::json;

/// `POST /deliveries/{id}/resend`: goes on to the new delivery.
pub(crate) async fn resend(State(pages): State<Pages>, Acting(visit): Acting, Path(id): Path<DeliveryId>) -> Answer {
    match pages.post(&visit.session.name, &format!("/v1/deliveries/{id}/resend"), &json!({})).await? {
        Ok(resent) => Ok(done(&format!("/deliveries/{}", resent["id"].as_str().unwrap_or_default()))),
        Err(refusal) => Ok(back(id, &refusal)),
    }
}

/// `POST /deliveries/{id}/settle`.
pub(crate) async fn settle(
    State(pages): State<Pages>,
    Acting(visit): Acting,
    Path(id): Path<DeliveryId>,
    form: Form,
) -> Answer {
    let who = form.get("who").unwrap_or(&visit.session.name);
    let body = json!({ "who": who, "note": form.get("note") });
    match pages.post(&visit.session.name, &format!("/v1/deliveries/{id}/settle"), &body).await? {
        Ok(_) => Ok(done(&format!("/deliveries/{id}"))),
        Err(refusal) => Ok(back(id, &refusal)),
    }
}

/// `POST /deliveries/{id}/follow-up`.
pub(crate) async fn follow_up(
    State(pages): State<Pages>,
    Acting(visit): Acting,
    Path(id): Path<DeliveryId>,
    form: Form,
) -> Answer {
    let (owner, note) = (form.get("owner").map(|owner| cut(owner, 128)), cut(form.get("note").unwrap_or(""), 1024));
    let actor = Actor { name: visit.session.name.clone(), now: visit.now };
    pages.ledger().follow_up(id, owner, note, &actor).await?;
    Ok(done(&format!("/deliveries/{id}")))
}

/// The beginning of a text, of so many characters.
fn cut(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

/// Back to the delivery, which says why.
fn back(id: DeliveryId, refusal: &Refusal) -> axum::response::Response {
    let why: String = form_urlencoded::byte_serialize(refusal.in_words().as_bytes()).collect();
    go_to(&format!("/deliveries/{id}?refused={why}"))
}
