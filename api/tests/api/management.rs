use crate::harness::{Harness, payment, text_at};
use http::StatusCode;
use paybell_delivery::EndpointId;
use paybell_store::manage::Actor;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::time::Duration;

async fn secrets_of(harness: &Harness, id: &str) -> anyhow::Result<Vec<(String, bool)>> {
    let secrets = harness.ledger.endpoint_for_attempt(id.parse::<EndpointId>()?).await?.secrets;
    Ok(secrets.iter().map(|s| (s.value.expose_secret().to_owned(), s.ends_at.is_none())).collect())
}

#[tokio::test]
async fn a_merchant_is_created_renamed_and_deleted() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let made = harness.post("/v1/merchants", json!({"id": "shop", "name": "The Shop"})).await?;
    assert_eq!((made.status, made.json()["name"].clone()), (StatusCode::CREATED, json!("The Shop")));
    assert_eq!(harness.post("/v1/merchants", json!({"id": "shop"})).await?.status, StatusCode::CONFLICT);
    assert_eq!(harness.post("/v1/merchants", json!({"id": "a shop"})).await?.fields_at_fault(), ["id"]);
    assert_eq!(harness.post("/v1/merchants", json!({"id": "b", "name": ""})).await?.fields_at_fault(), ["name"]);
    let renamed = harness.send("PATCH", "/v1/merchants/shop", Some(json!({"name": "Shop & Co"}))).await?;
    assert_eq!(renamed.json()["name"], "Shop & Co");
    assert_eq!(harness.get("/v1/merchants/shop").await?.json(), renamed.json());

    let endpoint = harness.endpoint_of("shop").await?;
    assert_eq!(harness.send("DELETE", "/v1/merchants/shop", None).await?.status, StatusCode::NO_CONTENT);
    assert_eq!(harness.get("/v1/merchants/shop").await?.status, StatusCode::NOT_FOUND);
    assert_eq!(harness.get(&format!("/v1/endpoints/{endpoint}")).await?.status, StatusCode::NOT_FOUND);
    assert_eq!(harness.post("/v1/payments", payment("shop", "p")).await?.status, StatusCode::UNPROCESSABLE_ENTITY);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_shows_its_secret_once() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.post("/v1/merchants", json!({"id": "shop"})).await?;
    let made = harness.post("/v1/endpoints", json!({"merchant": "shop", "url": "http://127.0.0.1:18009/x"})).await?;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let made = made.json();
    let secret = text_at(&made, "/secret")?;
    assert!(secret.starts_with("whsec_"), "the form of the dialect standard");
    let id = text_at(&made, "/id")?;
    assert_eq!(secrets_of(&harness, &id).await?, [(secret.clone(), true)]);
    let read = harness.get(&format!("/v1/endpoints/{id}")).await?;
    assert!(!read.text.contains("secret") && !read.text.contains(&secret));
    let expected = json!({
        "id": id, "merchant": "shop", "url": "http://127.0.0.1:18009/x", "check_url": null, "dialect": "standard",
        "parameters": {}, "concurrency_max": 10,
        "options": {"ignore_whitespace": false, "ignore_case": false, "reply_signature": null},
        "time_limit_s": null, "lifetime_s": null, "pause": null, "failing": null, "version": made["version"],
        "created_at": made["created_at"], "updated_at": made["updated_at"],
    });
    assert_eq!(read.json(), expected);
    let list = harness.get("/v1/endpoints").await?;
    assert_eq!(list.json()["items"], json!([expected]));
    Ok(())
}

#[tokio::test]
async fn an_endpoint_keeps_what_was_chosen_and_refuses_what_breaks_a_rule() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.post("/v1/merchants", json!({"id": "shop"})).await?;
    let chosen = json!({
        "merchant": "shop", "url": "http://127.0.0.1:18009/a?b=c", "dialect": "ok-body",
        "options": {"ignore_case": true}, "concurrency_max": 1000, "time_limit_s": 5, "lifetime_s": 259_200,
        "secret": "a-secret-of-our-own-long-enough",
    });
    let made = harness.post("/v1/endpoints", chosen.clone()).await?;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    for name in ["merchant", "url", "dialect", "concurrency_max", "time_limit_s", "lifetime_s", "secret"] {
        assert_eq!(made.json()[name], chosen[name], "{name}");
    }
    assert_eq!(
        made.json()["options"],
        json!({"ignore_case": true, "ignore_whitespace": false, "reply_signature": null})
    );

    let rows = [
        (json!({"merchant": null}), "merchant"),
        (json!({"url": null}), "url"),
        (json!({"url": "ftp://127.0.0.1/"}), "url"),
        (json!({"url": "not a url"}), "url"),
        (json!({"dialect": "morse"}), "dialect"),
        (json!({"options": {"ignore_everything": true}}), "options"),
        (json!({"options": {"ignore_case": 1}}), "options"),
        (json!({"options": {"reply_signature": "maybe"}}), "options"),
        (json!({"parameters": {"shop": 7}}), "parameters"),
        (json!({"parameters": {"shop": "7"}}), "parameters"),
        (json!({"check_url": "ftp://127.0.0.1/"}), "check_url"),
        (json!({"check_url": "http://127.0.0.1:18009/check"}), "check_url"),
        (json!({"concurrency_max": 0}), "concurrency_max"),
        (json!({"concurrency_max": 1001}), "concurrency_max"),
        (json!({"time_limit_s": 0}), "time_limit_s"),
        (json!({"time_limit_s": 61}), "time_limit_s"),
        (json!({"lifetime_s": 259_201}), "lifetime_s"),
        (json!({"dialect": "standard", "secret": "too-short"}), "secret"),
        (json!({"colour": "red"}), "colour"),
    ];
    for (fields, at_fault) in rows {
        let mut body = chosen.clone();
        for (name, value) in fields.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let reply = harness.post("/v1/endpoints", body).await?;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields}: {}", reply.text);
        assert_eq!(reply.fields_at_fault(), [at_fault], "{fields}");
        assert!(!reply.text.contains("too-short"), "a secret is never repeated");
    }
    let unknown = json!({"merchant": "nobody", "url": "http://127.0.0.1:18009/"});
    assert_eq!(harness.post("/v1/endpoints", unknown).await?.status, StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_is_changed_field_by_field() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let id = harness.merchant_with_endpoint("shop").await?;
    let path = format!("/v1/endpoints/{id}");
    let before = harness.get(&path).await?.json();
    let change = json!({"url": "http://127.0.0.1:18010/", "concurrency_max": 2, "time_limit_s": 3, "lifetime_s": 60});
    let changed = harness.send("PATCH", &path, Some(change)).await?;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let changed = changed.json();
    assert_eq!(changed["url"], "http://127.0.0.1:18010/");
    assert_eq!(
        (&changed["concurrency_max"], &changed["time_limit_s"], &changed["lifetime_s"]),
        (&json!(2), &json!(3), &json!(60))
    );
    assert!(changed["version"].as_i64() > before["version"].as_i64());
    let cleared = harness.send("PATCH", &path, Some(json!({"time_limit_s": null}))).await?.json();
    assert_eq!((&cleared["time_limit_s"], &cleared["lifetime_s"]), (&Value::Null, &json!(60)));
    let wrong = harness.send("PATCH", &path, Some(json!({"url": "gopher://x/", "merchant": "other"}))).await?;
    let mut at_fault = wrong.fields_at_fault();
    at_fault.sort();
    assert_eq!(at_fault, ["merchant", "url"]);
    Ok(())
}

#[tokio::test]
async fn a_dialect_is_changed_only_if_it_can_use_the_secret() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.post("/v1/merchants", json!({"id": "shop"})).await?;
    let endpoint = json!({"merchant": "shop", "url": "http://127.0.0.1:18009/", "dialect": "ok-body",
        "secret": "a-secret-of-our-own-long-enough"});
    let id = text_at(&harness.post("/v1/endpoints", endpoint).await?.json(), "/id")?;
    let refused = harness.send("PATCH", &format!("/v1/endpoints/{id}"), Some(json!({"dialect": "standard"}))).await?;
    assert_eq!(refused.fields_at_fault(), ["dialect"], "{}", refused.text);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_is_paused_resumed_and_deleted() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let id = harness.merchant_with_endpoint("shop").await?;
    let path = format!("/v1/endpoints/{id}");
    let paused = harness.send_as(&harness.operator, "POST", &format!("{path}/pause"), None).await?;
    assert_eq!((paused.status, paused.json()["pause"]["by"].clone()), (StatusCode::OK, json!("operator")));
    let again = harness.send("POST", &format!("{path}/pause"), None).await?.json();
    assert_eq!(again["pause"], paused.json()["pause"], "pausing what is paused changes nothing");
    let resumed = harness.send("POST", &format!("{path}/resume"), None).await?.json();
    assert_eq!(resumed["pause"], Value::Null);
    assert_eq!(harness.send("DELETE", &path, None).await?.status, StatusCode::NO_CONTENT);
    assert_eq!(harness.get(&path).await?.status, StatusCode::NOT_FOUND);
    let reply = harness.post("/v1/payments", payment("shop", "p")).await?;
    assert_eq!((reply.status, reply.json()["deliveries"].clone()), (StatusCode::ACCEPTED, json!([])));
    Ok(())
}

#[tokio::test]
async fn a_merchant_is_paused_and_resumed_with_all_its_endpoints() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let id = harness.merchant_with_endpoint("shop").await?;
    let paused = harness.send("POST", "/v1/merchants/shop/pause", None).await?.json();
    assert_eq!(paused, json!({"merchant": "shop", "paused": true, "endpoints_changed": 1}));
    assert!(harness.get(&format!("/v1/endpoints/{id}")).await?.json()["pause"].is_object());
    let resumed = harness.send("POST", "/v1/merchants/shop/resume", None).await?.json();
    assert_eq!(resumed, json!({"merchant": "shop", "paused": false, "endpoints_changed": 1}));
    assert_eq!(harness.send("POST", "/v1/merchants/nobody/pause", None).await?.status, StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn a_rotated_secret_leaves_the_earlier_one_its_overlap() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let id = harness.merchant_with_endpoint("shop").await?;
    let path = format!("/v1/endpoints/{id}/rotate-secret");
    let first = secrets_of(&harness, &id).await?[0].0.clone();
    let rotated = harness.send("POST", &path, None).await?;
    assert_eq!(rotated.status, StatusCode::OK, "{}", rotated.text);
    let second = text_at(&rotated.json(), "/secret")?;
    assert_ne!(first, second);
    let mut secrets = secrets_of(&harness, &id).await?;
    secrets.sort();
    let mut expected = vec![(first, false), (second.clone(), true)];
    expected.sort();
    assert_eq!(secrets, expected);

    let own = harness.post(&path, json!({"overlap_s": 0, "secret": second})).await?;
    assert_eq!(own.json()["secret"], second.as_str());
    for (body, at_fault) in [
        (json!({"overlap_s": -1}), "overlap_s"),
        (json!({"overlap_s": 604_801}), "overlap_s"),
        (json!({"secret": "x"}), "secret"),
    ] {
        assert_eq!(harness.post(&path, body).await?.fields_at_fault(), [at_fault]);
    }
    Ok(())
}

#[tokio::test]
async fn the_audit_is_shown_of_one_thing() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let endpoint = harness.merchant_with_endpoint("shop").await?;
    for act in ["pause", "resume"] {
        harness.send("POST", &format!("/v1/endpoints/{endpoint}/{act}"), None).await?;
    }
    let path = format!("/v1/audit?subject={endpoint}");
    let shown = harness.send_as(&harness.operator, "GET", &path, None).await?.json();
    let actions: Vec<_> = shown["items"].as_array().into_iter().flatten().map(|row| &row["action"]).collect();
    assert_eq!(actions, ["endpoint.resume", "endpoint.pause", "endpoint.create"]);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_fails_can_be_probed_at_once_and_no_other() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let endpoint = harness.merchant_with_endpoint("shop").await?;
    harness.accepted(payment("shop", "p-1")).await?;
    let probe = format!("/v1/endpoints/{endpoint}/probe");
    assert_eq!(harness.send("POST", &probe, None).await?.status, StatusCode::CONFLICT);
    let (id, now) = (endpoint.parse::<EndpointId>()?, harness.clock.now());
    let actor = Actor { name: "engine".to_owned(), now };
    harness.ledger.mark_failing(id, now, "it does not answer", &actor).await?;
    harness.ledger.dispatch_due(now + Duration::from_secs(3600), Duration::from_secs(60), 10, &[]).await?;
    let asked = harness.send("POST", &probe, None).await?;
    assert_eq!((asked.status, &asked.json()["id"]), (StatusCode::ACCEPTED, &json!(endpoint)), "{}", asked.text);
    let probes = harness.ledger.take_probes(harness.clock.now(), Duration::from_secs(60), 10).await?;
    assert_eq!(probes.len(), 1);
    Ok(())
}
