use crate::harness::{Harness, Parts, payment, payment_with, text_at};
use http::StatusCode;
use paybell_api::ApiSettings;
use paybell_delivery::{Attempt, Decision, DeliveryId, LIFETIME_MAX, Outcome};
use paybell_store::engine::{Claim, RecordAttempt};
use serde_json::json;
use std::time::Duration;

const VISIBILITY: Duration = Duration::from_secs(60);

/// Passes every deadline, as the dispatcher would in 72 hours.
async fn expire_all(harness: &Harness) -> anyhow::Result<()> {
    let later = harness.clock.now() + LIFETIME_MAX + VISIBILITY;
    while harness.ledger.dispatch_due(later, VISIBILITY, 1000, &[]).await?.more {}
    Ok(())
}

#[tokio::test]
async fn a_delivery_is_shown_with_its_attempts() -> anyhow::Result<()> {
    let settings = ApiSettings { response_body_max: 6, ..ApiSettings::default() };
    let harness = Harness::with(Parts { settings, ..Parts::default() }).await?;
    harness.merchant_with_endpoint("shop").await?;
    let (payment_id, id) = harness.accepted(payment_with("shop", "p-1", json!({"pay_for": "order 7"}))).await?;
    let job = harness.take_jobs(1).await?[0];
    let now = harness.clock.now();
    let claims = harness.ledger.claim(&[job], now, VISIBILITY).await?;
    assert!(matches!(claims[0], Claim::Won(_)));
    let path = format!("/v1/deliveries/{id}");
    let in_flight = harness.get(&path).await?.json();
    assert_eq!(in_flight["in_flight"]["number"], 1, "{in_flight}");

    let attempt = Attempt {
        delivery_id: job.delivery_id,
        number: 1,
        started_at: now,
        duration: Some(Duration::from_micros(12_500)),
        outcome: Outcome::WrongStatus,
        detail: "503 is no acknowledgement".to_owned(),
        status: Some(503),
        response_head: Some("retry-after: 5\n".to_owned()),
        response_body: Some(b"busy \xff".to_vec()),
    };
    let decision = Decision::RetryAt(now + Duration::from_secs(10));
    harness.ledger.record(&[RecordAttempt { attempt, decision, now }]).await?;
    let shown = harness.get(&path).await?.json();
    assert_eq!(shown["id"], id.as_str());
    assert_eq!(shown["payment_id"], payment_id.as_str());
    assert_eq!(shown["payment"]["pay_for"], "order 7");
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("pending"), &json!(null)));
    assert_eq!(shown["due_at"], (now + Duration::from_secs(10)).to_rfc3339());
    assert_eq!(shown["in_flight"], json!(null));
    let expected = json!([{
        "number": 1, "started_at": now.to_rfc3339(), "duration_ms": 12.5, "outcome": "wrong_status",
        "outcome_in_words": "answered with a status that is no acknowledgement",
        "detail": "503 is no acknowledgement", "status": 503,
        "response": {"head": "retry-after: 5\n", "body": "busy \u{fffd}", "body_truncated": true},
    }]);
    assert_eq!(shown["attempts"], expected);
    Ok(())
}

#[tokio::test]
async fn an_undelivered_delivery_can_be_resent_and_a_pending_one_cannot() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let endpoint = harness.merchant_with_endpoint("shop").await?;
    let (payment_id, id) = harness.accepted(payment("shop", "p-1")).await?;
    harness.take_jobs(1).await?;
    let pending = harness.send("POST", &format!("/v1/deliveries/{id}/resend"), None).await?;
    assert_eq!((pending.status, pending.media_type()), (StatusCode::CONFLICT, "application/problem+json"));

    expire_all(&harness).await?;
    let expired = harness.get(&format!("/v1/deliveries/{id}")).await?.json();
    assert_eq!(
        (&expired["state"], &expired["reason"], &expired["due_at"]),
        (&json!("undelivered"), &json!("expired"), &json!(null))
    );

    let resent = harness.send("POST", &format!("/v1/deliveries/{id}/resend"), None).await?;
    assert_eq!(resent.status, StatusCode::CREATED, "{}", resent.text);
    let resent = resent.json();
    assert_eq!((&resent["resend_of"], &resent["endpoint"]), (&json!(id), &json!(endpoint)));
    let new_id = text_at(&resent, "/id")?;
    assert_eq!(harness.take_jobs(1).await?[0].delivery_id, new_id.parse::<DeliveryId>()?);
    let deliveries = harness.get(&format!("/v1/payments/{payment_id}")).await?.json()["deliveries"].clone();
    assert_eq!((&deliveries[0]["id"], &deliveries[1]["id"]), (&json!(id), &json!(new_id)));
    Ok(())
}

#[tokio::test]
async fn a_person_settles_once_with_name_and_note() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.merchant_with_endpoint("shop").await?;
    let (_, id) = harness.accepted(payment("shop", "p-1")).await?;
    let path = format!("/v1/deliveries/{id}/settle");
    for (body, at_fault) in [
        (json!({"note": "by phone"}), "who"),
        (json!({"who": "Ada"}), "note"),
        (json!({"who": "Ada", "note": "card 4111 1111 1111 1111"}), "note"),
    ] {
        let reply = harness.post(&path, body).await?;
        assert_eq!(
            (reply.status, reply.fields_at_fault()),
            (StatusCode::UNPROCESSABLE_ENTITY, vec![at_fault.to_owned()])
        );
    }
    let settled = harness.post(&path, json!({"who": "Ada", "note": "told by phone"})).await?;
    assert_eq!(settled.status, StatusCode::OK, "{}", settled.text);
    let settled = settled.json();
    assert_eq!((&settled["state"], &settled["settled_by"]), (&json!("settled"), &json!("Ada")));
    assert_eq!(settled["settled_note"], "told by phone");
    let again = harness.post(&path, json!({"who": "Bob", "note": "again"})).await?;
    assert_eq!(again.status, StatusCode::CONFLICT);
    Ok(())
}

#[tokio::test]
async fn a_bulk_resend_is_a_job_with_progress() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.merchant_with_endpoint("shop").await?;
    for n in 0..3 {
        harness.accepted(payment("shop", &format!("p-{n}"))).await?;
    }
    expire_all(&harness).await?;
    for (body, at_fault) in [
        (json!({}), "filter"),
        (json!({"filter": {}}), "filter"),
        (json!({"filter": {"state": "pending"}}), "state"),
        (json!({"filter": {"merchant": "shop", "colour": "red"}}), "colour"),
    ] {
        assert_eq!(harness.post("/v1/bulk-resends", body).await?.fields_at_fault(), [at_fault]);
    }
    let begun = harness.post("/v1/bulk-resends", json!({"filter": {"merchant": "shop"}})).await?;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text);
    let begun = begun.json();
    assert_eq!((&begun["total"], &begun["resent"], &begun["finished_at"]), (&json!(3), &json!(0), &json!(null)));
    assert_eq!(begun["filter"]["merchant"], "shop");
    let terms = paybell_store::engine::AcceptTerms {
        now: harness.clock.now(),
        grace: Duration::from_secs(10),
        lifetime: LIFETIME_MAX,
    };
    while harness.ledger.step_bulk_act(&terms, 2).await?.is_some_and(|bulk| bulk.finished_at.is_none()) {}
    let done = harness.get(&format!("/v1/bulk-resends/{}", text_at(&begun, "/id")?)).await?.json();
    assert_eq!((&done["resent"], &done["skipped"], done["finished_at"].is_string()), (&json!(3), &json!(0), true));
    Ok(())
}

#[tokio::test]
async fn a_bulk_settlement_is_a_job_with_progress() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.merchant_with_endpoint("shop").await?;
    for n in 0..3 {
        harness.accepted(payment("shop", &format!("p-{n}"))).await?;
    }
    expire_all(&harness).await?;
    let (_, pending) = harness.accepted(payment("shop", "p-3")).await?;
    let with = |filter: serde_json::Value| json!({"who": "Ada", "note": "told by phone", "filter": filter});
    for (body, at_fault) in [
        (json!({"note": "x", "filter": {"merchant": "shop"}}), "who"),
        (json!({"who": "Ada", "filter": {"merchant": "shop"}}), "note"),
        (json!({"who": "Ada", "note": "x"}), "filter"),
        (with(json!({})), "filter"),
        (with(json!({"state": "settled"})), "state"),
        (with(json!({"reason": "colour"})), "reason"),
    ] {
        assert_eq!(harness.post("/v1/bulk-settlements", body).await?.fields_at_fault(), [at_fault]);
    }
    let terms = paybell_store::engine::AcceptTerms {
        now: harness.clock.now(),
        grace: Duration::from_secs(10),
        lifetime: LIFETIME_MAX,
    };
    for (filter, total, left) in
        [(json!({"merchant": "shop"}), 3, "pending"), (json!({"merchant": "shop", "state": "pending"}), 1, "settled")]
    {
        let begun = harness.post("/v1/bulk-settlements", with(filter)).await?;
        assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text);
        let begun = begun.json();
        assert_eq!((&begun["total"], &begun["settled"], &begun["who"]), (&json!(total), &json!(0), &json!("Ada")));
        while harness.ledger.step_bulk_act(&terms, 2).await?.is_some_and(|act| act.finished_at.is_none()) {}
        let id = text_at(&begun, "/id")?;
        let done = harness.get(&format!("/v1/bulk-settlements/{id}")).await?.json();
        assert_eq!((&done["settled"], done["finished_at"].is_string()), (&json!(total), true), "{done}");
        assert_eq!(harness.get(&format!("/v1/deliveries/{pending}")).await?.json()["state"], left);
        let resend = harness.get(&format!("/v1/bulk-resends/{id}")).await?;
        assert_eq!(resend.status, StatusCode::NOT_FOUND, "it is no resend");
    }
    Ok(())
}

#[tokio::test]
async fn a_test_notification_goes_to_its_endpoint_alone() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let endpoint = harness.merchant_with_endpoint("shop").await?;
    harness.endpoint_of("shop").await?;
    let sent = harness.send("POST", &format!("/v1/endpoints/{endpoint}/test"), None).await?;
    assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text);
    let sent = sent.json();
    let job = harness.take_jobs(1).await?[0];
    assert_eq!((job.delivery_id.to_string(), job.endpoint_id.to_string()), (text_at(&sent, "/delivery_id")?, endpoint));
    let payment = harness.get(&format!("/v1/payments/{}", text_at(&sent, "/payment_id")?)).await?.json();
    assert_eq!((&payment["test"], &payment["type"]), (&json!(true), &json!("endpoint.test")));
    assert_eq!(payment["deliveries"].as_array().map(Vec::len), Some(1));
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_is_not_found() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let nobody = "0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6";
    let rows = [
        ("GET", format!("/v1/payments/{nobody}"), None),
        ("GET", "/v1/payments/7".to_owned(), None),
        ("GET", "/v1/payments/%ff".to_owned(), None),
        ("GET", format!("/v1/deliveries/{nobody}"), None),
        ("POST", format!("/v1/deliveries/{nobody}/resend"), None),
        ("POST", format!("/v1/deliveries/{nobody}/settle"), Some(json!({"who": "a", "note": "b"}))),
        ("GET", format!("/v1/bulk-resends/{nobody}"), None),
        ("GET", format!("/v1/bulk-settlements/{nobody}"), None),
        ("POST", "/v1/merchants/nobody/portal-links".to_owned(), Some(json!({}))),
        ("POST", format!("/v1/endpoints/{nobody}/probe"), None),
        ("GET", "/v1/merchants/nobody".to_owned(), None),
        ("GET", "/v1/merchants/no%20body".to_owned(), None),
        ("PATCH", "/v1/merchants/nobody".to_owned(), Some(json!({"name": "x"}))),
        ("DELETE", "/v1/merchants/nobody".to_owned(), None),
        ("GET", format!("/v1/endpoints/{nobody}"), None),
        ("PATCH", format!("/v1/endpoints/{nobody}"), Some(json!({"concurrency_max": 2}))),
        ("DELETE", format!("/v1/endpoints/{nobody}"), None),
        ("POST", format!("/v1/endpoints/{nobody}/pause"), None),
        ("POST", format!("/v1/endpoints/{nobody}/resume"), None),
        ("POST", format!("/v1/endpoints/{nobody}/test"), None),
        ("POST", format!("/v1/endpoints/{nobody}/rotate-secret"), None),
        ("GET", "/v2/payments".to_owned(), None),
    ];
    for (method, path, body) in rows {
        let reply = harness.send(method, &path, body).await?;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{method} {path}: {}", reply.text);
        assert_eq!(reply.media_type(), "application/problem+json");
        assert_eq!(reply.json()["status"], 404);
    }
    Ok(())
}
