//! What the tests of the dialects share: a notification, a question, and short words for rendering and judging.
#![expect(dead_code, reason = "each test uses its own part of it")]

pub(crate) mod hashes;

use paybell_dialects::{
    Amount, Answer, CheckVerdict, Dialect, Notification, Parameters, Question, Rendered, Signing, Tolerance, Verdict,
};

pub(crate) const AT: i64 = 1_700_000_000;

pub(crate) fn notification() -> Notification<'static> {
    Notification {
        payment_id: "0190a3d2-7c1e-7000-8000-000000000001",
        gateway_payment_id: "7261069",
        merchant: "shop-7",
        kind: "payment.confirmed",
        pay_for: Some("55"),
        amount: Amount { minor: 10_050, currency: "RUB", exponent: 2 },
        balance: None,
        method: Some("card"),
        description: Some("Два кофе"),
        payer_email: Some("p@example.org"),
        payer_phone: Some("+79630000000"),
        data: None,
        confirmed_at: "2026-11-21T09:30:00.000000Z",
        test: false,
    }
}

pub(crate) fn question() -> Question<'static> {
    let n = notification();
    Question {
        check_id: "0190a3d2-7c1e-7000-8000-000000000002",
        merchant: n.merchant,
        pay_for: n.pay_for,
        amount: n.amount,
        balance: n.balance,
        method: n.method,
        payer_email: n.payer_email,
        payer_phone: n.payer_phone,
        data: n.data,
        asked_at: n.confirmed_at,
        test: n.test,
    }
}

pub(crate) fn dialect(name: &str) -> &'static Dialect {
    Dialect::named(name).unwrap_or_else(|| panic!("there is no built-in dialect {name}"))
}

pub(crate) fn parameters(pairs: &[(&str, &str)]) -> Parameters {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn signing<'a>(secrets: &'a [&'a str], parameters: &'a Parameters) -> Signing<'a> {
    Signing { secrets, parameters, unix_seconds: AT }
}

pub(crate) fn answer(status: u16, body: &[u8]) -> Answer<'_> {
    Answer { status, body, truncated: false }
}

pub(crate) fn header<'a>(request: &'a Rendered, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(known, _)| **known == *name).map(|(_, value)| value.as_str())
}

pub(crate) fn body(request: &Rendered) -> &str {
    std::str::from_utf8(&request.body).expect("UTF-8")
}

/// The fields of a form.
pub(crate) fn fields(form: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(form.as_bytes()).into_owned().collect()
}

pub(crate) fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// A verdict in one word.
pub(crate) fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Acknowledged { warning: None, .. } => "acknowledged",
        Verdict::Acknowledged { warning: Some(_), .. } => "acknowledged with a warning",
        Verdict::WrongStatus(_) => "wrong status",
        Verdict::WrongBody(_) => "wrong body",
        Verdict::Postponed(_) => "postponed",
        Verdict::Refused { .. } => "refused",
        Verdict::SignatureRejected(_) => "signature rejected",
        Verdict::WrongReplySignature(_) => "wrong reply signature",
    }
}

/// A check's verdict in one word.
pub(crate) fn check_word(verdict: &CheckVerdict) -> &'static str {
    match verdict {
        CheckVerdict::Allow { warning: None, .. } => "allow",
        CheckVerdict::Allow { warning: Some(_), .. } => "allow with a warning",
        CheckVerdict::Refuse { .. } => "refuse",
        CheckVerdict::Unavailable(_) => "unavailable",
    }
}

pub(crate) fn strict() -> Tolerance {
    Tolerance { reply_signature: Some(paybell_dialects::Verify::Strict), ..Tolerance::default() }
}
