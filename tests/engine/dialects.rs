//! Every built-in dialect through the real binary and over HTTP: told, told again, acknowledged; refused where its words
//! can; asked before a payment where it can. What is sent is compared byte by byte in `crates/dialects/tests`; here its
//! signature is found where a vector is known.

use crate::rig::{Mode, Rig};
use anyhow::{Context, Result};
use paybell_testkit::{Api, CountBy, Receiver, Reply};
use serde_json::{Value, json};
use std::time::Duration;

const SECRET: &str = "test-secret-0";
const PATIENCE: Duration = Duration::from_secs(40);

/// One dialect as its merchant lives it.
struct Row {
    dialect: &'static str,
    parameters: Value,
    /// Whether the merchant's own secret is used.
    own_secret: bool,
    /// An answer that is no acknowledgement, and the outcome that it gives.
    again: (u16, &'static str, &'static str),
    acknowledged: (u16, &'static str),
    refused: Option<&'static str>,
    /// The answers to a check: one that allows and one that refuses.
    check: Option<(&'static str, &'static str)>,
    /// What the request must hold: a signature of a vector.
    vector: &'static str,
}

fn row(dialect: &'static str, parameters: Value, acknowledged: (u16, &'static str)) -> Row {
    let again = (200, "<html>", "wrong_body");
    Row { dialect, parameters, own_secret: true, again, acknowledged, refused: None, check: None, vector: "" }
}

/// Dialects that look at the status alone.
fn by_status(dialect: &'static str, parameters: Value, status: u16) -> Row {
    Row { again: (503, "", "wrong_status"), ..row(dialect, parameters, (status, "<html>")) }
}

fn onpay_1() -> Row {
    Row {
        again: (200, "<result><code>10</code><comment>busy</comment></result>", "postponed"),
        refused: Some("<result><code>3</code><comment>no such order</comment></result>"),
        check: Some(("<result><code>0</code></result>", "<result><code>2</code><comment>sold out</comment></result>")),
        // The vector of a payment for order 1 with the id 7261069 of 100 roubles.
        vector: "md5=0238A3A87FA1757FFD15F6BA1AAA49B2",
        ..row("onpay-1", json!({}), (200, "<result><code>0</code><order_id>1</order_id></result>"))
    }
}

fn rows() -> Vec<Row> {
    let made = |row: Row| Row { own_secret: false, ..row };
    vec![
        made(by_status("standard", json!({}), 204)),
        made(row("ok-body", json!({}), (200, "ok"))),
        made(by_status("plain-200", json!({}), 200)),
        made(by_status("yookassa", json!({}), 200)),
        made(row("adyen-classic", json!({"merchant_account": "Shop7"}), (202, "[accepted]"))),
        onpay_1(),
        Row {
            again: (200, r#"{"status":false}"#, "postponed"),
            check: Some((r#"{"status":true}"#, r#"{"status":false}"#)),
            ..row("onpay-2", json!({}), (200, r#"{"status":true}"#))
        },
        row("robokassa", json!({}), (200, "OK1")),
        Row {
            check: Some((r#"{"code":0}"#, r#"{"code":13}"#)),
            ..row("cloudpayments", json!({}), (200, r#"{"code":0}"#))
        },
        Row {
            again: (200, "<result><result_code>151</result_code></result>", "signature_rejected"),
            ..row("qiwi", json!({"prv_name": "Shop"}), (200, "<result><result_code>0</result_code></result>"))
        },
        row("freekassa", json!({"shop_id": "77"}), (200, "YES")),
        Row {
            check: Some((
                "<MNT_RESPONSE><MNT_RESULT_CODE>402</MNT_RESULT_CODE></MNT_RESPONSE>",
                "<MNT_RESPONSE><MNT_RESULT_CODE>500</MNT_RESULT_CODE></MNT_RESPONSE>",
            )),
            ..row("payanyway", json!({"mnt_id": "77"}), (200, "SUCCESS"))
        },
        Row {
            again: (200, r#"{"error":{"message":"later"}}"#, "postponed"),
            check: Some((r#"{"result":{}}"#, r#"{"error":{"message":"no such order"}}"#)),
            ..row("unitpay", json!({"project_id": "77"}), (200, r#"{"result":{"message":"done"}}"#))
        },
        by_status("interkassa", json!({"shop_id": "77"}), 200),
        Row {
            again: (200, "WMI_RESULT=RETRY&WMI_DESCRIPTION=busy", "postponed"),
            ..row("walletone", json!({"merchant_id": "77"}), (200, "WMI_RESULT=OK"))
        },
        by_status("liqpay", json!({"public_key": "i77"}), 200),
        row("t-bank", json!({"terminal_key": "Shop77"}), (200, "OK")),
        row("tpay", json!({"shop_id": "77"}), (200, "TRUE")),
        row("intellectmoney", json!({"eshop_id": "77", "eshop_account": "88"}), (200, "OK")),
        Row { check: Some(("YES", "no such order")), ..by_status("webmoney", json!({"purse": "R123456789012"}), 200) },
    ]
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
    if row.own_secret {
        fields["secret"] = SECRET.into();
    }
    if row.check.is_some() {
        fields["check_url"] = receiver.url("/check").into();
    }
    api.create_endpoint(&merchant, &receiver.url("/hook"), row.dialect, fields).await?;

    let paid = |pay_for: &str| json!({ "pay_for": pay_for, "amount": 10_000, "currency": "RUB", "method": "card" });
    let told = api.pay(&merchant, "7261069", paid("1")).await?;
    let delivered = api.wait_delivery_state(&told.deliveries[0], "delivered", PATIENCE).await?;
    assert_eq!(outcomes(&delivered), [outcome, "acknowledged"], "{}: {delivered:#}", row.dialect);
    let sent = receiver.requests();
    let (first, second) = (sent[0].text(), sent[1].text());
    assert!(first.contains(row.vector), "{}: {first}", row.dialect);
    assert_eq!(first, second, "{}: the same bytes each time", row.dialect);

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

fn outcomes(delivery: &Value) -> Vec<&str> {
    delivery["attempts"].as_array().into_iter().flatten().filter_map(|attempt| attempt["outcome"].as_str()).collect()
}
