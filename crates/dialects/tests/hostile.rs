//! Hostile answers, and arbitrary bytes and texts, to every dialect: nothing panics, nothing is taken for a yes.

mod given;
mod trials;

use given::{answer, dialect, notification, parameters, question, word};
use paybell_dialects::{Answer, CheckVerdict, Dialect, Parameters, Signing, Tolerance, Verdict};
use proptest::prelude::*;

/// A secret for each dialect's form.
fn secret_of(dialect: &Dialect) -> String {
    dialect.new_secret(&[7; 32])
}

/// Parameters that suit the dialect.
fn parameters_of(dialect: &Dialect) -> Parameters {
    let given = [("purse", "R123456789012")];
    let needed = dialect.parameters().iter().filter(|(_, parameter)| parameter.default.is_none());
    let with =
        |name: &str| given.iter().find(|(known, _)| *known == name).map_or("123", |(_, value)| *value).to_owned();
    needed.map(|(name, _)| (name.clone(), with(name))).collect()
}

fn judge_by_all(body: &[u8], truncated: bool, status: u16, tolerance: Tolerance, mut see: impl FnMut(&str, &Verdict)) {
    for dialect in Dialect::built_in() {
        let (secret, parameters) = (secret_of(dialect), parameters_of(dialect));
        let secrets = [secret.as_str()];
        let signing = Signing { secrets: &secrets, parameters: &parameters, unix_seconds: 0 };
        let answer = Answer { status, body, truncated };
        see(dialect.name(), &dialect.judge(&notification(), &signing, &answer, tolerance));
        let check = dialect.judge_check(&question(), &signing, &answer, tolerance);
        assert!(dialect.has_check() || matches!(check, CheckVerdict::Unavailable(_)));
    }
}

/// Dialects in which the status alone decides.
const BY_STATUS: &[&str] = &["standard", "plain-200", "interkassa", "webmoney", "liqpay", "yookassa"];

#[test]
fn hostile_answers_acknowledge_nothing_and_are_described() {
    let huge = "x".repeat(1 << 20);
    let huge_json = format!(r#"{{"code":0,"status":true,"x":"{huge}"}}"#);
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY a \"0\"><!ENTITY b \"&a;&a;&a;&a;\">]>\
                <result><code>&b;</code><result_code>&a;</result_code></result>";
    let outside =
        "<!DOCTYPE r SYSTEM \"file:///etc/passwd\"><result><code>0</code><result_code>0</result_code></result>";
    let deep_json = "[".repeat(60_000);
    let deep_xml = "<a>".repeat(20_000);
    let long_xml = format!("<{0} {0}=''><b:{0}></{0}c>", "a".repeat(10_000));
    let open_xml = "<result><code>0</code><result_code>0</result_code>";
    let wrong_charset =
        b"<?xml version=\"1.0\" encoding=\"utf-8\"?><result><result_code>0</result_code><a>\xe4\xe0</a></result>";
    let bodies: &[&[u8]] = &[
        b"",
        b"\0",
        b"null",
        b"\xff\xfe\xfd",
        b"\xef\xbb\xbf",
        b"<html>ok</html>",
        huge.as_bytes(),
        huge_json.as_bytes(),
        bomb.as_bytes(),
        outside.as_bytes(),
        deep_json.as_bytes(),
        deep_xml.as_bytes(),
        long_xml.as_bytes(),
        b"\xff\xfeo\0k\0",
        b"\xfe\xff\0o\0k",
        open_xml.as_bytes(),
        wrong_charset,
    ];
    for body in bodies {
        judge_by_all(body, false, 200, Tolerance::default(), |name, verdict| {
            if !BY_STATUS.contains(&name) {
                let Verdict::WrongBody(words) = verdict else { panic!("{name}: {verdict:?}") };
                assert!(words.starts_with("200, but ") && words.len() < 1000, "{name}: {words}");
            }
        });
    }
}

#[test]
fn a_truncated_yes_is_none() {
    for body in ["ok", "OK", "YES", "OK55", "TRUE", "SUCCESS", "[accepted]", r#"{"code":0}"#, "WMI_RESULT=OK"] {
        judge_by_all(body.as_bytes(), true, 200, Tolerance::default(), |name, verdict| {
            assert!(BY_STATUS.contains(&name) || word(verdict) == "wrong body", "{name}: {verdict:?}");
        });
    }
}

#[test]
fn what_is_wrong_with_an_answer_is_said() {
    let judge = |name: &str, body: &[u8]| {
        let parameters = parameters(&[("prv_name", "Shop")]);
        let signing = Signing { secrets: &["shops-own-key"], parameters: &parameters, unix_seconds: 0 };
        match dialect(name).judge(&notification(), &signing, &answer(200, body), Tolerance::default()) {
            Verdict::WrongBody(words) => words,
            other => panic!("{other:?}"),
        }
    };
    let table: &[(&str, &[u8], &str)] = &[
        ("qiwi", b"<html>", r#"200, but the body was "<html>" (6 bytes), not XML ("#),
        ("qiwi", b"<r/>", r#"200, but the body was "<r/>" (4 bytes), without result.result_code"#),
        (
            "qiwi",
            b"<r>\xff</r>",
            r#"200, but the body was "<r>\xff</r>" (8 bytes), which is not in its charset, UTF-8"#,
        ),
        (
            "qiwi",
            b"<result><result_code>6</result_code></result>",
            r#"200, but result.result_code was "6", which the dialect does not know; it wants "0""#,
        ),
        ("cloudpayments", b"ok", r#"200, but the body was "ok" (2 bytes), not JSON ("#),
        (
            "cloudpayments",
            br#"{"code":10}"#,
            r#"200, but code was "10", which the dialect does not know; it wants "0""#,
        ),
        ("unitpay", b"{}", r#"200, but the body was "{}" (2 bytes), without error or result"#),
        ("robokassa", b"OK", r#"200, but the body was "OK" (2 bytes), not "OK55""#),
    ];
    for (name, body, expected) in table {
        let words = judge(name, body);
        assert!(words.starts_with(expected), "{name}: {words}");
    }
}

#[test]
fn secrets_are_in_no_debug_output_and_no_error() {
    let secret = "a-very-secret-secret";
    let signing = Signing { secrets: &[secret], parameters: &Parameters::new(), unix_seconds: 0 };
    assert!(!format!("{signing:?}").contains(secret));
    for dialect in Dialect::built_in() {
        let error = dialect.check_secret("short").map_err(|error| format!("{error} {error:?}"));
        assert!(!error.err().unwrap_or_default().contains("short"), "{dialect:?}");
    }
}

#[test]
fn an_answer_of_many_attributes_is_judged_soon() {
    let attributes: String = (0..8_000).map(|n| format!(" a{n:x}=''")).collect();
    let body = format!("<r{attributes}/>");
    let started = std::time::Instant::now();
    judge_by_all(&body.as_bytes()[..body.len().min(64 * 1024)], false, 200, Tolerance::default(), |_, _| {});
    // Twenty dialects, of which two read XML, in a build without optimizations.
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn a_trial_is_read_back_from_its_bytes() {
    let trial = trials::answers::Trial::plain("onpay-1", 200, b"<result/>");
    let bytes = trial.bytes();
    let again = trials::answers::Trial::read(&bytes).expect("a trial");
    assert_eq!(format!("{trial:?}"), format!("{again:?}"));
}

fn arbitrary_reply() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "<result>",
        "</result>",
        "<code>",
        "</code>",
        "0",
        "7",
        "{\"code\":",
        "}",
        "\"status\":true",
        ",",
        "OK",
        "&",
        "=",
        "WMI_RESULT",
        "<?xml version=\"1.0\"?>",
        "<!DOCTYPE a [",
        "<!ENTITY x \"y\">",
        "]>",
        "&x;",
        "\u{feff}",
        "[",
        "null",
    ]);
    let pieces = prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes());
    prop_oneof![any::<Vec<u8>>(), pieces]
}

/// Definitions that are nearly right: a built-in one with a few bytes changed.
fn spoilt_definition() -> impl Strategy<Value = String> {
    let built_in = prop::sample::select(Dialect::built_in().iter().map(Dialect::definition_json).collect::<Vec<_>>());
    (built_in, prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 1..4)).prop_map(
        |(json, changes)| {
            let mut characters: Vec<char> = json.chars().collect();
            for (index, character) in changes {
                let at = index.index(characters.len());
                characters[at] = character;
            }
            characters.into_iter().collect()
        },
    )
}

proptest! {
    #[test]
    fn no_answer_is_taken_for_a_yes_that_is_none(
        place: u8, flags: u8, status in prop_oneof![Just(200_u16), 100_u16..600], body in arbitrary_reply(),
    ) {
        let [low, high] = status.to_le_bytes();
        let bytes = [&[place, flags, low, high], body.as_slice()].concat();
        trials::judge_answer(&bytes);
        trials::judge_check_answer(&bytes);
    }

    #[test]
    fn a_definition_is_an_error_or_a_dialect_that_can_be_used(text in any::<String>(), spoilt in spoilt_definition()) {
        for bytes in [[b"0", text.as_bytes()], [b"1", text.as_bytes()], [b"1", spoilt.as_bytes()]] {
            trials::load_definition(&bytes.concat());
        }
    }

    #[test]
    fn a_payment_with_any_texts_is_the_same_bytes_every_time(
        place: u8, test: u8, exponent in 0_u8..30, minor: i64, texts in prop::collection::vec(any::<String>(), 0..8),
    ) {
        let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
        let head = [&[place, test, exponent][..], &minor.to_le_bytes()].concat();
        trials::render_request(&[head, texts.join(&[0xff][..])].concat());
    }
}
