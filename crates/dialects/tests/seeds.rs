//! Seeds: what the fuzzer begins with. Each is tried here as well, and an answer means what stands beside it.
//!
//! `PAYBELL_WRITE_SEEDS=folder cargo test -p paybell-dialects --test seeds` writes each into `folder/TARGET/`.

mod trials;

use paybell_dialects::{CheckVerdict, Dialect, Verdict};
use sha1::Digest;
use trials::answers::Trial;

/// Answers to payments: the dialect, the status, the body, and the first letters of the verdict's name.
const ANSWERS: &[(&str, u16, &[u8], &str)] = &[
    ("standard", 204, b"", "Acknowledged"),
    ("standard", 302, b"<html>", "WrongStatus"),
    ("plain-200", 200, b"whatever", "Acknowledged"),
    ("ok-body", 200, b"ok", "Acknowledged"),
    ("ok-body", 200, b"\xef\xbb\xbfok\r\n", "WrongBody"),
    ("ok-body", 200, b"\xff\xfeo\0k\0", "WrongBody"),
    ("ok-body", 200, b"<html><body>Error</body></html>", "WrongBody"),
    ("robokassa", 200, b"OK55", "Acknowledged"),
    ("freekassa", 200, b"YES", "Acknowledged"),
    ("payanyway", 200, b"SUCCESS", "Acknowledged"),
    ("tpay", 200, b"TRUE", "Acknowledged"),
    ("t-bank", 200, b"OK", "Acknowledged"),
    ("intellectmoney", 200, b"OK", "Acknowledged"),
    ("adyen-classic", 202, b"[accepted]", "Acknowledged"),
    ("interkassa", 200, b"", "Acknowledged"),
    ("liqpay", 201, b"{}", "Acknowledged"),
    ("yookassa", 200, b"", "Acknowledged"),
    ("webmoney", 299, b"", "Acknowledged"),
    ("cloudpayments", 200, br#"{"code":0}"#, "Acknowledged"),
    ("cloudpayments", 200, br#" {"a":[1,2.5e3,{"b":null}],"code":"0","c":"\u00e9\n"}"#, "Acknowledged"),
    ("cloudpayments", 200, br#"{"code":13,"code":0}"#, "Acknowledged"),
    ("cloudpayments", 200, br#"{"code":0.0}"#, "WrongBody"),
    ("onpay-2", 200, br#"{"status":true,"pay_for":"55","signature":"0"}"#, "Acknowledged"),
    ("onpay-2", 200, br#"{"status":false,"pay_for":"55"}"#, "Postponed"),
    ("unitpay", 200, br#"{"result":{"message":"done"}}"#, "Acknowledged"),
    ("unitpay", 200, br#"{"error":{"message":"later"},"result":1}"#, "Postponed"),
    ("walletone", 200, b"WMI_DESCRIPTION=a+b%20c&WMI_RESULT=ok", "Acknowledged"),
    ("walletone", 200, b"WMI_RESULT=RETRY&WMI_DESCRIPTION=%C4%E0", "Postponed"),
    ("qiwi", 200, b"<?xml version=\"1.0\"?><result><result_code>0</result_code></result>", "Acknowledged"),
    ("qiwi", 200, b"<a:result xmlns:a=\"b\"><!-- c --><a:result_code>&#48;</a:result_code></a:result>", "Acknowledged"),
    ("qiwi", 200, b"<result><result_code><![CDATA[151]]></result_code></result>", "SignatureRejected"),
    (
        "qiwi",
        200,
        b"<!DOCTYPE r [<!ENTITY a \"0\"><!ENTITY b \"&a;&a;\">]><result><result_code>&b;</result_code></result>",
        "WrongBody",
    ),
    (
        "qiwi",
        200,
        b"<?xml version='1.0' encoding='windows-1251'?><result><x>\xe4</x><result_code>0</result_code></result>",
        "Acknowledged",
    ),
    (
        "onpay-1",
        200,
        b"<result><code>0</code><comment>OK</comment><order_id>1</order_id><md5>0</md5></result>",
        "Acknowledged",
    ),
    ("onpay-1", 200, b"<result><code>3</code><comment>no such order</comment></result>", "Refused"),
    ("onpay-1", 200, b"<result><code>7</code></result>", "SignatureRejected"),
    ("onpay-1", 200, b"<result><code>10</code></result>", "Postponed"),
    ("onpay-1", 200, b"<result><code>17</code></result>", "WrongBody"),
];

/// Answers to checks.
const CHECK_ANSWERS: &[(&str, u16, &[u8], &str)] = &[
    ("onpay-1", 200, b"<result><code>0</code><pay_for>55</pay_for></result>", "Allow"),
    ("onpay-1", 200, b"<result><code>2</code><comment>sold out</comment></result>", "Refuse"),
    ("onpay-1", 200, b"<result><code>7</code></result>", "Unavailable"),
    ("onpay-2", 200, br#"{"status":true,"pay_for":"55"}"#, "Allow"),
    ("onpay-2", 200, br#"{"status":false}"#, "Refuse"),
    ("cloudpayments", 200, br#"{"code":0}"#, "Allow"),
    ("cloudpayments", 200, br#"{"code":13}"#, "Refuse"),
    ("unitpay", 200, br#"{"result":{}}"#, "Allow"),
    ("unitpay", 200, br#"{"error":{"message":"no such order"}}"#, "Refuse"),
    ("payanyway", 200, b"<MNT_RESPONSE><MNT_RESULT_CODE>402</MNT_RESULT_CODE></MNT_RESPONSE>", "Allow"),
    ("payanyway", 200, b"<MNT_RESPONSE><MNT_RESULT_CODE>500</MNT_RESULT_CODE></MNT_RESPONSE>", "Refuse"),
    ("webmoney", 200, b"YES", "Allow"),
    ("webmoney", 200, b"\xcd\xe5\xf2", "Refuse"),
    ("webmoney", 500, b"YES", "Unavailable"),
    ("standard", 200, b"", "Unavailable"),
];

fn trial<'b>(name: &str, status: u16, body: &'b [u8]) -> Trial<'b> {
    Trial::plain(name, status, body)
}

fn name_of(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Acknowledged { .. } => "Acknowledged",
        Verdict::WrongStatus(_) => "WrongStatus",
        Verdict::WrongBody(_) => "WrongBody",
        Verdict::Postponed(_) => "Postponed",
        Verdict::Refused { .. } => "Refused",
        Verdict::SignatureRejected(_) => "SignatureRejected",
        Verdict::WrongReplySignature(_) => "WrongReplySignature",
    }
}

#[test]
fn answers_to_payments_mean_what_stands_beside_them() {
    for (name, status, body, expected) in ANSWERS {
        let trial = trial(name, *status, body);
        assert_eq!(name_of(&trial.verdict()), *expected, "{trial:?}");
        trials::judge_answer(&trial.bytes());
    }
    let heard = |name: &str| ANSWERS.iter().any(|row| row.0 == name && row.3 == "Acknowledged");
    for dialect in Dialect::built_in() {
        assert!(heard(dialect.name()), "no seed acknowledges {dialect:?}");
    }
}

#[test]
fn answers_to_checks_mean_what_stands_beside_them() {
    for (name, status, body, expected) in CHECK_ANSWERS {
        let trial = trial(name, *status, body);
        let verdict = match trial.check_verdict() {
            CheckVerdict::Allow { .. } => "Allow",
            CheckVerdict::Refuse { .. } => "Refuse",
            CheckVerdict::Unavailable(_) => "Unavailable",
        };
        assert_eq!(verdict, *expected, "{trial:?}");
        trials::judge_check_answer(&trial.bytes());
    }
    let heard = |name: &str| CHECK_ANSWERS.iter().any(|row| row.0 == name && row.3 == "Allow");
    for dialect in Dialect::built_in().iter().filter(|dialect| dialect.has_check()) {
        assert!(heard(dialect.name()), "no seed allows {dialect:?}");
    }
}

/// Replies with signatures that are right for the secret of the trials.
fn signed_answers() -> [(&'static str, String); 2] {
    let secret = "07".repeat(32);
    let md5 = hex::encode_upper(md5::Md5::digest(format!("pay;55;7261069;1;100.5;RUR;0;{secret}")));
    let sha1 = hex::encode(sha1::Sha1::digest(format!("pay;true;55;{secret}")));
    [
        ("onpay-1", format!("<result><code>0</code><order_id>1</order_id><md5>{md5}</md5></result>")),
        ("onpay-2", format!(r#"{{"status":true,"pay_for":"55","signature":"{sha1}"}}"#)),
    ]
}

#[test]
fn replies_that_are_signed_are_taken_without_a_warning() {
    for (name, body) in signed_answers() {
        let trial = trial(name, 200, body.as_bytes());
        assert!(matches!(trial.verdict(), Verdict::Acknowledged { warning: None, .. }), "{:?}", trial.verdict());
        trials::judge_answer(&trial.bytes());
    }
}

fn requests() -> Vec<Vec<u8>> {
    let texts = "55\u{0}Два кофе\u{0}card\u{0}p@example.org\u{0}+79630000000\u{0}7261069\u{0}{\"own_x\":\"1 2\",\"a\":{\"b\":1.50}}";
    let texts: Vec<u8> = texts.bytes().map(|byte| if byte == 0 { 0xff } else { byte }).collect();
    let head = |place: u8| [&[place, place % 4, 2][..], &10_050_i64.to_le_bytes()].concat();
    (0..30).map(|place| [head(place), texts.clone()].concat()).collect()
}

fn definitions() -> Vec<(String, Vec<u8>)> {
    let json = |dialect: &Dialect| [b"1".as_slice(), dialect.definition_json().as_bytes()].concat();
    let readme = include_str!("../README.md");
    let example = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let mut all: Vec<_> =
        Dialect::built_in().iter().map(|dialect| (dialect.name().to_owned(), json(dialect))).collect();
    all.push(("readme".to_owned(), [b"0", example.as_bytes()].concat()));
    all
}

#[test]
fn payments_and_definitions_are_tried() {
    requests().iter().for_each(|bytes| trials::render_request(bytes));
    definitions().iter().for_each(|(_, bytes)| trials::load_definition(bytes));
}

#[test]
fn the_seeds_are_written_where_that_is_asked_for() {
    let Some(folder) = std::env::var_os("PAYBELL_WRITE_SEEDS") else { return };
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = std::path::Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        std::fs::write(folder.join(name), bytes).expect("a seed can be written");
    };
    for (target, rows) in [("judge_answer", ANSWERS), ("judge_check_answer", CHECK_ANSWERS)] {
        for (nth, (name, status, body, _)) in rows.iter().enumerate() {
            write(target, &format!("{name}-{nth}"), &trial(name, *status, body).bytes());
        }
    }
    for (name, body) in signed_answers() {
        write("judge_answer", &format!("{name}-signed"), &trial(name, 200, body.as_bytes()).bytes());
    }
    for (nth, bytes) in requests().iter().enumerate() {
        write("render_request", &format!("payment-{nth}"), bytes);
    }
    for (name, bytes) in definitions() {
        write("load_definition", &name, &bytes);
    }
}
