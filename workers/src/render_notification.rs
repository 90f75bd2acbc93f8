//! From a claimed delivery to the request that tells of it, and from the answer to what it means.

use crate::load_endpoint::LoadedEndpoint;
use paybell_delivery::{Money, Timestamp};
use paybell_dialects::{Amount, DialectError, Notification, Signing, Verdict};
use paybell_outbound::{Answer, OutboundRequest};
use paybell_store::engine::ClaimedDelivery;
use std::time::Duration;

/// A notification in the words of its endpoint's dialect, as of one attempt.
pub(crate) struct Telling<'a> {
    claimed: &'a ClaimedDelivery,
    loaded: &'a LoadedEndpoint,
    payment_id: String,
    confirmed_at: String,
    secrets: Vec<&'a str>,
    unix_seconds: i64,
}

impl<'a> Telling<'a> {
    /// Of an attempt that begins at `now`.
    pub(crate) fn new(claimed: &'a ClaimedDelivery, loaded: &'a LoadedEndpoint, now: Timestamp) -> Self {
        Self {
            claimed,
            loaded,
            payment_id: claimed.payment.id.to_string(),
            confirmed_at: claimed.payment.confirmed_at.to_rfc3339(),
            secrets: loaded.read.secrets_at(now),
            unix_seconds: now.unix_seconds(),
        }
    }

    /// Renders and signs the request. Each attempt is signed anew; the body is the same.
    pub(crate) fn render(&self, time_limit: Duration) -> Result<OutboundRequest, DialectError> {
        let rendered = self.loaded.dialect.render(&self.notification(), &self.signing())?;
        let mut headers: Vec<(String, String)> =
            rendered.headers.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
        headers.push(("paybell-delivery".to_owned(), self.claimed.delivery_id.to_string()));
        headers.push(("paybell-attempt".to_owned(), self.claimed.attempt.to_string()));
        Ok(OutboundRequest {
            method: rendered.method,
            url: self.loaded.read.endpoint.url.clone(),
            query: rendered.query,
            headers,
            body: rendered.body.into(),
            time_limit,
        })
    }

    /// What the merchant's answer means.
    pub(crate) fn judge(&self, answer: &Answer) -> Verdict {
        let answer =
            paybell_dialects::Answer { status: answer.status, body: &answer.body, truncated: answer.truncated };
        self.loaded.dialect.judge(&self.notification(), &self.signing(), &answer, self.loaded.read.tolerance())
    }

    fn signing(&self) -> Signing<'_> {
        Signing {
            secrets: &self.secrets,
            parameters: &self.loaded.read.endpoint.parameters,
            unix_seconds: self.unix_seconds,
        }
    }

    fn notification(&self) -> Notification<'_> {
        let payment = &self.claimed.payment;
        Notification {
            payment_id: &self.payment_id,
            gateway_payment_id: &payment.gateway_payment_id,
            merchant: payment.merchant_id.as_str(),
            kind: &payment.kind,
            pay_for: payment.pay_for.as_deref(),
            amount: amount(payment.amount),
            balance: payment.balance.map(amount),
            method: payment.method.as_deref(),
            description: payment.description.as_deref(),
            payer_email: payment.payer_email.as_deref(),
            payer_phone: payment.payer_phone.as_deref(),
            data: payment.data.as_deref(),
            confirmed_at: &self.confirmed_at,
            test: payment.test,
        }
    }
}

fn amount(money: Money) -> Amount<'static> {
    Amount { minor: money.amount_minor, currency: money.currency.code(), exponent: money.currency.exponent() }
}
