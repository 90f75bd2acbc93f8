//! Which deliveries a bulk act is for: the filter that bulk resends and bulk settlements share.

use crate::problem::Answer;
use crate::read_deliveries::ENDPOINT_RULE;
use crate::read_fields::Fields;
use crate::validate_payment::{MERCHANT_RULE, merchant_named};
use paybell_delivery::State;
use paybell_store::manage::DeliveryFilter;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Which deliveries. What is not given does not restrict.
#[derive(Serialize, ToSchema)]
pub(crate) struct BulkFilter {
    /// Of this merchant.
    merchant: Option<String>,
    /// To this endpoint.
    endpoint: Option<Uuid>,
    /// Of a resend: `undelivered` or `settled`, both where nothing is said. Of a settlement: `pending` or `undelivered`;
    /// `undelivered` where nothing is said.
    state: Option<&'static str>,
    /// Undelivered, or settled after that, for this reason: `expired`, `refused`, `refused_after_unknown` or `panicked`.
    reason: Option<&'static str>,
    /// Of payments with this order reference.
    pay_for: Option<String>,
    /// Of payments with this id of the gateway's own.
    gateway_payment_id: Option<String>,
    /// Made at or after.
    #[schema(format = DateTime)]
    created_since: Option<String>,
    /// Made before.
    #[schema(format = DateTime)]
    created_before: Option<String>,
}

impl From<DeliveryFilter> for BulkFilter {
    fn from(filter: DeliveryFilter) -> Self {
        Self {
            merchant: filter.merchant_id.map(|id| id.to_string()),
            endpoint: filter.endpoint_id.map(|id| id.0),
            state: filter.state.map(State::as_str),
            reason: filter.reason.map(|reason| reason.as_str()),
            pay_for: filter.pay_for,
            gateway_payment_id: filter.gateway_payment_id,
            created_since: filter.created_since.map(|at| at.to_rfc3339()),
            created_before: filter.created_before.map(|at| at.to_rfc3339()),
        }
    }
}

/// The states that an act can be done to, with the rule in words.
pub(crate) struct States(pub(crate) &'static [State], pub(crate) &'static str);

/// Takes the filter, which must have at least one member, so that nobody acts on everything by mistake. Answers it as
/// JSON for [`read_filter`].
pub(crate) fn take_filter<'a>(fields: &mut Fields<'a>) -> Option<&'a str> {
    let filter = fields.object("filter", 8192);
    fields.required("filter", filter)
}

/// Reads what [`take_filter`] took.
pub(crate) fn read_filter(json: &str, states: &States) -> Answer<DeliveryFilter> {
    const KNOWN: &[&str] = &[
        "merchant",
        "endpoint",
        "state",
        "reason",
        "pay_for",
        "gateway_payment_id",
        "created_since",
        "created_before",
    ];
    let mut fields = Fields::read(json.as_bytes(), KNOWN)?;
    if !KNOWN.iter().any(|name| fields.has_value(name)) {
        fields.wrong("filter", "must have at least one member");
    }
    let States(possible, rule) = states;
    let possible = |word: &str| word.parse().ok().filter(|state| possible.contains(state));
    let filter = DeliveryFilter {
        merchant_id: fields.parsed("merchant", merchant_named, MERCHANT_RULE),
        endpoint_id: fields.parsed("endpoint", |id| id.parse().ok(), ENDPOINT_RULE),
        state: fields.parsed("state", possible, rule),
        reason: fields.parsed("reason", |word| word.parse().ok(), REASON_RULE),
        pay_for: fields.text("pay_for", 1..=256).map(Into::into),
        gateway_payment_id: fields.text("gateway_payment_id", 1..=128).map(Into::into),
        created_since: fields.moment("created_since"),
        created_before: fields.moment("created_before"),
    };
    fields.finish()?;
    Ok(filter)
}

const REASON_RULE: &str = "must be expired, refused, refused_after_unknown or panicked";
