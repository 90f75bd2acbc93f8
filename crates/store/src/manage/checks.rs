//! Which checks are looked for.

use paybell_delivery::{CheckAnswer, EndpointId, MerchantId, Timestamp};

/// Which checks. What is not given does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckFilter {
    /// Of this merchant.
    pub merchant_id: Option<MerchantId>,
    /// That this endpoint was asked.
    pub endpoint_id: Option<EndpointId>,
    /// Of this order reference.
    pub pay_for: Option<String>,
    /// With this answer.
    pub answer: Option<CheckAnswer>,
    /// Asked at or after.
    pub asked_since: Option<Timestamp>,
    /// Asked before.
    pub asked_before: Option<Timestamp>,
}
