//! `POST /bulk`: begins what was confirmed, and goes on to its progress.

use super::{BulkForm, What};
use crate::act::Refusal;
use crate::deliveries::Filter;
use crate::failure::{Answer, Failure};
use crate::form::Form;
use crate::page::{done, go_to};
use crate::visit::{Acting, Visit};
use crate::{Pages, Served};
use axum::extract::State;
use paybell_store::manage::DeliveryFilter;
use serde_json::json;

/// `POST /bulk`.
pub(crate) async fn begin(State(pages): State<Pages>, Acting(visit): Acting, form: Form) -> Answer {
    let what = What::named(&form).ok_or(Failure::Malformed)?;
    let bulk = BulkForm::again(&form);
    let filter = Filter::read(form);
    if filter.wrong.is_some() || !what.can_be_done_to(filter.means.state) {
        return Err(Failure::Malformed);
    }
    let name = &visit.session.name;
    let (path, body) = match what {
        What::Resend => ("/v1/bulk-resends", json!({ "filter": bulk.for_api(&filter) })),
        What::Settle => {
            let who = filter.form.get("who").unwrap_or(name);
            let note = filter.form.get("note");
            ("/v1/bulk-settlements", json!({ "who": who, "note": note, "filter": bulk.for_api(&filter) }))
        }
        What::Pause | What::Resume => return pages.change_endpoints(what, &filter.means, &visit).await,
    };
    match pages.post(name, path, &body).await? {
        Ok(begun) => Ok(go_to(&format!("/bulk/{}/{}", what.as_str(), begun["id"].as_str().unwrap_or_default()))),
        Err(refusal) => Ok(back(what, &filter.form, &refusal)),
    }
}

impl Served {
    async fn change_endpoints(&self, what: What, means: &DeliveryFilter, visit: &Visit) -> Answer {
        let endpoints = self.endpoints_of(means).await?.ok_or(Failure::Malformed)?;
        for endpoint in &endpoints {
            let path = format!("/v1/endpoints/{}/{}", endpoint.id, what.as_str());
            if let Err(refusal) = self.post(&visit.session.name, &path, &json!({})).await? {
                tracing::warn!(endpoint.id = %endpoint.id, why = refusal.in_words(), "an endpoint was left as it is");
            }
        }
        Ok(done(&match (means.endpoint_id, &means.merchant_id) {
            (Some(id), _) => format!("/endpoints/{id}"),
            (None, Some(merchant)) => format!("/merchants/{merchant}"),
            (None, None) => "/endpoints".to_owned(),
        }))
    }
}

fn back(what: What, form: &Form, refusal: &Refusal) -> axum::response::Response {
    let why: String = form_urlencoded::byte_serialize(refusal.in_words().as_bytes()).collect();
    go_to(&format!("/bulk?{}&what={}&refused={why}", form.query_without(&["what", "note", "refused"]), what.as_str()))
}
