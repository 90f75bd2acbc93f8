//! A payment as dialects word it. An attempt and what people are shown of its request share this, so that they cannot
//! differ.

use paybell_delivery::{DeliveryId, Money, Payment};
use paybell_dialects::{Amount, Notification};

/// A payment with the texts that a notification of it borrows.
pub struct WordedPayment<'a> {
    payment: &'a Payment,
    id: String,
    confirmed_at: String,
}

impl<'a> WordedPayment<'a> {
    /// Of a payment.
    pub fn new(payment: &'a Payment) -> Self {
        Self { payment, id: payment.id.to_string(), confirmed_at: payment.confirmed_at.to_rfc3339() }
    }

    /// What a dialect renders.
    pub fn notification(&self) -> Notification<'_> {
        let payment = self.payment;
        Notification {
            payment_id: &self.id,
            gateway_payment_id: &payment.gateway_payment_id,
            merchant: payment.merchant_id.as_str(),
            kind: &payment.kind,
            pay_for: payment.pay_for.as_deref(),
            amount: worded_amount(payment.amount),
            balance: payment.balance.map(worded_amount),
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

/// Money as dialects format it.
pub fn worded_amount(money: Money) -> Amount<'static> {
    Amount { minor: money.amount_minor, currency: money.currency.code(), exponent: money.currency.exponent() }
}

/// The headers by which every notification names its delivery and its attempt, besides those of its dialect.
pub fn attempt_headers(delivery: DeliveryId, attempt: u32) -> [(String, String); 2] {
    [("paybell-delivery".to_owned(), delivery.to_string()), ("paybell-attempt".to_owned(), attempt.to_string())]
}
