//! The `standard` dialect: against fixed vectors and against the independent `standardwebhooks` verifier.

use paybell_dialects::{
    Amount, Answer, Dialect, DialectError, Notification, Parameters, Rendered, Signing, Tolerance, Verdict,
    verify_standard,
};
use standardwebhooks::Webhook;
use std::time::{SystemTime, UNIX_EPOCH};

const OLD: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
const NEW: &str = "whsec_bmV3IHNlY3JldCBvZiBleGFjdGx5IDMyIGJ5dGVzISE=";

fn notification() -> Notification<'static> {
    Notification {
        payment_id: "0190a3d2-7c1e-7000-8000-000000000001",
        gateway_payment_id: "7261069",
        merchant: "shop-7",
        kind: "payment.confirmed",
        pay_for: Some("order 55"),
        amount: Amount { minor: 15_000, currency: "EUR", exponent: 2 },
        balance: None,
        method: None,
        description: None,
        payer_email: None,
        payer_phone: None,
        data: None,
        confirmed_at: "2026-11-21T09:30:00.000000Z",
        test: false,
    }
}

fn standard() -> &'static Dialect {
    Dialect::named("standard").expect("a built-in dialect")
}

fn try_to_render(
    notification: &Notification<'_>,
    secrets: &[&str],
    unix_seconds: i64,
) -> Result<Rendered, DialectError> {
    standard().render(notification, &Signing { secrets, parameters: &Parameters::new(), unix_seconds })
}

fn header<'a>(request: &'a Rendered, name: &str) -> &'a str {
    let found = request.headers.iter().find(|(header, _)| **header == *name);
    &found.expect("the header is there").1
}

fn render(secrets: &[&str], at: i64) -> Rendered {
    try_to_render(&notification(), secrets, at).expect("renders")
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("small")
}

fn verified_by_the_independent_library(secret: &str, request: &Rendered) -> bool {
    let mut headers = http::HeaderMap::new();
    for (name, value) in &request.headers {
        headers.insert(http::HeaderName::try_from(&**name).expect("a name"), value.parse().expect("a header value"));
    }
    Webhook::new(secret).expect("a secret").verify(&request.body, &headers).is_ok()
}

#[test]
fn a_known_notification_gives_the_known_request() {
    let request = render(&[OLD], 1_700_000_000);
    let body = r#"{"type":"payment.confirmed","timestamp":"2026-11-21T09:30:00.000000Z","data":{"payment_id":"0190a3d2-7c1e-7000-8000-000000000001","id":"7261069","merchant":"shop-7","pay_for":"order 55","amount":15000,"currency":"EUR","confirmed_at":"2026-11-21T09:30:00.000000Z","test":false}}"#;
    assert_eq!(String::from_utf8_lossy(&request.body), body);
    assert_eq!(header(&request, "content-type"), "application/json");
    assert_eq!(header(&request, "webhook-id"), "0190a3d2-7c1e-7000-8000-000000000001");
    assert_eq!(header(&request, "webhook-timestamp"), "1700000000");
    assert_eq!(header(&request, "webhook-signature"), "v1,oe4MtecJRXYxonaVdc3ikyTgq7zt4SmL31mrlmCflxk=");
}

#[test]
fn all_that_the_gateway_said_is_told_and_its_free_data_is_kept_to_the_letter() {
    let full = Notification {
        balance: Some(Amount { minor: 14_500, currency: "USD", exponent: 2 }),
        method: Some("card"),
        description: Some("two \"cups\"\n"),
        payer_email: Some("p@example.org"),
        payer_phone: Some("+4930123"),
        data: Some(r#"{ "b":1.50, "a" : [1e2] }"#),
        test: true,
        ..notification()
    };
    let request = try_to_render(&full, &[OLD], 0).expect("renders");
    let body = String::from_utf8(request.body).expect("UTF-8");
    assert!(body.ends_with(r#""test":true,"data":{ "b":1.50, "a" : [1e2] }}}"#), "{body}");
    let read: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(read["data"]["balance_amount"], 14_500);
    assert_eq!(read["data"]["balance_currency"], "USD");
    assert_eq!(read["data"]["method"], "card");
    assert_eq!(read["data"]["description"], "two \"cups\"\n");
    assert_eq!(read["data"]["payer_email"], "p@example.org");
    assert_eq!(read["data"]["payer_phone"], "+4930123");
}

#[test]
fn attempts_differ_in_time_and_signature_only() {
    let (first, second) = (render(&[OLD], 1_700_000_000), render(&[OLD, NEW], 1_700_000_060));
    assert_eq!(first.body, second.body);
    assert_eq!(header(&first, "webhook-id"), header(&second, "webhook-id"));
    assert_ne!(header(&first, "webhook-signature"), header(&second, "webhook-signature"));
}

#[test]
fn an_independent_library_verifies_the_request() {
    let request = render(&[OLD], now());
    assert!(verified_by_the_independent_library(OLD, &request));
    assert!(!verified_by_the_independent_library(NEW, &request));
}

#[test]
fn during_a_rotation_both_secrets_verify_and_afterwards_only_the_new_one() {
    let overlap = render(&[NEW, OLD], now());
    assert!(verified_by_the_independent_library(NEW, &overlap));
    assert!(verified_by_the_independent_library(OLD, &overlap));
    let after = render(&[NEW], now());
    assert!(verified_by_the_independent_library(NEW, &after));
    assert!(!verified_by_the_independent_library(OLD, &after));
}

#[test]
fn a_signature_that_is_not_whole_does_not_verify() {
    let request = render(&[NEW, OLD], 1_700_000_000);
    let (id, at) = (header(&request, "webhook-id"), header(&request, "webhook-timestamp"));
    let good = header(&request, "webhook-signature");
    let verify = |signatures: &str| verify_standard(&[OLD], id, at, signatures, &request.body);
    assert!(verify(good));
    assert!(!verify_standard(&[], id, at, good, &request.body));
    assert!(!verify_standard(&[OLD], "another", at, good, &request.body));
    assert!(!verify_standard(&[OLD], id, "1700000001", good, &request.body));
    assert!(!verify_standard(&[OLD], id, at, good, b"{}"));

    let old_alone = good.split(' ').nth(1).expect("two signatures");
    assert!(verify(old_alone));
    assert!(verify(&format!("v2,AAAA {old_alone} v1,AAAA")));
    assert!(verify_standard(&[OLD, NEW], id, at, old_alone, &request.body));
    for wrong in ["", "v1,", "v1", ",", "v2,AAAA", &old_alone[3..], &old_alone.replace("v1,", "v1a,")] {
        assert!(!verify(wrong), "{wrong:?}");
    }
    for cut in 1..old_alone.len() {
        assert!(!verify(&old_alone[..cut]), "{cut} characters");
    }
}

#[test]
fn a_signature_with_any_one_bit_flipped_does_not_verify() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let request = render(&[OLD], 1_700_000_000);
    let (id, at) = (header(&request, "webhook-id"), header(&request, "webhook-timestamp"));
    let whole = STANDARD.decode(&header(&request, "webhook-signature")[3..]).expect("base64");
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let signature = format!("v1,{}", STANDARD.encode(flipped));
        assert!(!verify_standard(&[OLD], id, at, &signature, &request.body), "bit {bit}");
    }
}

#[test]
fn secrets_of_the_wrong_form_are_refused_without_being_repeated() {
    let dialect = standard();
    assert_eq!(dialect.check_secret(&dialect.new_secret(&[7; 32])), Ok(()));
    let too_long = format!("whsec_{}", "A".repeat(88));
    for wrong in ["", "whsec_", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "whsec_c2hvcnQ=", "whsec_!", &too_long] {
        let error = dialect.check_secret(wrong).expect_err(wrong);
        assert!(wrong.len() < 7 || !error.to_string().contains(wrong));
        assert_eq!(try_to_render(&notification(), &[OLD, wrong], 0), Err(error));
    }
    assert_eq!(try_to_render(&notification(), &[], 0), Err(DialectError::NoSecret));
}

#[test]
fn free_data_that_is_no_json_cannot_break_out_of_the_body() {
    for data in ["", "{", r#"{}},"test":true"#] {
        let broken = Notification { data: Some(data), ..notification() };
        assert_eq!(try_to_render(&broken, &[OLD], 0), Err(DialectError::Data));
    }
}

#[test]
fn any_2xx_acknowledges_whatever_the_body_and_nothing_else_does() {
    let signing = Signing { secrets: &[OLD], parameters: &Parameters::new(), unix_seconds: 0 };
    let judge = |status| {
        let answer = Answer { status, body: b"<html>", truncated: true };
        standard().judge(&notification(), &signing, &answer, Tolerance::default())
    };
    for status in [200, 201, 202, 204, 299] {
        let detail = format!("{status}, a 2xx status");
        assert_eq!(judge(status), Verdict::Acknowledged { detail, warning: None });
    }
    for status in [100, 199, 400, 404, 410, 429, 500, 503, 600] {
        assert_eq!(judge(status), Verdict::WrongStatus(format!("{status}, not a 2xx status")));
    }
    for status in [301, 302, 307, 308] {
        let words = format!("{status}, not a 2xx status; redirects are not followed");
        assert_eq!(judge(status), Verdict::WrongStatus(words));
    }
}
