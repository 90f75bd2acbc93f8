//! Where a merchant is told.

use crate::{EndpointId, Failing, MerchantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A merchant's URL with its dialect, cap and limits. Its secrets are kept apart, sealed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// The id.
    pub id: EndpointId,
    /// Whose it is.
    pub merchant_id: MerchantId,
    /// Where notifications go; kept exactly as it was given.
    pub url: String,
    /// Where the question before a payment goes; nothing when it is not asked.
    pub check_url: Option<String>,
    /// The name of its dialect, such as `standard`.
    pub dialect: String,
    /// What the dialect wants to know of each endpoint, by name: the shop's number and the like.
    pub parameters: BTreeMap<String, String>,
    /// The dialect's options.
    pub options: EndpointOptions,
    /// How many attempts may be in flight at once, over all workers; at least 1.
    pub concurrency_max: u32,
    /// The time limit of one attempt; nothing for the engine's default.
    pub time_limit: Option<Duration>,
    /// How long after acceptance a delivery may be attempted; nothing for the engine's, which it never exceeds.
    pub lifetime: Option<Duration>,
    /// Set while a person has paused it.
    pub pause: Option<Pause>,
    /// Set while it does not answer.
    pub failing: Option<Failing>,
    /// Grows with each change, so that what was read before can be told from what stands now.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was deleted; what was delivered stays visible.
    pub deleted_at: Option<Timestamp>,
}

/// Since when, and by whom, an endpoint is paused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Pause {
    /// Since when.
    pub at: Timestamp,
    /// By whom: a key's name.
    pub by: String,
}

/// What an endpoint may choose within its dialect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndpointOptions {
    /// White space around the acknowledgement is allowed.
    pub ignore_whitespace: bool,
    /// The acknowledgement's letter case does not matter.
    pub ignore_case: bool,
    /// How the signatures of its replies are verified; nothing for the dialect's own rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_signature: Option<ReplySignature>,
}

/// How the signatures of an endpoint's replies are verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplySignature {
    /// Not at all.
    Off,
    /// A wrong one is told to people, and the reply counts.
    Warn,
    /// A reply with a wrong one does not count.
    Strict,
}
