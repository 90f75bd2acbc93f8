//! The pure part of each delivery: render and sign, judge, decide. `hot-path STEP TIMES` does one step so many times;
//! `tests/instructions.rs` counts what it takes.

use paybell_delivery::{Decision, LIFETIME_MAX, Outcome, Schedule, Situation, Timestamp, decide};
use paybell_dialects::{Amount, Dialect, Notification, Tolerance, Verdict};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

const SECRETS: [(Dialect, &str); 2] = [
    (Dialect::Standard, "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
    (Dialect::OkBody, "0123456789abcdef0123456789abcdef"),
];

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
        eprintln!("usage: hot-path render-standard|render-ok-body|judge|decide TIMES");
        return ExitCode::from(2);
    };
    if (0..times).all(step) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What a step does for the n-th time; whether it came out as it must.
fn step_named(name: &str) -> Option<fn(u32) -> bool> {
    match name {
        "render-standard" => Some(|n| render(SECRETS[0], n)),
        "render-ok-body" => Some(|n| render(SECRETS[1], n)),
        "judge" => Some(judge),
        "decide" => Some(retry),
        _ => None,
    }
}

fn render((dialect, secret): (Dialect, &str), n: u32) -> bool {
    let rendered = dialect.render(black_box(&NOTIFICATION), &[secret], i64::from(n));
    rendered.is_ok_and(|rendered| !black_box(rendered).body.is_empty())
}

fn judge(_: u32) -> bool {
    let verdict = Dialect::OkBody.judge(black_box(200), black_box(b"ok"), false, Tolerance::default());
    matches!(black_box(verdict), Verdict::Acknowledged(_))
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
