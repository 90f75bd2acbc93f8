use crate::harness::{Harness, Parts, payment};
use anyhow::Context;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Request, StatusCode};
use paybell_api::ApiSettings;
use paybell_api::keys::new_key;
use paybell_store::manage::{Actor, KeyRole, PageRequest};
use secrecy::ExposeSecret;
use serde_json::json;
use std::num::NonZeroU32;

#[tokio::test]
async fn without_a_valid_key_nothing_is_told() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let (unknown, _) = new_key(KeyRole::Gateway, "stranger", harness.clock.now());
    let right = harness.gateway.expose_secret();
    let changed = format!("{}{}", &right[..right.len() - 1], if right.ends_with('0') { '1' } else { '0' });
    let values = [
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer pb_gateway_x_y".to_owned()),
        Some(format!("Basic {right}")),
        Some(format!("Bearer {}", unknown.expose_secret())),
        Some(format!("Bearer {changed}")),
        Some(format!("Bearer {}", right.replace("pb_gateway", "pb_operator"))),
    ];
    for value in values {
        for (method, path) in [("POST", "/v1/payments"), ("GET", "/v1/payments"), ("GET", "/v1/audit")] {
            let mut request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, "application/json");
            if let Some(value) = &value {
                request = request.header(AUTHORIZATION, value);
            }
            let reply = harness.send_raw(request.body(Body::from("{}"))?).await?;
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{value:?}");
            assert!(reply.headers.contains_key(WWW_AUTHENTICATE));
            assert_eq!(reply.media_type(), "application/problem+json");
            assert_eq!(reply.json()["type"], "urn:paybell:problem:unauthorized");
        }
    }
    Ok(())
}

#[tokio::test]
async fn each_role_may_do_its_own() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.merchant_with_endpoint("shop").await?;
    let rows = [
        ("POST", "/v1/payments", StatusCode::ACCEPTED, StatusCode::FORBIDDEN),
        ("POST", "/v1/payments/batch", StatusCode::UNSUPPORTED_MEDIA_TYPE, StatusCode::FORBIDDEN),
        ("GET", "/v1/payments", StatusCode::OK, StatusCode::OK),
        ("GET", "/v1/deliveries", StatusCode::OK, StatusCode::OK),
        ("GET", "/v1/merchants/shop", StatusCode::OK, StatusCode::OK),
        ("GET", "/v1/endpoints", StatusCode::OK, StatusCode::OK),
        ("GET", "/v1/audit", StatusCode::FORBIDDEN, StatusCode::OK),
    ];
    for (method, path, for_gateway, for_operator) in rows {
        for (key, expected) in [(&harness.gateway, for_gateway), (&harness.operator, for_operator)] {
            let body = (method == "POST").then(|| payment("shop", "p-1"));
            let reply = harness.send_as(key, method, path, body).await?;
            assert_eq!(reply.status, expected, "{method} {path}: {}", reply.text);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_revoked_key_that_was_not_used_lately_is_refused() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let actor = Actor { name: "test".to_owned(), now: harness.clock.now() };
    let (key, record) = new_key(KeyRole::Operator, "gone", actor.now);
    harness.ledger.create_key(&record, &actor).await?;
    harness.ledger.revoke_key(record.id, &actor).await?;
    assert_eq!(harness.send_as(&key, "GET", "/v1/merchants", None).await?.status, StatusCode::UNAUTHORIZED);
    Ok(())
}

#[tokio::test]
async fn a_key_over_its_limit_is_told_to_wait_and_others_are_served() -> anyhow::Result<()> {
    const MOST: u32 = 5;
    let settings = ApiSettings { requests_per_key_max: NonZeroU32::new(MOST), ..ApiSettings::default() };
    let harness = Harness::with(Parts { settings, ..Parts::default() }).await?;
    let actor = Actor { name: "test".to_owned(), now: harness.clock.now() };
    let shop = paybell_delivery::MerchantId::new("shop").context("an id")?;
    harness.ledger.create_merchant(&shop, "", &actor).await?;
    let (mut accepted, mut refused) = (0, 0);
    for n in 0..10 * MOST {
        let reply = harness.send("POST", "/v1/payments", Some(payment("shop", &format!("p-{n}")))).await?;
        match reply.status {
            StatusCode::ACCEPTED => accepted += 1,
            status => {
                assert_eq!(
                    (status, reply.json()["type"].as_str()),
                    (StatusCode::TOO_MANY_REQUESTS, Some("urn:paybell:problem:too-many"))
                );
                assert!(reply.headers.contains_key(RETRY_AFTER));
                refused += 1;
            }
        }
        if n % (2 * MOST) == 0 {
            let other = harness.send_as(&harness.operator, "GET", "/v1/merchants/shop", None).await?;
            assert_eq!(other.status, StatusCode::OK, "another key is served");
        }
    }
    assert!(accepted >= MOST && refused > 0, "{accepted} accepted, {refused} refused");
    let page = harness.ledger.payments(&Default::default(), &PageRequest { limit: 1_000, after: None }).await?;
    assert_eq!(page.items.len(), accepted as usize, "what is refused had no effect");
    Ok(())
}

#[tokio::test]
async fn the_audit_names_the_key_and_shows_no_secret() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.send_as(&harness.operator, "POST", "/v1/merchants", Some(json!({"id": "shop"}))).await?;
    let endpoint = json!({"merchant": "shop", "url": "http://127.0.0.1:18009/"});
    let made = harness.send_as(&harness.operator, "POST", "/v1/endpoints", Some(endpoint)).await?.json();
    let audit = harness.send_as(&harness.operator, "GET", "/v1/audit", None).await?;
    let acts = audit.json()["items"].as_array().cloned().unwrap_or_default();
    let by_operator = acts.iter().filter(|act| act["actor"] == "operator").count();
    assert_eq!(by_operator, 2, "{}", audit.text);
    assert_eq!((&acts[0]["action"], &acts[1]["action"]), (&json!("endpoint.create"), &json!("merchant.create")));
    let secret = made["secret"].as_str().unwrap_or("no secret");
    assert!(!audit.text.contains(secret) && !audit.text.contains(harness.operator.expose_secret()));
    Ok(())
}
