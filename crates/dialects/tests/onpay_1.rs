//! The `onpay-1` dialect: against the protocol's own vectors.

mod given;

use given::{answer, body, check_word, dialect, field, fields, notification, question, signing, strict, word};
use paybell_dialects::{Amount, CheckVerdict, Notification, Parameters, Question, Tolerance, Verdict, Verify};

const KEY: &[&str] = &["test-secret-0"];
const HUNDRED: Amount<'_> = Amount { minor: 10_000, currency: "RUB", exponent: 2 };

fn paid() -> Notification<'static> {
    Notification { pay_for: Some("1"), amount: HUNDRED, confirmed_at: "2013-11-20T21:39:59Z", ..notification() }
}

fn asked() -> Question<'static> {
    Question { pay_for: Some("1"), amount: HUNDRED, ..question() }
}

fn judge(body: &str, tolerance: Tolerance) -> Verdict {
    let parameters = Parameters::new();
    dialect("onpay-1").judge(&paid(), &signing(KEY, &parameters), &answer(200, body.as_bytes()), tolerance)
}

fn judge_check(body: &str, tolerance: Tolerance) -> CheckVerdict {
    let parameters = Parameters::new();
    dialect("onpay-1").judge_check(&asked(), &signing(KEY, &parameters), &answer(200, body.as_bytes()), tolerance)
}

fn pay_reply(code: &str, md5: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><result><code>{code}</code><comment>OK</comment>\
         <onpay_id>7261069</onpay_id><pay_for>1</pay_for><order_id>1</order_id><md5>{md5}</md5></result>"
    )
}

fn check_reply(code: &str, md5: &str) -> String {
    format!("<result><md5>{md5}</md5><code>{code}</code><pay_for>1</pay_for><comment>Нет товара</comment></result>")
}

#[test]
fn a_payment_is_told_in_the_documented_order_with_the_documented_signature() {
    let parameters = given::parameters(&[("offset", "+04:00")]);
    let request = dialect("onpay-1").render(&paid(), &signing(KEY, &parameters)).expect("renders");
    assert_eq!(
        body(&request),
        "type=pay&onpay_id=7261069&amount=100.0&balance_amount=100.0&balance_currency=RUR&order_amount=100.0\
         &order_currency=RUR&exchange_rate=1.0&pay_for=1&paymentDateTime=2013-11-21T01%3A39%3A59%2B04%3A00\
         &note=%D0%94%D0%B2%D0%B0+%D0%BA%D0%BE%D1%84%D0%B5&user_email=p%40example.org&user_phone=%2B79630000000\
         &paid_amount=100.0&md5=0238A3A87FA1757FFD15F6BA1AAA49B2"
    );
}

#[test]
fn a_check_is_asked_with_the_documented_signature() {
    let request = dialect("onpay-1").render_check(&asked(), &signing(KEY, &Parameters::new())).expect("renders");
    let expected = "type=check&amount=100.0&order_amount=100.0&order_currency=RUR&pay_for=1\
                    &md5=7D1DF16DC13BE05AA83B5C2B9AB09118";
    assert_eq!(body(&request), expected);
}

#[test]
fn fields_that_receivers_expect_are_there_and_the_rest_comes_from_the_free_data() {
    let sparse = Notification {
        payer_email: None,
        payer_phone: None,
        description: None,
        balance: Some(Amount { minor: 337_839, currency: "RUB", exponent: 2 }),
        amount: Amount { minor: 10_200, currency: "USD", exponent: 2 },
        data: Some(r#"{"protection_code":"7788","day_to_expiry":3}"#),
        ..paid()
    };
    let request = dialect("onpay-1").render(&sparse, &signing(KEY, &Parameters::new())).expect("renders");
    let fields = fields(body(&request));
    let table = [
        ("user_email", Some("")),
        ("user_phone", Some("")),
        ("note", None),
        ("amount", Some("102.0")),
        ("balance_amount", Some("3378.39")),
        ("balance_currency", Some("RUR")),
        ("exchange_rate", Some("33.12147")),
        ("protection_code", Some("7788")),
        ("day_to_expiry", Some("3")),
        ("paid_amount", Some("102.0")),
    ];
    for (name, expected) in table {
        assert_eq!(field(&fields, name), expected, "{name}");
    }
}

#[test]
fn pay_replies_mean_what_their_codes_say() {
    let right = "010214F552D9F32D507E8764C92B2A0D";
    assert_eq!(
        judge(&pay_reply("0", right), strict()),
        Verdict::Acknowledged { detail: r#"200 with result.code "0", "OK""#.to_owned(), warning: None }
    );
    assert_eq!(word(&judge(&pay_reply("0", &right.to_lowercase()), strict())), "acknowledged");
    let table = [
        ("0", "acknowledged with a warning"),
        ("2", "wrong body"),
        ("3", "refused"),
        ("7", "signature rejected"),
        ("8", "wrong body"),
        ("10", "postponed"),
        ("12", "wrong body"),
        ("", "wrong body"),
    ];
    for (code, expected) in table {
        assert_eq!(word(&judge(&pay_reply(code, "0"), Tolerance::default())), expected, "code {code}");
    }
}

#[test]
fn a_wrong_reply_signature_is_ignored_warned_of_or_refused() {
    let wrong = pay_reply("0", "0238A3A87FA1757FFD15F6BA1AAA49B2");
    let by = |verify| Tolerance { reply_signature: Some(verify), ..Tolerance::default() };
    assert_eq!(word(&judge(&wrong, by(Verify::Off))), "acknowledged");
    assert_eq!(word(&judge(&wrong, by(Verify::Warn))), "acknowledged with a warning");
    assert_eq!(word(&judge(&wrong, by(Verify::Strict))), "wrong reply signature");
    assert_eq!(word(&judge("<result><code>0</code></result>", by(Verify::Strict))), "wrong reply signature");
    assert_eq!(word(&judge(&pay_reply("3", "0"), by(Verify::Strict))), "wrong reply signature");
}

#[test]
fn an_earlier_secret_in_its_overlap_may_sign_the_reply() {
    let parameters = Parameters::new();
    let secrets = ["a-new-secret", "test-secret-0"];
    let reply = pay_reply("0", "010214F552D9F32D507E8764C92B2A0D");
    let signing = signing(&secrets, &parameters);
    let verdict = dialect("onpay-1").judge(&paid(), &signing, &answer(200, reply.as_bytes()), strict());
    assert_eq!(word(&verdict), "acknowledged");
}

#[test]
fn check_replies_allow_refuse_or_stop() {
    let allowed = judge_check(&check_reply("0", "2C15D362EBA7E26D8DD28B193883DDF7"), strict());
    let CheckVerdict::Allow { code, comment, warning, .. } = allowed else { panic!("{allowed:?}") };
    assert_eq!((code.as_str(), comment.as_deref(), warning), ("0", Some("Нет товара"), None));
    let table = [
        ("0", "allow with a warning"),
        ("2", "refuse"),
        ("3", "refuse"),
        ("7", "unavailable"),
        ("10", "unavailable"),
        ("99", "unavailable"),
    ];
    for (code, expected) in table {
        assert_eq!(check_word(&judge_check(&check_reply(code, "0"), Tolerance::default())), expected, "code {code}");
    }
    assert_eq!(check_word(&judge_check(&check_reply("0", "0"), strict())), "unavailable");
    assert_eq!(check_word(&judge_check("", Tolerance::default())), "unavailable");
}

#[test]
fn refusals_carry_the_merchants_code_and_words() {
    let refused = judge(&pay_reply("3", "010214F552D9F32D507E8764C92B2A0D"), strict());
    // The signature is that of code 0, so even the refusal is not believed.
    assert_eq!(word(&refused), "wrong reply signature");
    let off = Tolerance { reply_signature: Some(Verify::Off), ..Tolerance::default() };
    let detail = r#"200 with result.code "3" (an error in the parameters), "OK""#.to_owned();
    assert_eq!(judge(&pay_reply("3", ""), off), Verdict::Refused { code: "3".to_owned(), detail });
    let CheckVerdict::Refuse { code, comment, .. } = judge_check(&check_reply("2", ""), off) else {
        panic!("no refusal")
    };
    assert_eq!((code.as_str(), comment.as_deref()), ("2", Some("Нет товара")));
}
