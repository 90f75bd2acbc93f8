//! Signatures that vendors' manuals and libraries publish, rendered from the same facts.

mod given;

use given::{answer, body, dialect, field, fields, notification, parameters, question, signing, strict};
use paybell_dialects::{Amount, CheckVerdict, Notification, Question, Rendered};

fn render(name: &str, pairs: &[(&str, &str)], secret: &str, notification: &Notification<'_>) -> Rendered {
    dialect(name).render(notification, &signing(&[secret], &parameters(pairs))).expect(name)
}

/// The test of the HMAC validator in Adyen's own libraries.
#[test]
fn adyen_signs_as_its_libraries_do() {
    let told = Notification {
        gateway_payment_id: "7914073381342284",
        pay_for: Some("TestPayment-1407325143704"),
        amount: Amount { minor: 1_130, currency: "EUR", exponent: 2 },
        ..notification()
    };
    let key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
    let request = render("adyen-classic", &[("merchant_account", "TestMerchant")], key, &told);
    let read: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
    let item = &read["notificationItems"][0]["NotificationRequestItem"];
    assert_eq!(item["additionalData"]["hmacSignature"], "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=");
}

/// The example of a Pay URL in the manual of MONETA.RU (docs.moneta.ru, payment notification). It is signed for the account
/// 54600817, which its reply's example names.
#[test]
fn payanyway_signs_as_its_manual_does() {
    let told = Notification {
        gateway_payment_id: "123456",
        pay_for: Some("FF790ABCD"),
        amount: Amount { minor: 12_025, currency: "RUB", exponent: 2 },
        ..notification()
    };
    let account = [("mnt_id", "54600817")];
    let request = render("payanyway", &account, "QWERTY", &told);
    let expected = "MNT_ID=54600817&MNT_TRANSACTION_ID=FF790ABCD&MNT_OPERATION_ID=123456&MNT_AMOUNT=120.25\
                    &MNT_CURRENCY_CODE=RUB&MNT_TEST_MODE=0&MNT_SIGNATURE=69bdf9bd91820b8f7b4c4b25d3d22dfa";
    assert_eq!(body(&request), expected);

    let asked = Question { pay_for: Some("FF790ABCD"), ..question() };
    let reply = b"<MNT_RESPONSE><MNT_ID>54600817</MNT_ID><MNT_TRANSACTION_ID>FF790ABCD</MNT_TRANSACTION_ID>\
                  <MNT_RESULT_CODE>200</MNT_RESULT_CODE><MNT_SIGNATURE>29807c8e5d82198b5c4360e6ec711cce</MNT_SIGNATURE>\
                  </MNT_RESPONSE>";
    let account = parameters(&account);
    let verdict =
        dialect("payanyway").judge_check(&asked, &signing(&["QWERTY"], &account), &answer(200, reply), strict());
    assert!(matches!(&verdict, CheckVerdict::Refuse { code, .. } if code == "200"), "{verdict:?}");
}

/// The test of the package freekassa-node.
#[test]
fn freekassa_signs_as_a_library_does() {
    let told = Notification {
        pay_for: Some("ID_234"),
        amount: Amount { minor: 9_900, currency: "USD", exponent: 2 },
        ..notification()
    };
    let request = render("freekassa", &[("shop_id", "14963")], "secret_word_2", &told);
    let sent = fields(body(&request));
    assert_eq!(field(&sent, "AMOUNT"), Some("99"));
    assert_eq!(field(&sent, "SIGN"), Some("c0905625cf96d7730487a4dda69c6a09"));
}
