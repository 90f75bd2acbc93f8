//! Every built-in dialect through the real binary and over HTTP: told, told again, acknowledged; refused where its words
//! can; asked before a payment where it can. What is sent is compared byte by byte in `crates/dialects/tests`; here its
//! signature is verified: it is that of a vector, or was computed elsewhere from the protocol's words.

use crate::rig::{Mode, Rig};
use anyhow::{Context, Result};
use hmac::{Hmac, KeyInit, Mac};
use paybell_testkit::{Api, CountBy, Receiver, Reply, Request};
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::Duration;

const SECRET: &str = "test-secret-0";
const PATIENCE: Duration = Duration::from_secs(40);

/// One dialect as its merchant lives it.
struct Row {
    dialect: &'static str,
    parameters: Value,
    /// The merchant's own secret, where it has one.
    secret: Option<&'static str>,
    /// An answer that is no acknowledgement, and the outcome that it gives.
    again: (u16, &'static str, &'static str),
    acknowledged: (u16, &'static str),
    refused: Option<&'static str>,
    /// The answers to a check: one that allows and one that refuses.
    check: Option<(&'static str, &'static str)>,
    /// Its signature.
    signature: Signature,
}

/// How the signature of the payment 7261069 of 100 roubles for the order 1 is known to be right.
enum Signature {
    /// It is this text, in the query, a header or the body: a vector's, or one that was computed by other means (Python's
    /// hashlib) over a message that was put together by hand from the protocol's words.
    Is(&'static str),
    /// The independent library of Standard Webhooks verifies it.
    Standard,
    /// In this field or header, the hexadecimal HMAC-SHA256 of the bytes before it: the body is never the same twice.
    OfBody(&'static str),
    /// The dialect signs nothing.
    None,
}

fn row(dialect: &'static str, parameters: Value, acknowledged: (u16, &'static str), signature: &'static str) -> Row {
    let again = (200, "<html>", "wrong_body");
    let signature = Signature::Is(signature);
    Row { dialect, parameters, secret: Some(SECRET), again, acknowledged, refused: None, check: None, signature }
}

/// Dialects that look at the status alone.
fn by_status(dialect: &'static str, parameters: Value, status: u16, signature: &'static str) -> Row {
    Row { again: (503, "", "wrong_status"), ..row(dialect, parameters, (status, "<html>"), signature) }
}

fn onpay_1() -> Row {
    Row {
        again: (200, "<result><code>10</code><comment>busy</comment></result>", "postponed"),
        refused: Some("<result><code>3</code><comment>no such order</comment></result>"),
        check: Some(("<result><code>0</code></result>", "<result><code>2</code><comment>sold out</comment></result>")),
        // The protocol's own vector.
        ..row(
            "onpay-1",
            json!({}),
            (200, "<result><code>0</code><order_id>1</order_id></result>"),
            "0238A3A87FA1757FFD15F6BA1AAA49B2",
        )
    }
}

/// Dialects that are Paybell's own, or sign in another way.
fn own_rows() -> Vec<Row> {
    let made = |signature: Signature, row: Row| Row { secret: None, signature, ..row };
    let adyen = (202, "[accepted]");
    let adyen = row(
        "adyen-classic",
        json!({"merchant_account": "Shop7"}),
        adyen,
        "KYdr7P97nvk/e9N7VvuEOHrb9c8d+IPtJ4K8J5Y33S4=",
    );
    vec![
        made(Signature::Standard, by_status("standard", json!({}), 204, "")),
        made(Signature::OfBody("&signature="), row("ok-body", json!({}), (200, "ok"), "")),
        made(Signature::OfBody("signature"), by_status("plain-200", json!({}), 200, "")),
        made(Signature::None, by_status("yookassa", json!({}), 200, "")),
        Row { secret: Some("44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"), ..adyen },
    ]
}

/// Dialects with a check, and those whose merchants can ask to be told again in words of their own.
fn rows_with_words() -> Vec<Row> {
    vec![
        onpay_1(),
        Row {
            again: (200, r#"{"status":false}"#, "postponed"),
            check: Some((r#"{"status":true}"#, r#"{"status":false}"#)),
            ..row("onpay-2", json!({}), (200, r#"{"status":true}"#), "039803e4bc335ad793fb71cde1650dc3de12bf67")
        },
        Row {
            check: Some((r#"{"code":0}"#, r#"{"code":13}"#)),
            ..row("cloudpayments", json!({}), (200, r#"{"code":0}"#), "W8dbplN2bd/uMZF/FsjZRgCrX40YrwLQotz7OmITTzY=")
        },
        Row {
            again: (200, "<result><result_code>151</result_code></result>", "signature_rejected"),
            ..row(
                "qiwi",
                json!({"prv_name": "Shop"}),
                (200, "<result><result_code>0</result_code></result>"),
                "0Zj2Gf0LwKScV9vPKgw7ZgOcSkY=",
            )
        },
        Row {
            check: Some((
                "<MNT_RESPONSE><MNT_RESULT_CODE>402</MNT_RESULT_CODE></MNT_RESPONSE>",
                "<MNT_RESPONSE><MNT_RESULT_CODE>500</MNT_RESULT_CODE></MNT_RESPONSE>",
            )),
            ..row("payanyway", json!({"mnt_id": "77"}), (200, "SUCCESS"), "dddc465af20098fc85fc30361a7df85b")
        },
        Row {
            again: (200, r#"{"error":{"message":"later"}}"#, "postponed"),
            check: Some((r#"{"result":{}}"#, r#"{"error":{"message":"no such order"}}"#)),
            ..row(
                "unitpay",
                json!({"project_id": "77"}),
                (200, r#"{"result":{"message":"done"}}"#),
                "851d9e4dae668f0105d676add2486ecfb20d5163a8cb2fdc8d70b530ecbe654e",
            )
        },
        Row {
            again: (200, "WMI_RESULT=RETRY&WMI_DESCRIPTION=busy", "postponed"),
            ..row("walletone", json!({"merchant_id": "77"}), (200, "WMI_RESULT=OK"), "rQQNshNanKkSVnHPVpDzTg%3D%3D")
        },
        Row {
            check: Some(("YES", "no such order")),
            ..by_status(
                "webmoney",
                json!({"purse": "R123456789012"}),
                200,
                "EE462FBE662878ABF451F99BF98244FE9DDC11227663020835CB3D5E4952FB52",
            )
        },
    ]
}

fn rows() -> Vec<Row> {
    let intellectmoney = json!({"eshop_id": "77", "eshop_account": "88"});
    let t_bank = "87e5cd8ce49247d8b7c6cb1a4ece8da99f156a96a63926498413fcb7c7c7d882";
    let plain = vec![
        row("robokassa", json!({}), (200, "OK1"), "F61806853876DADEEE527BF7451F5C1E"),
        row("freekassa", json!({"shop_id": "77"}), (200, "YES"), "eb25005a6f6bff0e1a4eb2e5be111611"),
        by_status("interkassa", json!({"shop_id": "77"}), 200, "bIXsZp%2FjE0le0%2BF6gtba5A%3D%3D"),
        by_status("liqpay", json!({"public_key": "i77"}), 200, "wdOJDf1ZArFXvLX8g%2BfreCGyIVc%3D"),
        row("t-bank", json!({"terminal_key": "Shop77"}), (200, "OK"), t_bank),
        row("tpay", json!({"shop_id": "77"}), (200, "TRUE"), "9bec9fc6a2a0ac4e9208e8b8b092a09e"),
        row("intellectmoney", intellectmoney, (200, "OK"), "3b84038dfed7d2c962cf5ce38b14e6e2"),
    ];
    own_rows().into_iter().chain(rows_with_words()).chain(plain).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_built_in_dialect_is_spoken_with_its_merchant() -> Result<()> {
    let rig = Rig::start(Mode::Embedded, "standard", vec![Reply::ok()]).await?;
    let known = rig.api().get("/v1/dialects").await?.expect_status(200)?;
    let known = known["items"].as_array().context("a list")?;
    let built_in: Vec<&str> = known.iter().filter_map(|dialect| dialect["name"].as_str()).collect();
    let mut rows = rows();
    rows.sort_by_key(|row| row.dialect);
    assert_eq!(rows.iter().map(|row| row.dialect).collect::<Vec<_>>(), built_in);
    for row in rows {
        speak(rig.api(), &row).await.with_context(|| format!("with a merchant of {}", row.dialect))?;
    }
    Ok(())
}

async fn speak(api: &Api, row: &Row) -> Result<()> {
    let (status, body, outcome) = row.again;
    let script = [(status, body), row.acknowledged, (200, row.refused.unwrap_or_default())];
    let script = script.map(|(status, body)| Reply::new(status, body));
    let receiver = Receiver::start(vec![])?.count_by(CountBy::Path);
    receiver.script("/hook", script.to_vec());
    let merchant = format!("of-{}", row.dialect);
    api.create_merchant(&merchant).await?;
    let mut fields = json!({ "parameters": row.parameters });
    if let Some(secret) = row.secret {
        fields["secret"] = secret.into();
    }
    if row.check.is_some() {
        fields["check_url"] = receiver.url("/check").into();
    }
    let (_, secret) = api.create_endpoint(&merchant, &receiver.url("/hook"), row.dialect, fields).await?;

    let paid = |pay_for: &str| {
        json!({ "pay_for": pay_for, "amount": 10_000, "currency": "RUB", "method": "card",
            "confirmed_at": "2026-11-21T09:30:00Z" })
    };
    let told = api.pay(&merchant, "7261069", paid("1")).await?;
    let delivered = api.wait_delivery_state(&told.deliveries[0], "delivered", PATIENCE).await?;
    assert_eq!(outcomes(&delivered), [outcome, "acknowledged"], "{}: {delivered:#}", row.dialect);
    let sent = receiver.requests();
    assert_eq!(sent[0].text(), sent[1].text(), "{}: the same bytes each time", row.dialect);
    for request in &sent[..2] {
        assert!(is_signed(&row.signature, &secret, request), "{}: {request:?}", row.dialect);
    }

    if row.refused.is_some() {
        let told = api.pay(&merchant, "7261070", paid("2")).await?;
        let refused = api.wait_delivery_state(&told.deliveries[0], "undelivered", PATIENCE).await?;
        assert_eq!((outcomes(&refused), refused["reason"].as_str()), (vec!["refused"], Some("refused")), "{refused:#}");
    }
    let question = json!({ "merchant": merchant, "pay_for": "1", "amount": 10_000, "currency": "RUB" });
    let Some((allows, refuses)) = row.check else {
        let answer = api.post("/v1/checks", &question).await?.expect_status(200)?;
        assert_eq!((&answer["answer"], &answer["reason"]), (&json!("allow"), &json!("not required")), "{answer:#}");
        return Ok(());
    };
    for (status, reply, expected) in [(200, allows, "allow"), (200, refuses, "refuse"), (500, "", "unavailable")] {
        receiver.script("/check", vec![Reply::new(status, reply)]);
        let answer = api.post("/v1/checks", &question).await?.expect_status(200)?;
        assert_eq!(answer["answer"], expected, "{}: {answer:#}", row.dialect);
    }
    Ok(())
}

fn is_signed(signature: &Signature, secret: &str, request: &Request) -> bool {
    let body = request.text();
    match signature {
        Signature::Is(text) => {
            let in_headers = request.headers.values().any(|value| value == text);
            in_headers || request.path.contains(text) || body.contains(text)
        }
        Signature::Standard => {
            let verifier = standardwebhooks::Webhook::new(secret).expect("it is a secret of theirs");
            verifier.verify(&request.body, &request.headers).is_ok()
        }
        Signature::OfBody(place) => {
            let (before, said) = match request.header(place) {
                Some(said) => (body.as_str(), said),
                None => body.split_once(place).unwrap_or((body.as_str(), "")),
            };
            said == hmac_sha256(secret, before)
        }
        Signature::None => !body.contains("sign"),
    }
}

fn hmac_sha256(key: &str, message: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key of any length");
    hex::encode(mac.chain_update(message).finalize().into_bytes())
}

fn outcomes(delivery: &Value) -> Vec<&str> {
    delivery["attempts"].as_array().into_iter().flatten().filter_map(|attempt| attempt["outcome"].as_str()).collect()
}
