//! Dialects of the gateway's own, and endpoints with what an attempt or a check needs of them.

use super::Secret;
use paybell_delivery::{Endpoint, EndpointOptions, ReplySignature, Timestamp};
use paybell_dialects::{Tolerance, Verify};
use secrecy::ExposeSecret;

/// A dialect as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredDialect {
    /// Its name.
    pub name: String,
    /// Its definition: canonical JSON.
    pub definition: String,
    /// Grows with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An endpoint with all that is needed to send it something.
#[derive(Clone, Debug)]
pub struct EndpointForAttempt {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Its secrets, those in their overlap too.
    pub secrets: Vec<Secret>,
    /// Its dialect, where it is none of the built-in ones.
    pub dialect: Option<StoredDialect>,
}

impl EndpointForAttempt {
    /// What the endpoint tolerates in a reply.
    pub fn tolerance(&self) -> Tolerance {
        let EndpointOptions { ignore_whitespace, ignore_case, reply_signature } = self.endpoint.options;
        let reply_signature = reply_signature.map(|rule| match rule {
            ReplySignature::Off => Verify::Off,
            ReplySignature::Warn => Verify::Warn,
            ReplySignature::Strict => Verify::Strict,
        });
        Tolerance { ignore_whitespace, ignore_case, reply_signature }
    }

    /// The secrets to sign with at `now`: the current one first, then those still in their overlap.
    pub fn secrets_at(&self, now: Timestamp) -> Vec<&str> {
        let mut secrets: Vec<&Secret> =
            self.secrets.iter().filter(|secret| secret.ends_at.is_none_or(|end| now < end)).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse((secret.ends_at.is_none(), secret.created_at)));
        secrets.into_iter().map(|secret| secret.value.expose_secret()).collect()
    }
}
