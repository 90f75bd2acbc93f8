//! From a claimed delivery to the request that tells of it.

use crate::load_endpoint::LoadedEndpoint;
use paybell_delivery::{Money, Timestamp};
use paybell_dialects::{Amount, DialectError, Notification, Signing};
use paybell_outbound::OutboundRequest;
use paybell_store::engine::ClaimedDelivery;
use std::time::Duration;

/// Renders and signs the request in the endpoint's dialect. Each attempt is signed anew at `now`; the body is the same.
pub(crate) fn render_notification(
    claimed: &ClaimedDelivery,
    loaded: &LoadedEndpoint,
    now: Timestamp,
    time_limit: Duration,
) -> Result<OutboundRequest, DialectError> {
    with_notification(claimed, loaded, now, |notification, signing| {
        let rendered = loaded.dialect.render(notification, signing)?;
        let mut headers: Vec<(String, String)> =
            rendered.headers.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value)).collect();
        headers.push(("paybell-delivery".to_owned(), claimed.delivery_id.to_string()));
        headers.push(("paybell-attempt".to_owned(), claimed.attempt.to_string()));
        Ok(OutboundRequest {
            method: rendered.method,
            url: loaded.endpoint.url.clone(),
            query: rendered.query,
            headers,
            body: rendered.body.into(),
            time_limit,
        })
    })
}

/// Does something with a delivery's notification and what it is signed with at `now`.
pub(crate) fn with_notification<T>(
    claimed: &ClaimedDelivery,
    loaded: &LoadedEndpoint,
    now: Timestamp,
    act: impl FnOnce(&Notification<'_>, &Signing<'_>) -> T,
) -> T {
    let payment = &claimed.payment;
    let payment_id = payment.id.to_string();
    let confirmed_at = payment.confirmed_at.to_rfc3339();
    let secrets = loaded.secrets_at(now);
    let parameters = &loaded.endpoint.parameters;
    let signing = Signing { secrets: &secrets, parameters, unix_seconds: now.unix_seconds() };
    let notification = Notification {
        payment_id: &payment_id,
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
        confirmed_at: &confirmed_at,
        test: payment.test,
    };
    act(&notification, &signing)
}

fn amount(money: Money) -> Amount<'static> {
    Amount { minor: money.amount_minor, currency: money.currency.code(), exponent: money.currency.exponent() }
}
