//! The `ok-body` dialect: its form, its signatures, and what it takes for an acknowledgement.

use paybell_dialects::{
    Amount, Answer, Dialect, DialectError, Notification, Parameters, Rendered, Signing, Tolerance, Verdict,
};
use proptest::prelude::*;

const OLD: &str = "an-old-secret-of-merchants";
const NEW: &str = "a-new-secret-of-merchants!";
const OLDEST: &str = "the-oldest-of-all-secrets";

fn notification() -> Notification<'static> {
    Notification {
        payment_id: "0190a3d2-7c1e-7000-8000-000000000001",
        gateway_payment_id: "7261069",
        merchant: "shop-7",
        kind: "payment.confirmed",
        pay_for: Some("заказ № 55 & 1=1"),
        amount: Amount { minor: 150, currency: "JPY", exponent: 0 },
        balance: Some(Amount { minor: 1_234, currency: "KWD", exponent: 3 }),
        method: Some("card"),
        description: Some("two cups"),
        payer_email: Some("p+1@example.org"),
        payer_phone: Some("+4930123"),
        data: Some(r#"{"a": 1}"#),
        confirmed_at: "2026-11-21T09:30:00.000000Z",
        test: true,
    }
}

fn ok_body() -> &'static Dialect {
    Dialect::named("ok-body").expect("a built-in dialect")
}

fn try_to_render(
    notification: &Notification<'_>,
    secrets: &[&str],
    unix_seconds: i64,
) -> Result<Rendered, DialectError> {
    ok_body().render(notification, &Signing { secrets, parameters: &Parameters::new(), unix_seconds })
}

fn judge_by(status: u16, body: &[u8], truncated: bool, tolerance: Tolerance) -> Verdict {
    let signing = Signing { secrets: &[OLD], parameters: &Parameters::new(), unix_seconds: 0 };
    ok_body().judge(&notification(), &signing, &Answer { status, body, truncated }, tolerance)
}

fn acknowledged(detail: &str) -> Verdict {
    Verdict::Acknowledged { detail: detail.to_owned(), warning: None }
}

fn render(notification: &Notification<'_>, secrets: &[&str]) -> String {
    let request = try_to_render(notification, secrets, 1_700_000_000).expect("renders");
    assert_eq!(request.headers, [("content-type".into(), "application/x-www-form-urlencoded".to_owned())]);
    String::from_utf8(request.body).expect("ASCII")
}

fn parse(body: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

/// What a receiver does: cut the body before its signature, and sign that.
fn signature_by(secret: &str, body: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let (signed, _) = body.split_once("&signature=").expect("a signature");
    let mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    hex::encode(mac.chain_update(signed).finalize().into_bytes())
}

#[test]
fn fields_stand_in_the_documented_order_and_read_back() {
    let fields = parse(&render(&notification(), &[OLD]));
    let expected = [
        ("type", "payment.confirmed"),
        ("payment_id", "0190a3d2-7c1e-7000-8000-000000000001"),
        ("id", "7261069"),
        ("merchant", "shop-7"),
        ("pay_for", "заказ № 55 & 1=1"),
        ("amount", "150"),
        ("currency", "JPY"),
        ("balance_amount", "1.234"),
        ("balance_currency", "KWD"),
        ("method", "card"),
        ("description", "two cups"),
        ("payer_email", "p+1@example.org"),
        ("payer_phone", "+4930123"),
        ("confirmed_at", "2026-11-21T09:30:00.000000Z"),
        ("test", "true"),
        ("data", r#"{"a": 1}"#),
    ];
    let found: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(found[..expected.len()], expected);
    assert_eq!(found.len(), expected.len() + 1);
    assert_eq!(found[expected.len()].0, "signature");
}

#[test]
fn a_known_notification_gives_the_known_body() {
    let known = Notification {
        pay_for: Some("order 55"),
        amount: Amount { minor: 15_000, currency: "EUR", exponent: 2 },
        balance: None,
        method: None,
        description: None,
        payer_email: None,
        payer_phone: None,
        data: None,
        test: false,
        ..notification()
    };
    let body = "type=payment.confirmed\
        &payment_id=0190a3d2-7c1e-7000-8000-000000000001&id=7261069&merchant=shop-7&pay_for=order+55&amount=150.00\
        &currency=EUR&confirmed_at=2026-11-21T09%3A30%3A00.000000Z&test=false\
        &signature=9d32715488503fcb32995825c53ceaf8572b48032d221fff1ce60f5da52dc229";
    assert_eq!(render(&known, &["a-secret-of-32-characters-length"]), body);
}

#[test]
fn the_signature_is_the_hmac_of_what_stands_before_it() {
    let body = render(&notification(), &[OLD]);
    assert!(body.ends_with(&format!("&signature={}", signature_by(OLD, &body))));
}

#[test]
fn during_a_rotation_each_secret_signs_the_same_bytes() {
    let body = render(&notification(), &[NEW, OLD, OLDEST]);
    let [new, old, oldest] = [NEW, OLD, OLDEST].map(|secret| signature_by(secret, &body));
    assert!(body.ends_with(&format!("&signature={new}&signature_previous={old}&signature_previous_2={oldest}")));
    assert!(render(&notification(), &[NEW]).ends_with(&format!("&signature={new}")));
}

#[test]
fn every_attempt_has_the_same_body() {
    let at = |time| try_to_render(&notification(), &[OLD], time).expect("renders");
    assert_eq!(at(1), at(1_700_000_000));
}

#[test]
fn secrets_of_the_wrong_form_are_refused() {
    let dialect = ok_body();
    assert_eq!(dialect.check_secret(&dialect.new_secret(&[255; 32])), Ok(()));
    for wrong in ["", "fifteen-letters", "a secret with spaces", "ein-geheimnis-für-uns", &"x".repeat(129)] {
        let error = dialect.check_secret(wrong).expect_err(wrong);
        assert_eq!(try_to_render(&notification(), &[OLD, wrong], 0), Err(error));
    }
    assert_eq!(try_to_render(&notification(), &[], 0), Err(DialectError::NoSecret));
}

#[test]
fn only_200_with_the_agreed_word_acknowledges() {
    let strict = Tolerance::default();
    let white = Tolerance { ignore_whitespace: true, ..strict };
    let case = Tolerance { ignore_case: true, ..strict };
    let both = Tolerance { ignore_whitespace: true, ..case };
    let table: [(&[u8], Tolerance, bool); 16] = [
        (b"ok", strict, true),
        (b"ok\n", strict, false),
        (b"OK", strict, false),
        (b"", strict, false),
        (b"ok ok", strict, false),
        (b"\"ok\"", strict, false),
        (b" ok\r\n", white, true),
        (b"\xef\xbb\xbfok", white, true),
        (b"\xef\xbb\xbfok", strict, false),
        (b"o k", white, false),
        (b"OK", white, false),
        (b"Ok", case, true),
        (b"OK\n", case, false),
        (b"\tOK\n", both, true),
        (b"not ok", both, false),
        (b"", both, false),
    ];
    for (body, tolerance, expected) in table {
        let verdict = judge_by(200, body, false, tolerance);
        let acknowledged = matches!(verdict, Verdict::Acknowledged { .. });
        assert_eq!(acknowledged, expected, "{body:?} under {tolerance:?}: {verdict:?}");
        assert!(acknowledged || matches!(verdict, Verdict::WrongBody(_)));
    }
    assert!(matches!(judge_by(200, b"ok", true, both), Verdict::WrongBody(_)));
}

#[test]
fn verdicts_say_which_rule_decided() {
    let judge = |status, body: &[u8], truncated| judge_by(status, body, truncated, Tolerance::default());
    let page = format!("<html>{}", "x".repeat(4090));
    let shown = format!("<html>{}…", "x".repeat(74));
    let table = [
        (judge(200, b"ok", false), acknowledged(r#"200 with the body "ok""#)),
        (judge(204, b"ok", false), Verdict::WrongStatus("204, not 200".into())),
        (judge(302, b"ok", false), Verdict::WrongStatus("302, not 200; redirects are not followed".into())),
        (judge(503, b"", false), Verdict::WrongStatus("503, not 200".into())),
        (judge(200, b"", false), Verdict::WrongBody(r#"200, but the body was empty, not "ok""#.into())),
        (judge(200, b"OK\n", false), Verdict::WrongBody(r#"200, but the body was "OK\n" (3 bytes), not "ok""#.into())),
        (
            judge(200, page.as_bytes(), false),
            Verdict::WrongBody(format!(r#"200, but the body was "{shown}" (4096 bytes), not "ok""#)),
        ),
    ];
    for (verdict, expected) in table {
        assert_eq!(verdict, expected);
    }
}

#[test]
fn dialects_are_found_by_their_names() {
    for dialect in Dialect::built_in() {
        assert_eq!(Dialect::named(dialect.name()), Some(dialect));
    }
    assert_eq!(Dialect::named("Standard"), None);
}

proptest! {
    #[test]
    fn any_text_reads_back_and_cannot_forge_a_signature(
        pay_for in any::<String>(), description in any::<String>(), email in any::<String>(), minor in 0..=i64::MAX,
    ) {
        let said = Notification {
            pay_for: Some(&pay_for), description: Some(&description), payer_email: Some(&email),
            amount: Amount { minor, currency: "EUR", exponent: 2 },
            ..notification()
        };
        let body = render(&said, &[OLD]);
        prop_assert_eq!(body.matches("&signature=").count(), 1);
        prop_assert!(body.is_ascii());
        let fields = parse(&body);
        let value = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        prop_assert_eq!(value("pay_for"), Some(pay_for.as_str()));
        prop_assert_eq!(value("description"), Some(description.as_str()));
        prop_assert_eq!(value("payer_email"), Some(email.as_str()));
        let signature = signature_by(OLD, &body);
        prop_assert_eq!(value("signature"), Some(signature.as_str()));
    }

    #[test]
    fn judging_never_fails_and_only_ok_acknowledges(status in 0_u16..1000, body in any::<Vec<u8>>(), truncated: bool) {
        let strict = Tolerance::default();
        let verdict = judge_by(status, &body, truncated, strict);
        let is_ok = status == 200 && body == b"ok" && !truncated;
        prop_assert_eq!(matches!(verdict, Verdict::Acknowledged { .. }), is_ok);
    }
}
