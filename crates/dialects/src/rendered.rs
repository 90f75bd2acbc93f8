//! A request, and what is needed to render it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A rendered and signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The HTTP method.
    pub method: Method,
    /// What is appended to the URL's own query, percent-encoded, without `?` or `&` before it.
    pub query: Option<String>,
    /// Header names (lower case) and values, `content-type` among them when there is a body.
    pub headers: Vec<(Arc<str>, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The signatures that stand in it, as they were written.
    pub signatures: Vec<String>,
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    #[default]
    Post,
    /// PUT.
    Put,
}

impl Method {
    /// Its name, as on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
        }
    }
}

/// An endpoint's settings for its dialect: the shop's number and the like, by name.
pub type Parameters = BTreeMap<String, String>;

/// What a request is signed with.
#[derive(Clone, Copy)]
pub struct Signing<'a> {
    /// The current secret first, then those still in their overlap.
    pub secrets: &'a [&'a str],
    /// The endpoint's settings.
    pub parameters: &'a Parameters,
    /// The time of this attempt.
    pub unix_seconds: i64,
}

impl fmt::Debug for Signing<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Signing")
            .field("secrets", &self.secrets.len())
            .field("unix_seconds", &self.unix_seconds)
            .finish_non_exhaustive()
    }
}

/// Why a request could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialectError {
    /// A secret of the wrong form.
    #[error("a secret of dialect {dialect} must be {rule}")]
    Secret {
        /// Which dialect.
        dialect: String,
        /// What it must be.
        rule: String,
    },
    /// There is no usable secret.
    #[error("there is no secret to sign with")]
    NoSecret,
    /// The notification's free data cannot be put into a JSON body, or read.
    #[error("the payment's free data is not JSON")]
    Data,
    /// A value that cannot be worded as the dialect asks.
    #[error("{name} cannot be sent: {rule}")]
    Value {
        /// The value, field or header.
        name: String,
        /// What it must be.
        rule: &'static str,
    },
    /// The endpoint does not say a parameter that the dialect needs.
    #[error("the endpoint lacks the parameter {0}")]
    Parameter(String),
    /// The dialect has no check.
    #[error("dialect {0} asks nothing before a payment")]
    NoCheck(String),
}

impl DialectError {
    pub(crate) fn value(name: &str, rule: &'static str) -> Self {
        DialectError::Value { name: name.to_owned(), rule }
    }
}
