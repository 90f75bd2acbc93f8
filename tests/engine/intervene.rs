//! What people do: pause and resume, resend, settle, send a test, rotate a secret, revoke a key.

use crate::rig::{Mode, PATIENCE, Rig, in_both_modes, outcomes};
use anyhow::Result;
use paybell_testkit::{Reply, eventually};
use serde_json::{Value, json};
use std::time::Duration;

in_both_modes!(
    paused_endpoint_waits_and_resumes,
    undelivered_is_resent_as_a_new_delivery,
    pending_is_settled_by_hand_and_not_attempted_again,
    bulk_resend_shows_its_progress,
    bulk_settlement_ends_what_waits_and_is_undelivered,
    test_notification_goes_the_same_way,
    revoked_key_is_refused,
);

async fn paused_endpoint_waits_and_resumes(mode: Mode) -> Result<()> {
    let rig = Rig::start(mode, "standard", vec![Reply::ok()]).await?;
    let path = |act: &str| format!("/v1/endpoints/{}/{act}", rig.endpoint);
    rig.api().post(&path("pause"), &json!({})).await?.expect_success()?;
    let delivery = rig.pay("p1").await?;
    // Once it is parked, only its expiry is left to look at.
    eventually("the delivery is parked", PATIENCE, async || {
        let delivery = rig.api().delivery(&delivery).await?;
        Ok((delivery["due_at"] == delivery["deadline_at"]).then_some(()))
    })
    .await?;
    assert_eq!(rig.receiver.requests().len(), 0);
    rig.api().post(&path("resume"), &json!({})).await?.expect_success()?;
    let delivery = rig.wait(&delivery, "delivered").await?;
    assert_eq!(outcomes(&delivery), ["acknowledged"]);
    Ok(())
}

async fn undelivered_is_resent_as_a_new_delivery(mode: Mode) -> Result<()> {
    let rig = Rig::start_with(mode, "standard", vec![Reply::new(500, "")], json!({ "lifetime_s": 2 }), |s| s).await?;
    let first = rig.pay("p1").await?;
    rig.wait(&first, "undelivered").await?;
    rig.receiver.script("/hook", vec![Reply::ok()]);
    let resent = rig.api().post(&format!("/v1/deliveries/{first}/resend"), &json!({})).await?.expect_status(201)?;
    let second = rig.wait(resent["id"].as_str().unwrap_or_default(), "delivered").await?;
    assert_eq!(second["resend_of"], first.as_str());
    assert_eq!(rig.api().delivery(&first).await?["state"], "undelivered", "the first stays what it was");
    let ids: Vec<_> = rig.receiver.requests().iter().map(|r| r.header("webhook-id").map(str::to_owned)).collect();
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "the merchant can recognise the payment: {ids:?}");
    Ok(())
}

async fn pending_is_settled_by_hand_and_not_attempted_again(mode: Mode) -> Result<()> {
    let rig = Rig::start(mode, "standard", vec![Reply::new(500, "")]).await?;
    let delivery = rig.pay("p1").await?;
    rig.receiver.wait_for(1, PATIENCE).await?;
    let settle = format!("/v1/deliveries/{delivery}/settle");
    let who = json!({ "who": "Ada", "note": "the shop has seen it" });
    rig.api().post(&settle, &who).await?.expect_success()?;
    let seen = rig.receiver.requests().len();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = rig.receiver.requests().len();
    assert!(after <= seen + 1, "no attempt begins after it was settled: {seen}, then {after}");
    let settled = rig.api().delivery(&delivery).await?;
    assert_eq!((&settled["state"], &settled["settled_by"]), (&json!("settled"), &json!("Ada")));
    assert_eq!(outcomes(&settled).len(), after, "every request belongs to an attempt");
    rig.api().post(&settle, &who).await?.expect_status(409)?;
    Ok(())
}

async fn bulk_resend_shows_its_progress(mode: Mode) -> Result<()> {
    let rig = Rig::start_with(mode, "standard", vec![Reply::new(500, "")], json!({ "lifetime_s": 1 }), |s| s).await?;
    let mut deliveries = Vec::new();
    for i in 0..20 {
        deliveries.push(rig.pay(&format!("p{i}")).await?);
    }
    for delivery in &deliveries {
        rig.wait(delivery, "undelivered").await?;
    }
    rig.receiver.script("/hook", vec![Reply::ok()]);
    // What is resent waits for the failing endpoint's probe, and is to live that long.
    let long = json!({ "lifetime_s": 3_600 });
    rig.api().patch(&format!("/v1/endpoints/{}", rig.endpoint), &long).await?.expect_success()?;
    let filter = json!({ "filter": { "merchant": "shop", "state": "undelivered" } });
    let operator = rig.api().with_token(&rig.engine.create_key("operator")?);
    let job = operator.post("/v1/bulk-resends", &filter).await?.expect_status(202)?;
    assert_eq!(job["total"], 20, "{job}");
    let path = format!("/v1/bulk-resends/{}", job["id"].as_str().unwrap_or_default());
    let done = eventually("the bulk resend is done", PATIENCE, async || {
        let job = operator.get(&path).await?.expect_status(200)?;
        Ok((!job["finished_at"].is_null()).then_some(job))
    })
    .await?;
    assert_eq!(done["resent"], 20, "{done}");
    eventually("all of them are delivered", PATIENCE, async || {
        let page = rig.api().get("/v1/deliveries?state=delivered&limit=100").await?.expect_status(200)?;
        Ok((page["items"].as_array().map_or(0, Vec::len) == 20).then_some(()))
    })
    .await
}

async fn bulk_settlement_ends_what_waits_and_is_undelivered(mode: Mode) -> Result<()> {
    let rig = Rig::start(mode, "standard", vec![Reply::new(500, "")]).await?;
    let short = json!({ "lifetime_s": 1 });
    let (gives_up, _) = rig.api().create_endpoint("shop", &rig.receiver.url("/short"), "standard", short).await?;
    let mut deliveries = Vec::new();
    for i in 0..10 {
        deliveries.extend(rig.api().pay("shop", &format!("p{i}"), Value::Null).await?.deliveries);
    }
    let list = async |query: &str| {
        let page = rig.api().get(&format!("/v1/deliveries?limit=100&{query}")).await?.expect_status(200)?;
        Ok::<_, anyhow::Error>(page["items"].as_array().map_or(0, Vec::len))
    };
    let undelivered = format!("state=undelivered&endpoint={gives_up}");
    eventually("half of them are undelivered", PATIENCE, async || Ok((list(&undelivered).await? == 10).then_some(())))
        .await?;
    let operator = rig.api().with_token(&rig.engine.create_key("operator")?);
    for state in ["undelivered", "pending"] {
        let asked = json!({ "who": "Ada", "note": "told by phone", "filter": { "merchant": "shop", "state": state } });
        let job = operator.post("/v1/bulk-settlements", &asked).await?.expect_status(202)?;
        assert_eq!(job["total"], 10, "{state}: {job}");
        let path = format!("/v1/bulk-settlements/{}", job["id"].as_str().unwrap_or_default());
        let done = eventually("the bulk settlement is done", PATIENCE, async || {
            let job = operator.get(&path).await?.expect_status(200)?;
            Ok((!job["finished_at"].is_null()).then_some(job))
        })
        .await?;
        assert_eq!((&done["settled"], &done["skipped"]), (&json!(10), &json!(0)), "{state}: {done}");
    }
    assert_eq!((deliveries.len(), list("state=settled").await?), (20, 20));
    for delivery in &deliveries {
        let settled = rig.api().delivery(delivery).await?;
        assert_eq!((&settled["settled_by"], &settled["settled_note"]), (&json!("Ada"), &json!("told by phone")));
        // What is in flight may still be recorded; its number stays in the order.
        outcomes(&settled);
    }
    Ok(())
}

async fn test_notification_goes_the_same_way(mode: Mode) -> Result<()> {
    let rig = Rig::start(mode, "standard", vec![Reply::ok()]).await?;
    let sent = rig.api().post(&format!("/v1/endpoints/{}/test", rig.endpoint), &json!({})).await?.expect_status(202)?;
    rig.wait(sent["delivery_id"].as_str().unwrap_or_default(), "delivered").await?;
    let body: Value = serde_json::from_slice(&rig.receiver.requests()[0].body)?;
    assert_eq!((&body["type"], &body["data"]["test"]), (&json!("endpoint.test"), &json!(true)));
    Ok(())
}

async fn revoked_key_is_refused(mode: Mode) -> Result<()> {
    let rig = Rig::start(mode, "standard", vec![Reply::ok()]).await?;
    let token = rig.engine.create_key("operator")?;
    let operator = rig.api().with_token(&token);
    operator.get("/v1/merchants").await?.expect_status(200)?;
    let payment = paybell_testkit::Api::payment("shop", "p1", Value::Null)?;
    operator.post("/v1/payments", &payment).await?.expect_status(403)?;
    rig.api().with_token("").get("/v1/merchants").await?.expect_status(401)?;

    let listed = rig.engine.run(&["keys", "list", "--json"])?;
    assert!(!listed.contains(&token), "the list never shows a key itself");
    let keys: Value = serde_json::from_str(&listed)?;
    let keys = keys.as_array().or_else(|| keys["keys"].as_array()).cloned().unwrap_or_default();
    let id = keys.iter().find(|key| key["role"] == "operator").and_then(|key| key["id"].as_str()).unwrap_or_default();
    rig.engine.run(&["keys", "revoke", id])?;
    eventually("the revoked key is refused", PATIENCE, async || {
        Ok((operator.get("/v1/merchants").await?.status == 401).then_some(()))
    })
    .await
}
