//! What a merchant answers, and what becomes of the delivery.

use crate::rig::{Mode, Rig, in_both_modes, outcomes};
use anyhow::Result;
use paybell_testkit::{Api, Reply};
use serde_json::{Value, json};

in_both_modes!(
    payment_is_delivered_when_acknowledged_at_once,
    payment_is_retried_through_503_until_200,
    wrong_body_is_no_acknowledgement_in_ok_body,
    delivery_expires_at_its_deadline,
    same_payment_again_is_one_delivery,
    hanging_merchant_times_out_and_is_retried,
    unreachable_merchant_is_retried_until_it_is_up,
    batch_accepts_what_is_good_and_names_what_is_bad,
    secrets_and_signatures_that_a_merchant_sends_back_are_not_kept,
);

async fn payment_is_delivered_when_acknowledged_at_once(mode: Mode) -> Result<()> {
    let rig = Rig::start(mode, "standard", vec![Reply::new(204, "")]).await?;
    let delivery = rig.wait(&rig.pay("p1").await?, "delivered").await?;
    assert_eq!(outcomes(&delivery), ["acknowledged"]);
    assert_eq!(delivery["attempts"][0]["status"], 204);
    let requests = rig.receiver.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].path, "/hook");
    let body: Value = serde_json::from_slice(&requests[0].body)?;
    assert_eq!(body["type"], "payment.confirmed");
    assert_eq!((&body["data"]["id"], &body["data"]["amount"]), (&json!("p1"), &json!(1000)));
    Ok(())
}

async fn payment_is_retried_through_503_until_200(mode: Mode) -> Result<()> {
    let script = vec![Reply::new(503, "busy"), Reply::new(503, "busy"), Reply::new(200, "thanks")];
    let rig = Rig::start(mode, "standard", script).await?;
    let delivery = rig.wait(&rig.pay("p1").await?, "delivered").await?;
    assert_eq!(outcomes(&delivery), ["wrong_status", "wrong_status", "acknowledged"]);
    assert_eq!(delivery["attempts"][0]["response"]["body"], "busy");

    let requests = rig.receiver.requests();
    assert_eq!(requests.len(), 3);
    let same = |name: &str| requests.iter().all(|request| request.header(name) == requests[0].header(name));
    assert!(same("webhook-id"), "all attempts carry the same id");
    assert!(requests.iter().all(|request| request.body == requests[0].body), "and the same bytes");
    let gap = requests[1].at.duration_since(requests[0].at)?;
    assert!(gap.as_millis() >= 180, "200 ms less 10 % of jitter: {gap:?}");
    Ok(())
}

async fn wrong_body_is_no_acknowledgement_in_ok_body(mode: Mode) -> Result<()> {
    let script = vec![Reply::new(200, "<html>ok</html>"), Reply::new(200, "OK"), Reply::new(201, "ok"), Reply::ok()];
    let rig = Rig::start(mode, "ok-body", script).await?;
    let delivery = rig.wait(&rig.pay("p1").await?, "delivered").await?;
    assert_eq!(outcomes(&delivery), ["wrong_body", "wrong_body", "wrong_status", "acknowledged"]);
    let detail = delivery["attempts"][0]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("<html>"), "the reason quotes the answer: {detail}");
    Ok(())
}

async fn delivery_expires_at_its_deadline(mode: Mode) -> Result<()> {
    let rig = Rig::start_with(mode, "standard", vec![Reply::new(500, "no")], json!({ "lifetime_s": 3 }), |s| s).await?;
    let delivery = rig.wait(&rig.pay("p1").await?, "undelivered").await?;
    assert_eq!(delivery["reason"], "expired");
    let outcomes = outcomes(&delivery);
    assert!(outcomes.len() >= 3, "it was tried to the end: {outcomes:?}");
    assert!(outcomes.iter().all(|outcome| *outcome == "wrong_status"), "{outcomes:?}");
    assert_eq!(rig.receiver.requests().len(), outcomes.len(), "every request belongs to an attempt");
    let deadline = delivery["deadline_at"].as_str().unwrap_or_default();
    for attempt in delivery["attempts"].as_array().into_iter().flatten() {
        let started = attempt["started_at"].as_str().unwrap_or_default();
        assert!(started < deadline, "attempt at {started}, deadline {deadline}");
    }
    Ok(())
}

async fn secrets_and_signatures_that_a_merchant_sends_back_are_not_kept(mode: Mode) -> Result<()> {
    let secret = "whsec_c2VjcmV0LXRoYXQtaXMtbm90LWV2ZXIta2VwdA==";
    let says = format!("config: {{\"key\":\"{secret}\"}}");
    let script = vec![Reply::Echo(400), Reply::new(500, says).header("x-key", secret), Reply::new(204, "")];
    let rig = Rig::start_with(mode, "standard", script, json!({ "secret": secret }), |settings| settings).await?;
    let delivery = rig.wait(&rig.pay("p1").await?, "delivered").await?;
    assert_eq!(outcomes(&delivery), ["wrong_status", "wrong_status", "acknowledged"]);
    let requests = rig.receiver.requests();
    let signature = requests[0].header("webhook-signature").unwrap_or_default().trim_start_matches("v1,").to_owned();
    assert!(signature.len() > 20, "{signature}");
    let shown = delivery.to_string();
    assert!(!shown.contains(&signature) && !shown.contains("c2VjcmV0"), "{shown}");
    let response = |n: usize| &delivery["attempts"][n]["response"];
    let echoed = response(0)["body"].as_str().unwrap_or_default();
    assert!(echoed.contains("webhook-signature: v1,[redacted]\n") && echoed.contains("payment.confirmed"), "{echoed}");
    assert_eq!(response(1)["body"], "config: {\"key\":\"[redacted]\"}");
    assert!(response(1).to_string().contains("x-key: [redacted]"), "{}", response(1));
    Ok(())
}

async fn same_payment_again_is_one_delivery(mode: Mode) -> Result<()> {
    let rig = Rig::start(mode, "standard", vec![Reply::ok()]).await?;
    let payment = Api::payment("shop", "p1", Value::Null)?;
    let first = rig.api().post("/v1/payments", &payment).await?.expect_status(202)?;
    let again = rig.api().post("/v1/payments", &payment).await?.expect_status(200)?;
    assert_eq!(first["payment_id"], again["payment_id"]);
    assert_eq!(first["deliveries"][0]["id"], again["deliveries"][0]["id"]);

    let other = Api::payment("shop", "p1", json!({ "amount": 1001, "pay_for": "another" }))?;
    let conflict = rig.api().post("/v1/payments", &other).await?.expect_status(409)?;
    let named = conflict.to_string();
    assert!(named.contains("amount") && named.contains("pay_for"), "the fields that differ are named: {named}");

    rig.wait(first["deliveries"][0]["id"].as_str().unwrap_or_default(), "delivered").await?;
    assert_eq!(rig.receiver.requests().len(), 1);
    Ok(())
}

async fn hanging_merchant_times_out_and_is_retried(mode: Mode) -> Result<()> {
    let rig = Rig::start(mode, "standard", vec![Reply::Hang, Reply::Reset, Reply::ok()]).await?;
    let delivery = rig.wait(&rig.pay("p1").await?, "delivered").await?;
    assert_eq!(outcomes(&delivery), ["timed_out", "interrupted", "acknowledged"]);
    Ok(())
}

async fn unreachable_merchant_is_retried_until_it_is_up(mode: Mode) -> Result<()> {
    let mut rig = Rig::start(mode, "standard", vec![Reply::ok()]).await?;
    let port = rig.receiver.port();
    rig.receiver.stop();
    let delivery = rig.pay("p1").await?;
    paybell_testkit::eventually("an attempt failed", crate::rig::PATIENCE, async || {
        Ok((rig.api().delivery(&delivery).await?["attempts"].as_array().is_some_and(|a| !a.is_empty())).then_some(()))
    })
    .await?;
    rig.receiver = paybell_testkit::Receiver::start_on(port, vec![Reply::ok()])?;
    let delivery = rig.wait(&delivery, "delivered").await?;
    assert_eq!(outcomes(&delivery).first(), Some(&"unreachable"));
    Ok(())
}

async fn batch_accepts_what_is_good_and_names_what_is_bad(mode: Mode) -> Result<()> {
    let rig = Rig::start(mode, "standard", vec![Reply::ok()]).await?;
    let good = Api::payment("shop", "b1", Value::Null)?;
    let bad = Api::payment("shop", "b2", json!({ "currency": "XXQ" }))?;
    let lines = format!("{good}\n{bad}\nnot json\n{good}\n");
    let method = "POST".parse()?;
    let answer = rig.api().send(method, "/v1/payments/batch", "application/x-ndjson", lines).await?;
    let text = match answer.expect_status(200)? {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let results: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let statuses: Vec<i64> = results.iter().filter_map(|result| result["status"].as_i64()).collect();
    assert_eq!(statuses.len(), 4, "{text}");
    assert_eq!((statuses[1], statuses[2]), (422, 400), "{text}");
    let mut twins = [statuses[0], statuses[3]];
    twins.sort_unstable();
    assert_eq!(twins, [200, 202], "one of the two is the first: {text}");
    rig.receiver.wait_for(1, crate::rig::PATIENCE).await?;
    Ok(())
}
