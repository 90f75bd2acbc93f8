//! What the gateway confirmed.

use crate::{MerchantId, Money, PaymentId, Timestamp};

/// A confirmed payment: immutable, unique per merchant by the gateway's own payment id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payment {
    /// Paybell's id.
    pub id: PaymentId,
    /// Who was paid.
    pub merchant_id: MerchantId,
    /// The gateway's own id of the payment.
    pub gateway_payment_id: String,
    /// What happened, such as `payment.confirmed`.
    pub kind: String,
    /// The merchant's order reference.
    pub pay_for: Option<String>,
    /// What the payer paid.
    pub amount: Money,
    /// What reaches the merchant's balance, where it differs.
    pub balance: Option<Money>,
    /// The payment method, in the gateway's words.
    pub method: Option<String>,
    /// A description for people.
    pub description: Option<String>,
    /// The payer's e-mail address.
    pub payer_email: Option<String>,
    /// The payer's phone number.
    pub payer_phone: Option<String>,
    /// Free data of the gateway: a JSON object as it was sent.
    pub data: Option<String>,
    /// When the gateway confirmed the payment.
    pub confirmed_at: Timestamp,
    /// When Paybell accepted it.
    pub accepted_at: Timestamp,
    /// Whether it is a test notification rather than money.
    pub test: bool,
}

impl Payment {
    /// The names of the intake's fields in which `other` says something else than `self`: none when it is the same
    /// payment sent again. What Paybell itself adds (its id, the moment of acceptance) is not compared.
    pub fn differing_fields(&self, other: &Payment) -> Vec<&'static str> {
        let money = |m: &Option<Money>| m.map(|m| (m.amount_minor, m.currency));
        [
            ("type", self.kind != other.kind),
            ("pay_for", self.pay_for != other.pay_for),
            ("amount", self.amount.amount_minor != other.amount.amount_minor),
            ("currency", self.amount.currency != other.amount.currency),
            ("balance_amount", money(&self.balance).map(|b| b.0) != money(&other.balance).map(|b| b.0)),
            ("balance_currency", money(&self.balance).map(|b| b.1) != money(&other.balance).map(|b| b.1)),
            ("method", self.method != other.method),
            ("description", self.description != other.description),
            ("payer_email", self.payer_email != other.payer_email),
            ("payer_phone", self.payer_phone != other.payer_phone),
            ("data", self.data != other.data),
            ("confirmed_at", self.confirmed_at != other.confirmed_at),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }
}
