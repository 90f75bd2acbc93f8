//! The rules of a payment at intake: what is sent → a [`Payment`], or every field at fault with its rule.

use crate::problem::Answer;
use crate::read_fields::Fields;
use paybell_delivery::{Currency, MerchantId, Money, Payment, PaymentId, Timestamp};
use paybell_store::id_at;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::ToSchema;

/// A confirmed payment, as the gateway sends it. Unknown fields are refused; `null` is the same as leaving out. No
/// string may hold U+0000 or a card number.
#[derive(Deserialize, ToSchema)]
#[schema(as = PaymentRequest)]
#[expect(dead_code, reason = "it describes for the OpenAPI document what Fields reads")]
pub(crate) struct PaymentRequest {
    /// The merchant's id.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    merchant: String,
    /// The gateway's own id of the payment, unique per merchant.
    #[schema(min_length = 1, max_length = 128)]
    id: String,
    /// The merchant's order reference.
    #[schema(max_length = 256)]
    pay_for: Option<String>,
    /// What the payer paid, in minor units (cents) of the currency, written as an integer.
    #[schema(minimum = 1, maximum = 9007199254740991i64)]
    amount: i64,
    /// The currency: an ISO 4217 code such as `EUR`.
    currency: String,
    /// When the gateway confirmed it: RFC 3339 with an offset, at most one day ahead.
    #[schema(format = DateTime)]
    confirmed_at: String,
    /// What happened.
    #[schema(pattern = "^[a-z0-9_.]{1,64}$", default = "payment.confirmed")]
    r#type: Option<String>,
    /// What reaches the merchant's balance, in minor units; together with `balance_currency`.
    #[schema(minimum = 0, maximum = 9007199254740991i64)]
    balance_amount: Option<i64>,
    /// The currency of `balance_amount`.
    balance_currency: Option<String>,
    /// The payment method.
    #[schema(max_length = 128)]
    method: Option<String>,
    /// A description for people.
    #[schema(max_length = 1024)]
    description: Option<String>,
    /// The payer's e-mail address.
    #[schema(max_length = 320)]
    payer_email: Option<String>,
    /// The payer's phone number.
    #[schema(max_length = 64)]
    payer_phone: Option<String>,
    /// Free data: an object of at most 16 KiB, kept and sent on as it is written.
    data: Option<BTreeMap<String, serde_json::Value>>,
}

const FIELDS: &[&str] = &[
    "merchant",
    "id",
    "pay_for",
    "amount",
    "currency",
    "confirmed_at",
    "type",
    "balance_amount",
    "balance_currency",
    "method",
    "description",
    "payer_email",
    "payer_phone",
    "data",
];

/// The greatest integer that every JSON reader keeps exactly (RFC 8259, section 6).
const AMOUNT_MAX: i64 = (1 << 53) - 1;
const DATA_BYTES_MAX: usize = 16 * 1024;
const AHEAD_MAX: Duration = Duration::from_secs(24 * 3600);

pub(crate) const MERCHANT_RULE: &str = "must be 1 to 64 of A-Z a-z 0-9 . _ -";
const CURRENCY_RULE: &str = "must be a currency code of ISO 4217 in capital letters, such as EUR";

/// The merchant's id, if the text can be one.
pub(crate) fn merchant_named(text: &str) -> Option<MerchantId> {
    MerchantId::new(text)
}

/// Reads a payment that is accepted at `now`, under a new id.
pub(crate) fn payment_from_json(json: &[u8], now: Timestamp) -> Answer<Payment> {
    let mut fields = Fields::read(json, FIELDS)?;
    let payment = read_payment(&mut fields, now);
    fields.finish_with(payment)
}

/// Reads all fields before it looks whether the required ones are there, so that all errors are told at once.
fn read_payment(fields: &mut Fields<'_>, now: Timestamp) -> Option<Payment> {
    let merchant_id = fields.parsed("merchant", merchant_named, MERCHANT_RULE);
    let merchant_id = fields.required("merchant", merchant_id);
    let id = fields.text("id", 1..=128);
    let id = fields.required("id", id);
    let pay_for = fields.text("pay_for", 0..=256);
    let amount = money(fields, ("amount", "currency"), 1);
    let amount_minor = fields.required("amount", amount.0);
    let currency = fields.required("currency", amount.1);
    let confirmed_at = confirmed_at(fields, now);
    let confirmed_at = fields.required("confirmed_at", confirmed_at);
    let kind = fields.parsed("type", kind, KIND_RULE);
    let balance = balance(fields);
    let description = fields.text("description", 0..=1024);
    let Payer { method, payer_email, payer_phone, data } = Payer::read(fields);
    Some(Payment {
        id: PaymentId(id_at(now)),
        merchant_id: merchant_id?,
        gateway_payment_id: id?.into_owned(),
        kind: kind.unwrap_or_else(|| "payment.confirmed".to_owned()),
        pay_for: pay_for.map(Into::into),
        amount: Money { amount_minor: amount_minor?, currency: currency? },
        balance,
        method,
        description: description.map(Into::into),
        payer_email,
        payer_phone,
        data,
        confirmed_at: confirmed_at?,
        accepted_at: now,
        test: false,
    })
}

/// What is said of the payer, and the gateway's free data: of a payment as of the question before it.
pub(crate) struct Payer {
    pub(crate) method: Option<String>,
    pub(crate) payer_email: Option<String>,
    pub(crate) payer_phone: Option<String>,
    pub(crate) data: Option<String>,
}

impl Payer {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            method: fields.text("method", 0..=128).map(Into::into),
            payer_email: fields.text("payer_email", 0..=320).map(Into::into),
            payer_phone: fields.text("payer_phone", 0..=64).map(Into::into),
            data: fields.object("data", DATA_BYTES_MAX).map(Into::into),
        }
    }
}

/// An amount of at least `least` minor units, and its currency.
pub(crate) fn money(
    fields: &mut Fields<'_>,
    (amount, currency): (&'static str, &'static str),
    least: i64,
) -> (Option<i64>, Option<Currency>) {
    let minor = fields.integer(amount, least..=AMOUNT_MAX);
    (minor, fields.parsed(currency, |code| code.parse().ok(), CURRENCY_RULE))
}

fn balance(fields: &mut Fields<'_>) -> Option<Money> {
    let names = ("balance_amount", "balance_currency");
    let given = (fields.has_value(names.0), fields.has_value(names.1));
    match given {
        (true, false) => fields.wrong(names.1, "is required together with balance_amount"),
        (false, true) => fields.wrong(names.0, "is required together with balance_currency"),
        (true, true) | (false, false) => {}
    }
    match money(fields, names, 0) {
        (Some(amount_minor), Some(currency)) => Some(Money { amount_minor, currency }),
        (None, _) | (_, None) => None,
    }
}

fn confirmed_at(fields: &mut Fields<'_>, now: Timestamp) -> Option<Timestamp> {
    let moment = fields.moment("confirmed_at")?;
    if moment > now + AHEAD_MAX {
        fields.wrong("confirmed_at", "must not be more than one day in the future");
    } else if moment < Timestamp(0) {
        fields.wrong("confirmed_at", "must not be before 1970");
    }
    Some(moment)
}

pub(crate) const KIND_RULE: &str = "must be 1 to 64 of a-z 0-9 _ .";

/// What happened, if the word can be that.
pub(crate) fn kind(word: &str) -> Option<String> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.');
    ((1..=64).contains(&word.len()) && word.bytes().all(allowed)).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000_000);

    #[test]
    fn data_is_kept_verbatim_and_the_rest_is_read() {
        let json = br#"{"merchant":"shop","id":"p-1","amount":1050,"currency":"EUR","pay_for":"caf\u00e9",
            "confirmed_at":"2025-01-15T09:30:00+01:00","balance_amount":0,"balance_currency":"JPY",
            "data":{"b": 1.0,  "a":[ ]},"method":null}"#;
        let payment = payment_from_json(json, NOW).expect("valid");
        assert_eq!(payment.data.as_deref(), Some(r#"{"b": 1.0,  "a":[ ]}"#));
        assert_eq!(payment.pay_for.as_deref(), Some("café"));
        assert_eq!(payment.kind, "payment.confirmed");
        assert_eq!(payment.confirmed_at.to_rfc3339(), "2025-01-15T08:30:00.000000Z");
        assert_eq!(payment.balance.map(|b| (b.amount_minor, b.currency.code())), Some((0, "JPY")));
        assert_eq!((payment.method, payment.accepted_at, payment.test), (None, NOW, false));
    }
}
