//! The question before a payment, through the real binary: asked in the dialect `onpay-1`, whose vectors these are.

use crate::rig::{Mode, Rig, in_both_modes};
use anyhow::Result;
use paybell_testkit::{CountBy, Receiver, Reply};
use serde_json::{Value, json};
use std::time::Duration;

in_both_modes!(
    merchant_is_asked_before_the_payment_and_told_of_it_after,
    merchants_who_hang_when_asked_delay_neither_others_nor_deliveries,
);

const REPLY_MD5: &str = "2C15D362EBA7E26D8DD28B193883DDF7";

fn xml(code: &str, md5: &str) -> Reply {
    let elements = format!("<code>{code}</code><pay_for>1</pay_for><comment>so be it</comment><md5>{md5}</md5>");
    Reply::new(200, format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><result>{elements}</result>"))
}

fn question(merchant: &str) -> Value {
    json!({"merchant": merchant, "pay_for": "1", "amount": 10_000, "currency": "RUB"})
}

async fn ask(rig: &Rig, merchant: &str) -> Result<Value> {
    rig.api().post("/v1/checks", &question(merchant)).await?.expect_status(200)
}

/// One more merchant, who is asked at a receiver.
async fn asked(rig: &Rig, merchant: &str, receiver: &Receiver) -> Result<()> {
    rig.api().create_merchant(merchant).await?;
    let fields = json!({
        "check_url": receiver.url("/check"), "secret": "test-secret-0", "options": {"reply_signature": "strict"},
    });
    rig.api().create_endpoint(merchant, &receiver.url("/hook"), "onpay-1", fields).await.map(drop)
}

async fn merchant_is_asked_before_the_payment_and_told_of_it_after(mode: Mode) -> Result<()> {
    let rig = Rig::start(mode, "standard", vec![Reply::ok()]).await?;
    let merchant = Receiver::start(vec![Reply::ok()])?.count_by(CountBy::Path);
    asked(&rig, "asked", &merchant).await?;
    for (reply, answer, code) in [
        (xml("0", REPLY_MD5), "allow", json!("0")),
        (xml("0", "0000"), "unavailable", Value::Null),
        (Reply::new(500, "oops"), "unavailable", Value::Null),
        (Reply::new(200, "<result>"), "unavailable", Value::Null),
    ] {
        merchant.script("/check", vec![reply]);
        let told = ask(&rig, "asked").await?;
        assert_eq!((&told["answer"], &told["code"]), (&json!(answer), &code), "{told:#}");
    }
    let sent = merchant.requests()[0].text();
    assert!(sent.ends_with("&md5=7D1DF16DC13BE05AA83B5C2B9AB09118"), "{sent}");
    let paid = rig.api().pay("asked", "p1", json!({"pay_for": "1"})).await?;
    let shown = rig.api().get(&format!("/v1/payments/{}", paid.payment_id)).await?.expect_status(200)?;
    let answers: Vec<&str> =
        shown["checks"].as_array().into_iter().flatten().filter_map(|check| check["answer"].as_str()).collect();
    assert_eq!(answers, ["unavailable", "unavailable", "unavailable", "allow"]);
    let metrics = rig.api().get("/metrics").await?.body;
    let metrics = metrics.as_str().unwrap_or_default();
    assert!(metrics.contains("paybell_checks_total{answer=\"unavailable\"} 3"), "{metrics}");
    Ok(())
}

async fn merchants_who_hang_when_asked_delay_neither_others_nor_deliveries(mode: Mode) -> Result<()> {
    let rig = Rig::start_with(mode, "standard", vec![Reply::ok()], json!({}), |settings| {
        settings.setting("PAYBELL_CHECKS_PER_ENDPOINT_MAX", "20")
    })
    .await?;
    let (hanging, well) = (Receiver::start(vec![Reply::Hang])?, Receiver::start(vec![xml("0", REPLY_MD5)])?);
    asked(&rig, "hangs", &hanging).await?;
    asked(&rig, "well", &well).await?;
    let crowd = (0..20).map(|_| {
        let api = rig.api().clone();
        tokio::spawn(async move { api.post("/v1/checks", &question("hangs")).await })
    });
    let crowd: Vec<_> = crowd.collect();
    hanging.wait_for(20, Duration::from_secs(20)).await?;
    let turned_away = ask(&rig, "hangs").await?;
    assert!(turned_away["reason"].as_str().is_some_and(|reason| reason.contains("20 checks")), "{turned_away:#}");
    assert_eq!(ask(&rig, "well").await?["answer"], "allow");
    rig.wait(&rig.pay("p1").await?, "delivered").await?;
    assert!(crowd.iter().all(|call| !call.is_finished()), "they still wait: nobody waited for them");
    for call in crowd {
        let answer = call.await??.expect_status(200)?;
        assert_eq!(
            (&answer["answer"], &answer["reason"]),
            (&json!("unavailable"), &json!("no complete answer within 10 s"))
        );
    }
    Ok(())
}
