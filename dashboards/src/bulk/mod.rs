//! Acts on all deliveries that a filter picks: what it would be done to, a confirmation, and how far it is.

mod begin;
mod preview;
mod progress;

use crate::Pages;
use crate::deliveries::Filter;
use crate::form::Form;
use axum::Router;
use axum::routing::get;
use paybell_delivery::State;
use serde_json::{Map, Value};

pub(crate) fn routes() -> Router<Pages> {
    Router::new()
        .route("/bulk", get(preview::preview).post(begin::begin))
        .route("/bulk/{what}/{id}", get(progress::progress))
}

/// The fields of a filter's form, and those of the API's filter that they stand for.
const FIELDS: &[(&str, &str)] = &[
    ("merchant", "merchant"),
    ("endpoint", "endpoint"),
    ("state", "state"),
    ("reason", "reason"),
    ("order", "pay_for"),
    ("payment", "gateway_payment_id"),
    ("since", "created_since"),
    ("before", "created_before"),
];

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Resend,
    Settle,
    Pause,
    Resume,
}

impl What {
    fn named(form: &Form) -> Option<Self> {
        match form.get("what")? {
            "resend" => Some(What::Resend),
            "settle" => Some(What::Settle),
            "pause" => Some(What::Pause),
            "resume" => Some(What::Resume),
            _ => None,
        }
    }

    /// Whether it can be done to what is in this state. Acts on deliveries need one, so that no preview counts what the
    /// act passes over.
    fn can_be_done_to(self, state: Option<State>) -> bool {
        match self {
            What::Resend => matches!(state, Some(State::Undelivered | State::Settled)),
            What::Settle => matches!(state, Some(State::Pending | State::Undelivered)),
            What::Pause | What::Resume => true,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            What::Resend => "resend",
            What::Settle => "settle",
            What::Pause => "pause",
            What::Resume => "resume",
        }
    }
}

/// The hidden fields that carry a list's filter to a bulk act.
pub(crate) struct BulkForm {
    pub(crate) fields: Vec<(&'static str, String)>,
}

impl BulkForm {
    /// Of a list's form; the list shows deliveries in `state` only.
    pub(crate) fn of(form: &Form, state: &str) -> Self {
        let typed = |name: &'static str| form.get(name).map(|value| (name, value.to_owned()));
        let mut fields: Vec<_> =
            FIELDS.iter().filter(|(name, _)| *name != "state").filter_map(|(n, _)| typed(n)).collect();
        fields.push(("state", state.to_owned()));
        Self { fields }
    }

    /// Of a bulk act's own form.
    fn again(form: &Form) -> Self {
        let typed = |name: &'static str| form.get(name).map(|value| (name, value.to_owned()));
        Self { fields: FIELDS.iter().filter_map(|(name, _)| typed(name)).collect() }
    }

    /// As the API reads it.
    fn for_api(&self, filter: &Filter) -> Value {
        let mut json = Map::new();
        for (name, value) in &self.fields {
            let Some((_, key)) = FIELDS.iter().find(|(field, _)| field == name) else { continue };
            let moment = match *name {
                "since" => filter.means.created_since,
                "before" => filter.means.created_before,
                _ => None,
            };
            let value = moment.map_or_else(|| value.clone(), |at| at.to_rfc3339());
            json.insert((*key).to_owned(), value.into());
        }
        json.into()
    }

    /// In words: `merchant: shop, state: undelivered`.
    fn in_words(&self) -> String {
        self.fields.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lists_filter_becomes_the_apis() {
        let form = Form::parse(b"merchant=shop&order=7&state=delivered&since=2026-11-21&after=x");
        let bulk = BulkForm::of(&form, "undelivered");
        let json = bulk.for_api(&Filter::read(form));
        let expected = serde_json::json!({
            "merchant": "shop", "pay_for": "7", "state": "undelivered", "created_since": "2026-11-21T00:00:00.000000Z",
        });
        assert_eq!(json, expected);
    }
}
