//! The synchronous question before a payment, and its answer.

use crate::delivery::words;
use crate::{CheckId, EndpointId, MerchantId, Money, Timestamp, UnknownWord};
use serde::Serialize;
use std::str::FromStr;
use std::time::Duration;

words!(
    /// What the gateway is told of a payment that is about to be made.
    CheckAnswer, "answer of a check" {
        /// The merchant takes it, or is not to be asked.
        Allow = "allow",
        /// The merchant does not take it.
        Refuse = "refuse",
        /// Nothing is known: no answer, or none that can be trusted. The payment must stop.
        Unavailable = "unavailable",
    }
);

/// What is asked: whether a merchant will take a payment that is about to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckQuestion {
    /// The merchant.
    pub merchant_id: MerchantId,
    /// By this key of the gateway's the same question is answered only once for a while.
    pub key: Option<String>,
    /// The merchant's order reference.
    pub pay_for: String,
    /// What is to be paid.
    pub amount: Money,
    /// The payment method.
    pub method: Option<String>,
    /// The payer's e-mail address.
    pub payer_email: Option<String>,
    /// The payer's phone number.
    pub payer_phone: Option<String>,
    /// Free data: a JSON object, as it was sent.
    pub data: Option<String>,
    /// Whether it is a test.
    pub test: bool,
}

impl CheckQuestion {
    /// The fields, by their names at intake, in which another question differs. The key is none of them.
    pub fn differing_fields(&self, other: &CheckQuestion) -> Vec<&'static str> {
        let compared = [
            ("merchant", self.merchant_id == other.merchant_id),
            ("pay_for", self.pay_for == other.pay_for),
            ("amount", self.amount.amount_minor == other.amount.amount_minor),
            ("currency", self.amount.currency == other.amount.currency),
            ("method", self.method == other.method),
            ("payer_email", self.payer_email == other.payer_email),
            ("payer_phone", self.payer_phone == other.payer_phone),
            ("data", self.data == other.data),
            ("test", self.test == other.test),
        ];
        compared.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }
}

/// A question with its answer, as it is recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// The id.
    pub id: CheckId,
    /// What was asked.
    pub question: CheckQuestion,
    /// Who was asked; nothing when nobody had to be.
    pub endpoint_id: Option<EndpointId>,
    /// The answer.
    pub answer: CheckAnswer,
    /// The rule that decided, in our words, or `not required`.
    pub reason: String,
    /// The merchant's code.
    pub code: Option<String>,
    /// The merchant's words.
    pub comment: Option<String>,
    /// The HTTP status, where an answer came.
    pub status: Option<u16>,
    /// The answer's header lines, cut.
    pub response_head: Option<String>,
    /// The answer's body, cut at 64 KiB.
    pub response_body: Option<Vec<u8>>,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
}
