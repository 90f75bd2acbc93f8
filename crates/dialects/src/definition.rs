//! The model of a definition, as it is written down. README.md explains it; `dialect.schema.json` is made from it.

mod exchange;
mod reply;
mod secret;
mod signature;
mod value;

pub(crate) use exchange::{Absent, Encoding, Exchange, Field, JsonType, Part};
pub(crate) use reply::{Meaning, Otherwise, Reply, ReplyFormat, ReplySignature, Rule};
pub use secret::{Parameter, Schedule};
pub(crate) use secret::{Secret, SecretForm};
pub(crate) use signature::{Algorithm, Output, SignatureDefinition, Sorted};
pub(crate) use value::{Case, Money, Unit, ValueDefinition};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A dialect: how one gateway family words a notification and its acknowledgement.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Paybell dialect", rename = "Dialect")]
pub(crate) struct Definition {
    /// The name by which endpoints choose it: small letters, digits and hyphens.
    pub(crate) name: String,
    /// Its name for people.
    pub(crate) title: String,
    /// What it is, where the facts come from, and what is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    /// The form of its secrets.
    #[serde(default)]
    pub(crate) secret: Secret,
    /// Names that the merchant's own query may not use. The fields of a query encoding are reserved without being named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) reserved_names: Vec<String>,
    /// When attempts are made by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) schedule: Option<Schedule>,
    /// What each endpoint must or may set, by name: used as `{param.NAME}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) parameters: BTreeMap<String, Parameter>,
    /// Formatted values, by name: used as `{NAME}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) values: BTreeMap<String, ValueDefinition>,
    /// How a payment is told.
    pub(crate) notify: Exchange,
    /// How the merchant is asked before a payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) check: Option<Exchange>,
}

pub(crate) fn is_false(value: &bool) -> bool {
    !*value
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
