//! The pure part of each delivery: render and sign, judge, redact, decide. `hot-path STEP TIMES` does one step so many times;
//! `tests/instructions.rs` counts what it takes.

use paybell_delivery::{Decision, LIFETIME_MAX, Outcome, Schedule, Situation, Timestamp, decide};
use paybell_dialects::{Amount, Answer, Confidential, Dialect, Notification, Parameters, Signing, Tolerance, Verdict};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

/// A secret that suits each of the dialects' forms.
const STANDARD: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const TEXT: &str = "0123456789abcdef0123456789abcdef";

static NO_PARAMETERS: Parameters = BTreeMap::new();

const XML: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><result><code>0</code><comment>OK</comment>\
    <onpay_id>pay-1234567</onpay_id><pay_for>order-1234567</pay_for><order_id>1</order_id><md5>0</md5></result>";

/// A payment of some 500 bytes, as most are.
const NOTIFICATION: Notification<'_> = Notification {
    payment_id: "0198c0de-7000-7abc-8def-0123456789ab",
    gateway_payment_id: "pay-1234567",
    merchant: "shop-7",
    kind: "payment.confirmed",
    pay_for: Some("order-1234567"),
    amount: Amount { minor: 1_234_567, currency: "EUR", exponent: 2 },
    balance: Some(Amount { minor: 1_200_000, currency: "EUR", exponent: 2 }),
    method: Some("card"),
    description: Some("Order 1234567 of a shop that sells things, with a description of the usual length"),
    payer_email: Some("payer1234567@example.com"),
    payer_phone: Some("+49 30 1234567"),
    data: Some(r#"{"channel":"web","language":"en","cart":["a book","a lamp"],"campaign":"spring"}"#),
    confirmed_at: "2026-01-02T03:04:05.000000Z",
    test: false,
};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let step = arguments.next().unwrap_or_default();
    let times = arguments.next().and_then(|times| times.parse::<u32>().ok());
    let (Some(step), Some(times)) = (step_named(&step), times) else {
        eprintln!(
            "usage: hot-path render-standard|render-ok-body|render-onpay-1|judge|judge-onpay-1|redact|decide TIMES"
        );
        return ExitCode::from(2);
    };
    if (0..times).all(step) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What a step does for the n-th time; whether it came out as it must.
fn step_named(name: &str) -> Option<Box<dyn Fn(u32) -> bool>> {
    let dialect = |name: &str| Dialect::named(name).cloned();
    Some(match name {
        "render-standard" => render(dialect("standard")?, STANDARD),
        "render-ok-body" => render(dialect("ok-body")?, TEXT),
        "render-onpay-1" => render(dialect("onpay-1")?, TEXT),
        "judge" => judge(dialect("ok-body")?, b"ok"),
        "judge-onpay-1" => judge(dialect("onpay-1")?, XML),
        "redact" => redact(),
        "decide" => Box::new(retry),
        _ => return None,
    })
}

fn render(dialect: Dialect, secret: &'static str) -> Box<dyn Fn(u32) -> bool> {
    Box::new(move |n| {
        let secrets = [secret];
        let signing = Signing { secrets: &secrets, parameters: &NO_PARAMETERS, unix_seconds: i64::from(n) };
        let rendered = dialect.render(black_box(&NOTIFICATION), &signing);
        rendered.is_ok_and(|rendered| !black_box(rendered).body.is_empty())
    })
}

fn judge(dialect: Dialect, body: &'static [u8]) -> Box<dyn Fn(u32) -> bool> {
    Box::new(move |n| {
        let signing = Signing { secrets: &[TEXT], parameters: &NO_PARAMETERS, unix_seconds: i64::from(n) };
        let answer = Answer { status: black_box(200), body: black_box(body), truncated: false };
        let verdict = dialect.judge(black_box(&NOTIFICATION), &signing, &answer, Tolerance::default());
        matches!(black_box(verdict), Verdict::Acknowledged { .. })
    })
}

/// Of an answer that sends nothing back, as nearly all do.
fn redact() -> Box<dyn Fn(u32) -> bool> {
    let signatures = vec!["v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=".to_owned()];
    Box::new(move |_| {
        let confidential = Confidential::new(black_box(&[STANDARD]), black_box(&signatures));
        let head = "content-length: 2\ncontent-type: text/plain\ndate: Fri, 02 Jan 2026 03:04:05 GMT\n".to_owned();
        let detail = confidential.redact_text("200, the body was \"ok\" (2 bytes)".to_owned());
        let kept = (confidential.redact(b"ok".to_vec()), confidential.redact_text(head), detail);
        !black_box(kept).1.contains("[redacted]")
    })
}

fn retry(n: u32) -> bool {
    let situation = Situation {
        attempt: 1 + n % 20,
        outcome: Outcome::WrongStatus,
        retry_after: None,
        in_doubt: false,
        panics: 0,
        now: Timestamp(1_000_000),
        created_at: Timestamp(0),
        deadline_at: Timestamp(0) + LIFETIME_MAX,
        time_limit: Duration::from_secs(15),
        jitter: 0.5,
    };
    matches!(decide(black_box(&situation), &Schedule::default()), Decision::RetryAt(_))
}
