//! Replies: where the decisive value stands, and what it means.

use super::{Output, is_default};
use crate::answer::Verify;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the merchant answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    /// The statuses of an answer that counts: `200`, or `2xx` for all of a class. Without rules each of them accepts.
    pub(crate) statuses: Vec<String>,
    /// How the body is read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) format: ReplyFormat,
    /// Where the decisive value stands: a path in JSON (`code`, `items.0.code`) and XML (`result.code`, with the root), a
    /// key in a form. In `text` it is the whole body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<String>,
    /// What its values mean; the first rule that fits decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rules: Vec<Rule>,
    /// What it means when no rule fits.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) otherwise: Otherwise,
    /// Where the merchant's words stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) comment: Option<String>,
    /// Whether white space around a value and a byte order mark do not matter.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub(crate) ignore_whitespace: bool,
    /// Whether letter case does not matter.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub(crate) ignore_case: bool,
    /// Whether an endpoint's own tolerance for white space and letter case has no effect.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub(crate) fixed: bool,
    /// The reply's own signature. It is verified where the merchant accepts or refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signature: Option<ReplySignature>,
}

/// How a reply's body is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ReplyFormat {
    /// Not at all: the status decides.
    #[default]
    None,
    /// As one text.
    Text,
    /// As JSON.
    Json,
    /// As XML, without a document type.
    Xml,
    /// As a form: `a=b&c=d`.
    Form,
}

/// What a value means: either `is` or `present`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Where the value stands, if not where the reply says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<String>,
    /// A template for the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) is: Option<String>,
    /// Whether it is enough that the value is there (and not `null`).
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub(crate) present: bool,
    /// What it means.
    pub(crate) means: Meaning,
    /// The same in words, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) words: Option<String>,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Meaning {
    /// Accepted: delivered. To a check: allowed.
    Accepted,
    /// The merchant wants to be told again. To a check: unavailable.
    Retry,
    /// Refused for good.
    Refused,
    /// The merchant finds our signature wrong: tell it again, and say so loudly. To a check: unavailable.
    SignatureRejected,
}

/// What an answer means that no rule fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Otherwise {
    /// A wrong body: tell it again. To a check: unavailable.
    #[default]
    Retry,
    /// Refused for good.
    Refused,
}

/// A reply's own signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplySignature {
    /// Where it stands.
    pub(crate) at: String,
    /// As in a request's signature.
    pub(crate) algorithm: String,
    /// As in a request's signature. Hexadecimal is compared without regard to letter case.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) output: Output,
    /// A template for what is signed: values, `{secret}`, and `{reply.PATH}`: what stands in the reply.
    pub(crate) over: String,
    /// How it is verified when the endpoint does not say.
    #[serde(default)]
    pub(crate) verify: Verify,
}
