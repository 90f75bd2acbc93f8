//! The filter of a bulk act as it is stored: JSON.

use crate::manage::DeliveryFilter;
use crate::{Result, StoreError};
use paybell_delivery::{EndpointId, MerchantId, Timestamp};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Stored {
    merchant_id: Option<String>,
    endpoint_id: Option<EndpointId>,
    state: Option<String>,
    reason: Option<String>,
    pay_for: Option<String>,
    gateway_payment_id: Option<String>,
    created_since: Option<Timestamp>,
    created_before: Option<Timestamp>,
}

pub(super) fn write(filter: &DeliveryFilter) -> Result<String> {
    let DeliveryFilter { merchant_id, endpoint_id, state, reason, pay_for, gateway_payment_id, .. } = filter.clone();
    let stored = Stored {
        merchant_id: merchant_id.map(|id| id.to_string()),
        endpoint_id,
        state: state.map(|state| state.as_str().to_owned()),
        reason: reason.map(|reason| reason.as_str().to_owned()),
        pay_for,
        gateway_payment_id,
        created_since: filter.created_since,
        created_before: filter.created_before,
    };
    serde_json::to_string(&stored).map_err(|e| StoreError::Refused(format!("the filter cannot be stored: {e}")))
}

pub(super) fn read(text: &str) -> Result<DeliveryFilter> {
    let unreadable = |what: String| StoreError::Unreadable(format!("a bulk act's filter: {what}"));
    let stored: Stored = serde_json::from_str(text).map_err(|e| unreadable(e.to_string()))?;
    let merchant = |id: String| MerchantId::new(id.as_str()).ok_or_else(|| unreadable(id));
    Ok(DeliveryFilter {
        merchant_id: stored.merchant_id.map(merchant).transpose()?,
        endpoint_id: stored.endpoint_id,
        state: stored.state.map(|state| state.parse()).transpose()?,
        reason: stored.reason.map(|reason| reason.parse()).transpose()?,
        pay_for: stored.pay_for,
        gateway_payment_id: stored.gateway_payment_id,
        created_since: stored.created_since,
        created_before: stored.created_before,
    })
}
