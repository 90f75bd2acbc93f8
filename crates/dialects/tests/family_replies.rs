//! What answers mean in each dialect of the family: acknowledged, told again, refused; and of checks.

mod given;

use given::{answer, check_word, dialect, notification, parameters, question, signing, word};
use paybell_dialects::{CheckVerdict, Tolerance};

const KEYS: &[&str] = &["shops-own-key"];

/// Parameters that suit all dialects.
const PARAMETERS: &[(&str, &str)] =
    &[("mnt_id", "12345"), ("shop_id", "1"), ("project_id", "9"), ("prv_name", "Shop"), ("purse", "R123456789012")];

fn judge(name: &str, status: u16, body: &[u8]) -> &'static str {
    let parameters = parameters(PARAMETERS);
    let verdict =
        dialect(name).judge(&notification(), &signing(KEYS, &parameters), &answer(status, body), Tolerance::default());
    word(&verdict)
}

fn judge_check(name: &str, body: &[u8]) -> CheckVerdict {
    let parameters = parameters(PARAMETERS);
    dialect(name).judge_check(&question(), &signing(KEYS, &parameters), &answer(200, body), Tolerance::default())
}

#[test]
fn answers_to_payments_mean_what_the_manuals_say() {
    let table: &[(&str, u16, &str, &str)] = &[
        ("robokassa", 200, "OK55", "acknowledged"),
        ("robokassa", 200, "OK56", "wrong body"),
        ("robokassa", 200, "OK", "wrong body"),
        ("robokassa", 201, "OK55", "wrong status"),
        ("cloudpayments", 200, r#"{"code":0}"#, "acknowledged"),
        ("cloudpayments", 200, r#"{"code": "0", "x": []}"#, "acknowledged"),
        ("cloudpayments", 200, r#"{"code":13}"#, "wrong body"),
        ("cloudpayments", 200, "", "wrong body"),
        ("cloudpayments", 500, r#"{"code":0}"#, "wrong status"),
        ("qiwi", 200, "<?xml version=\"1.0\"?><result><result_code>0</result_code></result>", "acknowledged"),
        ("qiwi", 200, "<result><result_code>151</result_code></result>", "signature rejected"),
        ("qiwi", 200, "<result><result_code>300</result_code></result>", "postponed"),
        ("qiwi", 200, "<result><result_code>7</result_code></result>", "wrong body"),
        ("freekassa", 200, "YES", "acknowledged"),
        ("freekassa", 200, "yes", "wrong body"),
        ("payanyway", 200, "SUCCESS", "acknowledged"),
        ("payanyway", 200, "FAIL", "wrong body"),
        ("unitpay", 200, r#"{"result":{"message":"done"}}"#, "acknowledged"),
        ("unitpay", 200, r#"{"error":{"message":"no"}}"#, "postponed"),
        ("unitpay", 200, r#"{"error":null,"result":{}}"#, "acknowledged"),
        ("unitpay", 200, "{}", "wrong body"),
        ("interkassa", 200, "whatever", "acknowledged"),
        ("interkassa", 201, "", "wrong status"),
        ("walletone", 200, "WMI_RESULT=OK", "acknowledged"),
        ("walletone", 200, "WMI_DESCRIPTION=a&WMI_RESULT=ok", "acknowledged"),
        ("walletone", 200, "WMI_RESULT=RETRY&WMI_DESCRIPTION=later", "postponed"),
        ("walletone", 200, "OK", "wrong body"),
        ("adyen-classic", 200, "[accepted]", "acknowledged"),
        ("adyen-classic", 202, "[accepted]", "acknowledged"),
        ("adyen-classic", 200, "accepted", "wrong body"),
        ("t-bank", 200, "OK", "acknowledged"),
        ("t-bank", 200, "ok", "wrong body"),
        ("plain-200", 200, "", "acknowledged"),
        ("plain-200", 204, "", "wrong status"),
        ("webmoney", 204, "", "acknowledged"),
        ("webmoney", 500, "", "wrong status"),
        ("liqpay", 202, "", "acknowledged"),
        ("liqpay", 404, "", "wrong status"),
        ("tpay", 200, "TRUE", "acknowledged"),
        ("tpay", 200, "FALSE", "wrong body"),
        ("intellectmoney", 200, "OK", "acknowledged"),
        ("intellectmoney", 200, "OK ", "wrong body"),
        ("yookassa", 200, "", "acknowledged"),
        ("yookassa", 201, "", "wrong status"),
        ("onpay-2", 200, r#"{"status":false,"pay_for":"55","signature":"x"}"#, "postponed"),
        ("onpay-2", 200, r#"{"status":true,"pay_for":"55","signature":"x"}"#, "acknowledged with a warning"),
    ];
    for (name, status, body, expected) in table {
        assert_eq!(judge(name, *status, body.as_bytes()), *expected, "{name}: {status} {body}");
    }
}

#[test]
fn answers_to_checks_allow_refuse_or_stop() {
    let payanyway = |code: &str| {
        let signature = hex::encode(given::hashes::md5(format!("{code}1234555shops-own-key").as_bytes()));
        format!(
            "<MNT_RESPONSE><MNT_ID>12345</MNT_ID><MNT_RESULT_CODE>{code}</MNT_RESULT_CODE>\
             <MNT_SIGNATURE>{signature}</MNT_SIGNATURE></MNT_RESPONSE>"
        )
    };
    let table: &[(&str, &str, &str)] = &[
        ("cloudpayments", r#"{"code":0}"#, "allow"),
        ("cloudpayments", r#"{"code":10}"#, "refuse"),
        ("cloudpayments", r#"{"code":12}"#, "refuse"),
        ("cloudpayments", r#"{"code":13}"#, "refuse"),
        ("cloudpayments", r#"{"code":99}"#, "unavailable"),
        ("payanyway", &payanyway("402"), "allow"),
        ("payanyway", &payanyway("500"), "refuse"),
        ("payanyway", &payanyway("200"), "refuse"),
        ("payanyway", &payanyway("302"), "unavailable"),
        ("payanyway", "<MNT_RESPONSE><MNT_RESULT_CODE>402</MNT_RESULT_CODE></MNT_RESPONSE>", "allow with a warning"),
        ("unitpay", r#"{"result":{"message":"ok"}}"#, "allow"),
        ("unitpay", r#"{"error":{"message":"no such account"}}"#, "refuse"),
        ("unitpay", "[]", "unavailable"),
        ("webmoney", "YES", "allow"),
        ("webmoney", "NO", "refuse"),
        ("onpay-2", r#"{"status":false,"pay_for":"55"}"#, "refuse"),
        ("onpay-2", r#"{"status":"maybe"}"#, "unavailable"),
    ];
    for (name, body, expected) in table {
        assert_eq!(check_word(&judge_check(name, body.as_bytes())), *expected, "{name}: {body}");
    }
    let signature = hex::encode(given::hashes::sha1(b"check;true;55;shops-own-key"));
    let reply = format!(r#"{{"status":true,"pay_for":"55","signature":"{signature}"}}"#);
    assert_eq!(check_word(&judge_check("onpay-2", reply.as_bytes())), "allow");
}

#[test]
fn a_refusal_in_another_charset_is_understood() {
    let refused = judge_check("webmoney", b"\xcd\xe5\xf2 \xf2\xee\xe2\xe0\xf0\xe0");
    let CheckVerdict::Refuse { code, comment, detail } = refused else { panic!("{refused:?}") };
    assert_eq!((code.as_str(), comment.as_deref()), ("Нет товара", Some("Нет товара")));
    assert!(detail.ends_with("not \"YES\""), "{detail}");
    let refused = judge_check("unitpay", br#"{"error":{"message":"no such account"}}"#);
    let CheckVerdict::Refuse { comment, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(comment.as_deref(), Some("no such account"));
}

#[test]
fn dialects_without_a_check_say_so() {
    for name in ["standard", "ok-body", "robokassa", "t-bank"] {
        assert!(!dialect(name).has_check());
        let verdict = judge_check(name, b"OK");
        let CheckVerdict::Unavailable(words) = verdict else { panic!("{verdict:?}") };
        assert!(words.contains(name), "{words}");
    }
}

#[test]
fn robokassa_numbers_a_payment_without_an_order() {
    let told = paybell_dialects::Notification { pay_for: None, ..notification() };
    let parameters = parameters(PARAMETERS);
    let signing = signing(KEYS, &parameters);
    let request = dialect("robokassa").render(&told, &signing).expect("renders");
    let sent = given::fields(given::body(&request));
    assert_eq!(given::field(&sent, "InvId"), Some("7261069"));
    let signature = hex::encode_upper(given::hashes::md5(b"100.50:7261069:shops-own-key"));
    assert_eq!(given::field(&sent, "SignatureValue"), Some(signature.as_str()));
    let verdict = dialect("robokassa").judge(&told, &signing, &answer(200, b"OK7261069"), Tolerance::default());
    assert_eq!(word(&verdict), "acknowledged");
}
