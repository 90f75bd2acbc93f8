//! What an endpoint of the dialect has: secrets, parameters, a schedule.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The form of the dialect's secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    /// What it looks like.
    #[serde(default)]
    pub(crate) form: SecretForm,
    /// The fewest characters (`text`, 16 by default, 64 at most) or bytes (`hex`, 16 by default, 32 at most).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) min: Option<usize>,
    /// The most characters (`text`, 128 by default) or bytes (`hex`, 64 by default).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<usize>,
}

/// What a secret looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SecretForm {
    /// Visible ASCII without spaces; its own bytes are the key. A new one is 64 hexadecimal digits, cut to `max`.
    #[default]
    Text,
    /// `whsec_` and base64 (HMAC), or `whsk_` and base64 (ed25519). A new one is `whsec_`.
    StandardWebhooks,
    /// Hexadecimal digits; the bytes that they stand for are the key. A new one has 32 bytes, cut to `max`.
    Hex,
    /// The dialect signs nothing. An endpoint's secret is kept and not used.
    None,
}

/// What each endpoint must or may set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// What it is, for people.
    pub description: String,
    /// Whether it may be missing without a default.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub optional: bool,
    /// What it is when an endpoint does not set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// A regular expression that all of it must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// What it can be, if only some texts are right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

/// When attempts are made: either `waits_s`, or the other three.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The waits after each attempt in seconds; the last one repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_s: Vec<u32>,
    /// The wait after the first attempt in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_s: Option<u32>,
    /// What each wait is multiplied by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// The longest wait in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_s: Option<u32>,
}
