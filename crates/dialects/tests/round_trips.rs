//! What a receiver does: it reads the request back, and computes the signature anew from what stood on the wire.

mod given;

use given::hashes::{base64, hmac_sha256, md5, sha1, sha256};
use given::{body, dialect, field, fields, header, notification, parameters, signing};
use paybell_dialects::{Amount, Notification, Rendered};
use proptest::prelude::*;
use std::collections::BTreeMap;

const KEY: &str = "shops-own-key";

fn render(name: &str, pairs: &[(&str, &str)], notification: &Notification<'_>) -> Rendered {
    dialect(name).render(notification, &signing(&[KEY], &parameters(pairs))).expect(name)
}

/// Any text; among others texts with the signs that separate what is signed.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-zа-я;:|&=+%{} ]{0,20}"]
}

fn minor_of(text: &str, exponent: u32) -> i128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{part:0<width$}", width = exponent as usize).parse().expect("digits")
}

proptest! {
    #[test]
    fn onpay_1_signs_what_it_sends(pay_for in text(), minor in 0..=i64::MAX, note in text()) {
        let told = Notification {
            pay_for: Some(&pay_for), description: Some(&note),
            amount: Amount { minor, currency: "EUR", exponent: 2 }, ..notification()
        };
        let request = render("onpay-1", &[], &told);
        let fields = fields(body(&request));
        let value = |name| field(&fields, name).unwrap_or_default();
        prop_assert_eq!(value("pay_for"), &pay_for);
        prop_assert_eq!(value("note"), &note);
        prop_assert_eq!(minor_of(value("amount"), 2), i128::from(minor));
        let message = format!(
            "pay;{};{};{};{};{KEY}", value("pay_for"), value("onpay_id"), value("order_amount"), value("order_currency")
        );
        prop_assert_eq!(value("md5"), hex::encode_upper(md5(message.as_bytes())));
    }

    #[test]
    fn onpay_2_signs_the_digits_that_it_sends(pay_for in text(), minor in 0..=i64::MAX, balance in 0..=i64::MAX) {
        let told = Notification {
            pay_for: Some(&pay_for),
            amount: Amount { minor, currency: "USD", exponent: 2 },
            balance: Some(Amount { minor: balance, currency: "RUB", exponent: 2 }), ..notification()
        };
        let request = render("onpay-2", &[], &told);
        let read: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        prop_assert_eq!(&read["pay_for"], &pay_for);
        // The digits themselves, which a float would lose.
        let digits = |object: &str| {
            let inside = body(&request).split(&format!(r#""{object}":{{"#)).nth(1).unwrap_or_default();
            let amount = inside.split(r#""amount":"#).nth(1).unwrap_or_default();
            amount.split(',').next().unwrap_or_default().to_owned()
        };
        let (paid, reaches) = (digits("payment"), digits("balance"));
        prop_assert_eq!(minor_of(&paid, 2), i128::from(minor));
        prop_assert_eq!(minor_of(&reaches, 2), i128::from(balance));
        let message = format!("pay;{pay_for};{paid};USD;{reaches};RUR;{KEY}");
        prop_assert_eq!(&read["signature"], &hex::encode(sha1(message.as_bytes())));
    }

    #[test]
    fn interkassa_signs_all_fields_that_it_sends(pay_for in text(), own in text(), minor in 0..=i64::MAX) {
        let data = serde_json::json!({ "ik_x_own": own, "private": "no" }).to_string();
        let told = Notification {
            pay_for: Some(&pay_for), data: Some(&data),
            amount: Amount { minor, currency: "EUR", exponent: 2 }, ..notification()
        };
        let request = render("interkassa", &[("shop_id", "co")], &told);
        let mut sorted: BTreeMap<String, String> = fields(body(&request)).into_iter().collect();
        let said = sorted.remove("ik_sign").expect("a signature");
        prop_assert!(!sorted.contains_key("private"));
        prop_assert_eq!(sorted.get("ik_x_own"), Some(&own));
        let mut parts: Vec<&str> = sorted.values().map(String::as_str).collect();
        parts.push(KEY);
        prop_assert_eq!(said, base64(md5(parts.join(":").as_bytes())));
    }

    #[test]
    fn t_bank_signs_the_outermost_members(pay_for in text(), pan in text(), minor in 0..=i64::MAX) {
        let data = serde_json::json!({ "Pan": pan }).to_string();
        let told = Notification {
            pay_for: Some(&pay_for), data: Some(&data),
            amount: Amount { minor, currency: "RUB", exponent: 2 }, ..notification()
        };
        let request = render("t-bank", &[("terminal_key", "T")], &told);
        let mut read: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&request.body).expect("JSON");
        let said = read.remove("Token").expect("a token");
        prop_assert_eq!(&read["Amount"], minor);
        read.insert("Password".to_owned(), KEY.into());
        let plain = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let message: String = read.values().map(plain).collect();
        prop_assert_eq!(said, hex::encode(sha256(message.as_bytes())));
    }

    #[test]
    fn cloudpayments_signs_its_raw_body(pay_for in text(), email in text()) {
        let told = Notification { pay_for: Some(&pay_for), payer_email: Some(&email), ..notification() };
        let request = render("cloudpayments", &[], &told);
        let signature = base64(hmac_sha256(KEY.as_bytes(), &request.body));
        prop_assert_eq!(header(&request, "x-content-hmac"), Some(signature.as_str()));
        let fields = fields(body(&request));
        prop_assert_eq!(field(&fields, "InvoiceId"), Some(pay_for.as_str()));
    }

    #[test]
    fn walletone_reads_back_in_its_charset(description in "[а-яА-ЯёЁa-z0-9 &=+]{0,40}") {
        let told = Notification { description: Some(&description), ..notification() };
        let request = render("walletone", &[("merchant_id", "1")], &told);
        let said = body(&request).split('&').find_map(|pair| pair.strip_prefix("WMI_DESCRIPTION=")).expect("there");
        let spaced = said.replace('+', " ");
        let bytes: Vec<u8> = percent_encoding::percent_decode_str(&spaced).collect();
        prop_assert_eq!(encoding_rs::WINDOWS_1251.decode(&bytes).0, description.as_str());
    }

    #[test]
    fn a_query_reads_back(account in text()) {
        let request = render("unitpay", &[("project_id", "1")], &Notification { pay_for: Some(&account), ..notification() });
        let query = request.query.expect("a query");
        let fields = fields(&query);
        prop_assert_eq!(field(&fields, "params[account]"), Some(account.as_str()));
        prop_assert!(query.is_ascii() && !query.contains(' '));
    }
}
