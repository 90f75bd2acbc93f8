//! The rules of a question before a payment: what is sent → an [`Asked`], or every field at fault with its rule.

use crate::problem::Answer;
use crate::read_fields::Fields;
use crate::validate_payment::{MERCHANT_RULE, Payer, merchant_named, money};
use paybell_delivery::{CheckQuestion, EndpointId, Money};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A payment that is about to be made. The fields have the rules of a payment's. No string may hold U+0000 or a card
/// number.
#[derive(ToSchema)]
#[schema(as = CheckRequest)]
#[expect(dead_code, reason = "it describes for the OpenAPI document what Fields reads")]
pub(crate) struct CheckRequest {
    /// The merchant's id.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    merchant: String,
    /// The merchant's order reference.
    #[schema(min_length = 1, max_length = 256)]
    pay_for: String,
    /// What is to be paid, in minor units (cents) of the currency, written as an integer.
    #[schema(minimum = 1, maximum = 9007199254740991i64)]
    amount: i64,
    /// The currency: an ISO 4217 code such as `EUR`.
    currency: String,
    /// A key of your own: for a while (setting `check_key_kept_for`) the same question with the same key gets the same
    /// answer, and the merchant is asked only once.
    #[schema(min_length = 1, max_length = 128)]
    key: Option<String>,
    /// The endpoint to ask; where nothing is said, the merchant's oldest one with a check URL.
    endpoint: Option<uuid::Uuid>,
    /// The payment method.
    #[schema(max_length = 128)]
    method: Option<String>,
    /// The payer's e-mail address.
    #[schema(max_length = 320)]
    payer_email: Option<String>,
    /// The payer's phone number.
    #[schema(max_length = 64)]
    payer_phone: Option<String>,
    /// Free data: an object of at most 16 KiB, kept and sent on as it is written.
    data: Option<BTreeMap<String, serde_json::Value>>,
    /// Whether it is a test.
    #[schema(default = false)]
    test: Option<bool>,
}

const FIELDS: &[&str] = &[
    "merchant",
    "pay_for",
    "amount",
    "currency",
    "key",
    "endpoint",
    "method",
    "payer_email",
    "payer_phone",
    "data",
    "test",
];

/// A question, and whom to ask.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) question: CheckQuestion,
    /// The endpoint that was named.
    pub(crate) endpoint: Option<EndpointId>,
}

/// Reads a question.
pub(crate) fn asked_from_json(json: &[u8]) -> Answer<Asked> {
    let mut fields = Fields::read(json, FIELDS)?;
    let asked = read_asked(&mut fields);
    fields.finish_with(asked)
}

fn read_asked(fields: &mut Fields<'_>) -> Option<Asked> {
    let merchant_id = fields.parsed("merchant", merchant_named, MERCHANT_RULE);
    let merchant_id = fields.required("merchant", merchant_id);
    let pay_for = fields.text("pay_for", 1..=256);
    let pay_for = fields.required("pay_for", pay_for);
    let (amount, currency) = money(fields, ("amount", "currency"), 1);
    let amount_minor = fields.required("amount", amount);
    let currency = fields.required("currency", currency);
    let key = fields.text("key", 1..=128);
    let endpoint = fields.parsed("endpoint", |id| id.parse().ok(), "must be the id of one of the merchant's endpoints");
    let Payer { method, payer_email, payer_phone, data } = Payer::read(fields);
    let test = fields.boolean("test").unwrap_or(false);
    let question = CheckQuestion {
        merchant_id: merchant_id?,
        key: key.map(Into::into),
        pay_for: pay_for?.into_owned(),
        amount: Money { amount_minor: amount_minor?, currency: currency? },
        method,
        payer_email,
        payer_phone,
        data,
        test,
    };
    Some(Asked { question, endpoint })
}
