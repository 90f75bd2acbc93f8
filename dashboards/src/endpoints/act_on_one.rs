//! What a person does to an endpoint: pause, resume, test, probe.

use crate::Pages;
use crate::failure::Answer;
use crate::page::{done, go_to};
use crate::visit::{Acting, Visit};
use axum::extract::{Path, State};
use paybell_delivery::EndpointId;
use serde_json::json;

/// `POST /endpoints/{id}/pause`.
pub(crate) async fn pause(State(pages): State<Pages>, Acting(visit): Acting, Path(id): Path<EndpointId>) -> Answer {
    act(&pages, &visit, id, "pause").await
}

/// `POST /endpoints/{id}/resume`.
pub(crate) async fn resume(State(pages): State<Pages>, Acting(visit): Acting, Path(id): Path<EndpointId>) -> Answer {
    act(&pages, &visit, id, "resume").await
}

/// `POST /endpoints/{id}/probe`.
pub(crate) async fn probe(State(pages): State<Pages>, Acting(visit): Acting, Path(id): Path<EndpointId>) -> Answer {
    act(&pages, &visit, id, "probe").await
}

/// `POST /endpoints/{id}/test`: goes on to the test's delivery.
pub(crate) async fn test(State(pages): State<Pages>, Acting(visit): Acting, Path(id): Path<EndpointId>) -> Answer {
    act(&pages, &visit, id, "test").await
}

async fn act(pages: &Pages, visit: &Visit, id: EndpointId, what: &str) -> Answer {
    match pages.post(&visit.session.name, &format!("/v1/endpoints/{id}/{what}"), &json!({})).await? {
        Ok(answer) => {
            let delivery = answer["delivery_id"].as_str().map(|id| format!("/deliveries/{id}"));
            Ok(done(&delivery.unwrap_or_else(|| format!("/endpoints/{id}"))))
        }
        Err(refusal) => {
            let why: String = form_urlencoded::byte_serialize(refusal.in_words().as_bytes()).collect();
            Ok(go_to(&format!("/endpoints/{id}?refused={why}")))
        }
    }
}
