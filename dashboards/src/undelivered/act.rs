//! What is done to those that were chosen in the list: each goes through the API, and those it refuses are named.

use crate::Pages;
use crate::failure::{Answer, Failure};
use crate::form::Form;
use crate::page::{done, go_to, own_path};
use crate::visit::Acting;
use axum::extract::State;
use paybell_delivery::DeliveryId;
use serde_json::json;

/// How many can be chosen: a page of the list.
const CHOSEN_MAX: usize = 200;

/// `POST /undelivered/act` with `what=resend|settle`, the ids, and a note for settling.
pub(crate) async fn act(State(pages): State<Pages>, Acting(visit): Acting, form: Form) -> Answer {
    let back = own_path(form.get("back"));
    let chosen: Vec<DeliveryId> = form.all("id").filter_map(|id| id.parse().ok()).take(CHOSEN_MAX).collect();
    if chosen.is_empty() {
        return Ok(go_to(&refused(back, visit.l.nothing_chosen())));
    }
    let (act, body) = match form.get("what") {
        Some("resend") => ("resend", json!({})),
        Some("settle") => ("settle", json!({ "who": visit.session.name, "note": form.get("note") })),
        _ => return Err(Failure::Malformed),
    };
    let mut why = Vec::new();
    for id in chosen {
        match pages.post(&visit.session.name, &format!("/v1/deliveries/{id}/{act}"), &body).await {
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => why.push(refusal.in_words()),
            Err(Failure::NotFound) => {}
            Err(failure) => return Err(failure),
        }
    }
    why.sort_unstable();
    why.dedup();
    if why.is_empty() {
        return Ok(done(back));
    }
    Ok(go_to(&refused(back, &format!("{} {}", visit.l.some_refused(), why.join("; ")))))
}

/// The page with the reason why something was not done.
fn refused(back: &str, why: &str) -> String {
    let joint = if back.contains('?') { '&' } else { '?' };
    format!("{back}{joint}refused={}", form_urlencoded::byte_serialize(why.as_bytes()).collect::<String>())
}
