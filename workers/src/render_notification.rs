//! From a claimed delivery to the request that tells of it.

use crate::load_endpoint::LoadedEndpoint;
use paybell_delivery::{Money, Timestamp};
use paybell_dialects::{Amount, DialectError, Notification};
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
    let payment = &claimed.payment;
    let payment_id = payment.id.to_string();
    let confirmed_at = payment.confirmed_at.to_rfc3339();
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
    let rendered = loaded.dialect.render(&notification, &loaded.secrets_at(now), now.unix_seconds())?;
    let mut headers: Vec<(String, String)> =
        rendered.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    headers.push(("paybell-delivery".to_owned(), claimed.delivery_id.to_string()));
    headers.push(("paybell-attempt".to_owned(), claimed.attempt.to_string()));
    Ok(OutboundRequest { url: loaded.endpoint.url.clone(), headers, body: rendered.body.into(), time_limit })
}

fn amount(money: Money) -> Amount<'static> {
    Amount { minor: money.amount_minor, currency: money.currency.code(), exponent: money.currency.exponent() }
}
