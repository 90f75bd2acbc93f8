//! From a claimed delivery to the request that tells of it, and from the answer to what it means.

use crate::load_endpoint::LoadedEndpoint;
use paybell_delivery::Timestamp;
use paybell_dialects::{Confidential, DialectError, Signing, Verdict};
use paybell_outbound::{Answer, OutboundRequest};
use paybell_store::engine::ClaimedDelivery;
use paybell_store::{WordedPayment, attempt_headers};
use std::time::Duration;

/// A notification in the words of its endpoint's dialect, as of one attempt.
pub(crate) struct Telling<'a> {
    claimed: &'a ClaimedDelivery,
    loaded: &'a LoadedEndpoint,
    payment: WordedPayment<'a>,
    secrets: Vec<&'a str>,
    unix_seconds: i64,
}

impl<'a> Telling<'a> {
    /// Of an attempt that begins at `now`.
    pub(crate) fn new(claimed: &'a ClaimedDelivery, loaded: &'a LoadedEndpoint, now: Timestamp) -> Self {
        Self {
            claimed,
            loaded,
            payment: WordedPayment::new(&claimed.payment),
            secrets: loaded.read.secrets_at(now),
            unix_seconds: now.unix_seconds(),
        }
    }

    /// Renders and signs the request, and answers its signatures too. Each attempt is signed anew; the body is the same.
    pub(crate) fn render(&self, time_limit: Duration) -> Result<(OutboundRequest, Vec<String>), DialectError> {
        let rendered = self.loaded.dialect.render(&self.payment.notification(), &self.signing())?;
        let mut headers: Vec<(String, String)> =
            rendered.headers.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
        headers.extend(attempt_headers(self.claimed.delivery_id, self.claimed.attempt));
        let request = OutboundRequest {
            method: rendered.method,
            url: self.loaded.read.endpoint.url.clone(),
            query: rendered.query,
            headers,
            body: rendered.body.into(),
            time_limit,
        };
        Ok((request, rendered.signatures))
    }

    /// What must not be kept of the answer to a request with these signatures.
    pub(crate) fn confidential<'s>(&'s self, signatures: &'s [String]) -> Confidential<'s> {
        Confidential::new(&self.secrets, signatures)
    }

    /// What the merchant's answer means.
    pub(crate) fn judge(&self, answer: &Answer) -> Verdict {
        let answer =
            paybell_dialects::Answer { status: answer.status, body: &answer.body, truncated: answer.truncated };
        self.loaded.dialect.judge(&self.payment.notification(), &self.signing(), &answer, self.loaded.read.tolerance())
    }

    fn signing(&self) -> Signing<'_> {
        Signing {
            secrets: &self.secrets,
            parameters: &self.loaded.read.endpoint.parameters,
            unix_seconds: self.unix_seconds,
        }
    }
}
