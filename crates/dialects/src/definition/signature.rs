//! Signatures: what is signed, how, and in which form it is sent.

use super::is_default;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignatureDefinition {
    /// `md5`, `sha1`, `sha256`, `sha384`, `sha512`, each also with `hmac-` before it, `ed25519`, `standard-webhooks`
    /// (with all secrets in overlap, separated by spaces); or `{param.NAME}`, a parameter whose choices are such names.
    pub(crate) algorithm: String,
    /// The form in which it is sent. `standard-webhooks` has a form of its own.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) output: Output,
    /// A template for what is signed: values, `{secret}`, `{sorted}`, `{part.NAME}`, and `{body}`: the body's bytes, up to
    /// the signature where it stands in the body itself.
    pub(crate) over: String,
    /// What `{sorted}` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sorted: Option<Sorted>,
}

/// The fields that are sent, sorted by name (bytewise) and put together. Not among them are fields that were left out,
/// those with a signature, and in JSON those inside objects and arrays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sorted {
    /// A template for each field, of `{name}` and `{value}`.
    #[serde(default = "value", skip_serializing_if = "is_value")]
    pub(crate) each: String,
    /// What stands between them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) join: String,
    /// Only fields whose name begins so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) prefix: String,
    /// Names that are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) leave_out: Vec<String>,
    /// The secret is sorted among the fields, under this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret_as: Option<String>,
    /// Names are sorted as if they were in small letters.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub(crate) ignore_case: bool,
}

/// The form in which a signature is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Output {
    /// Hexadecimal with small letters.
    #[default]
    Hex,
    /// Hexadecimal with capital letters.
    #[serde(rename = "HEX")]
    HexUpper,
    /// Base64 with padding.
    Base64,
    /// The URL-safe base64 without padding.
    Base64url,
}

/// An algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
    HmacMd5,
    HmacSha1,
    HmacSha256,
    HmacSha384,
    HmacSha512,
    Ed25519,
    StandardWebhooks,
}

impl Algorithm {
    pub(crate) const NAMES: &'static [(&'static str, Algorithm)] = &[
        ("md5", Algorithm::Md5),
        ("sha1", Algorithm::Sha1),
        ("sha256", Algorithm::Sha256),
        ("sha384", Algorithm::Sha384),
        ("sha512", Algorithm::Sha512),
        ("hmac-md5", Algorithm::HmacMd5),
        ("hmac-sha1", Algorithm::HmacSha1),
        ("hmac-sha256", Algorithm::HmacSha256),
        ("hmac-sha384", Algorithm::HmacSha384),
        ("hmac-sha512", Algorithm::HmacSha512),
        ("ed25519", Algorithm::Ed25519),
        ("standard-webhooks", Algorithm::StandardWebhooks),
    ];

    pub(crate) fn named(name: &str) -> Option<Algorithm> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    /// Whether the secret has no place in it but inside what is hashed.
    pub(crate) const fn is_plain_hash(self) -> bool {
        use Algorithm::{Md5, Sha1, Sha256, Sha384, Sha512};
        matches!(self, Md5 | Sha1 | Sha256 | Sha384 | Sha512)
    }
}

fn value() -> String {
    "{value}".to_owned()
}

fn is_value(each: &str) -> bool {
    each == "{value}"
}
