use crate::harness::{Harness, payment, payment_with, text_at};
use http::StatusCode;
use serde_json::json;

#[tokio::test]
async fn an_accepted_payment_can_be_read_and_its_delivery_is_queued() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let endpoint = harness.merchant_with_endpoint("shop").await?;
    let sent = payment_with(
        "shop",
        "p-1",
        json!({"pay_for": "order 7", "balance_amount": 1000, "balance_currency": "USD", "method": "card",
            "description": "tea", "payer_email": "a@b.example", "payer_phone": "+4915123456780",
            "data": {"z": 1, "a": [true, null, "ü"]}}),
    );
    let reply = harness.post("/v1/payments", sent.clone()).await?;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.text);
    let answer = reply.json();
    assert_eq!(answer["merchant"], "shop");
    assert_eq!(answer["id"], "p-1");
    assert_eq!(answer["deliveries"][0]["endpoint"], endpoint);
    assert_eq!(answer["deliveries"][0]["state"], "pending");

    let read = harness.get(&format!("/v1/payments/{}", text_at(&answer, "/payment_id")?)).await?.json();
    for (name, value) in sent.as_object().into_iter().flatten().filter(|(name, _)| *name != "confirmed_at") {
        assert_eq!(read[name], *value, "{name}");
    }
    assert_eq!(read["type"], "payment.confirmed");
    assert_eq!(read["confirmed_at"], "2025-01-15T09:30:00.000000Z");
    assert_eq!(read["accepted_at"], answer["accepted_at"]);
    assert_eq!(read["test"], false);
    let delivery = &read["deliveries"][0];
    assert_eq!(delivery["id"], answer["deliveries"][0]["id"]);
    assert_eq!((&delivery["state"], &delivery["attempts_made"]), (&json!("pending"), &json!(0)));
    assert!(delivery["due_at"].is_string() && delivery["deadline_at"].is_string());

    let jobs = harness.take_jobs(1).await?;
    assert_eq!(jobs[0].delivery_id.to_string(), text_at(&answer, "/deliveries/0/id")?);
    Ok(())
}

#[tokio::test]
async fn what_is_accepted_for_a_paused_endpoint_goes_to_no_queue() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let paused = harness.merchant_with_endpoint("paused").await?;
    harness.merchant_with_endpoint("shop").await?;
    harness.post(&format!("/v1/endpoints/{paused}/pause"), json!({})).await?;
    harness.accepted(payment("paused", "p-1")).await?;
    let (_, queued) = harness.accepted(payment("shop", "p-1")).await?;
    // They are queued in order, so the first one would be there.
    assert_eq!(harness.take_jobs(1).await?[0].delivery_id.to_string(), queued);
    assert_eq!(harness.queue.depth().await?, 0);
    Ok(())
}

#[tokio::test]
async fn data_is_kept_as_it_is_written() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.merchant_with_endpoint("shop").await?;
    let json = r#"{"merchant":"shop","id":"p","amount":1,"currency":"JPY","confirmed_at":"2025-01-15T09:30:00Z","data":{"b": 1.0,  "a":[ ]}}"#;
    let reply = harness.post_bytes("/v1/payments", "application/json; charset=utf-8", json).await?;
    let id = text_at(&reply.json(), "/payment_id")?;
    let read = harness.get(&format!("/v1/payments/{id}")).await?;
    assert!(read.text.contains(r#""data":{"b": 1.0,  "a":[ ]}"#), "{}", read.text);
    Ok(())
}

#[tokio::test]
async fn the_same_payment_again_gives_the_same_answer() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.merchant_with_endpoint("shop").await?;
    let first = harness.post("/v1/payments", payment("shop", "p-1")).await?;
    let again = harness.post("/v1/payments", payment("shop", "p-1")).await?;
    assert_eq!((first.status, again.status), (StatusCode::ACCEPTED, StatusCode::OK));
    assert_eq!(first.json(), again.json());
    // An endpoint that was made since is not told.
    harness.endpoint_of("shop").await?;
    assert_eq!(harness.post("/v1/payments", payment("shop", "p-1")).await?.json(), first.json());
    Ok(())
}

#[tokio::test]
async fn many_at_once_with_one_id_make_one_payment() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.merchant_with_endpoint("shop").await?;
    let replies =
        futures_util::future::try_join_all((0..50).map(|_| harness.post("/v1/payments", payment("shop", "p-1"))))
            .await?;
    let new = replies.iter().filter(|reply| reply.status == StatusCode::ACCEPTED).count();
    let same = replies.iter().filter(|reply| reply.status == StatusCode::OK).count();
    assert_eq!((new, same), (1, 49));
    assert!(replies.iter().all(|reply| reply.json() == replies[0].json()));
    Ok(())
}

#[tokio::test]
async fn other_content_under_the_same_id_is_a_conflict_that_names_the_fields() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.merchant_with_endpoint("shop").await?;
    let first = harness.post("/v1/payments", payment("shop", "p-1")).await?.json();
    let changed = json!({"amount": 1051, "currency": "USD", "pay_for": "x", "data": {}});
    let reply = harness.post("/v1/payments", payment_with("shop", "p-1", changed)).await?;
    assert_eq!(reply.status, StatusCode::CONFLICT);
    assert_eq!(reply.media_type(), "application/problem+json");
    let problem = reply.json();
    assert_eq!(problem["type"], "urn:paybell:problem:payment-differs");
    assert_eq!(problem["payment_id"], first["payment_id"]);
    let mut fields: Vec<_> = problem["fields"].as_array().into_iter().flatten().filter_map(|f| f.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["amount", "currency", "data", "pay_for"]);
    Ok(())
}

#[tokio::test]
async fn the_same_id_at_two_merchants_is_two_payments() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.merchant_with_endpoint("shop-a").await?;
    harness.merchant_with_endpoint("shop-b").await?;
    let first = harness.accepted(payment("shop-a", "p-1")).await?;
    let second = harness.accepted(payment("shop-b", "p-1")).await?;
    assert_ne!(first, second);
    Ok(())
}

#[tokio::test]
async fn a_merchant_without_endpoints_may_be_paid_and_an_unknown_one_may_not() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.post("/v1/merchants", json!({"id": "quiet"})).await?;
    let quiet = harness.post("/v1/payments", payment("quiet", "p-1")).await?;
    assert_eq!((quiet.status, quiet.json()["deliveries"].clone()), (StatusCode::ACCEPTED, json!([])));
    let unknown = harness.post("/v1/payments", payment("nobody", "p-1")).await?;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(unknown.fields_at_fault(), ["merchant"]);
    Ok(())
}
