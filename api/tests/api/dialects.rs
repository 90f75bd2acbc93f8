use crate::harness::{Harness, text_at};
use http::StatusCode;
use serde_json::{Value, json};

/// A small dialect of a gateway's own.
fn own() -> Value {
    json!({
        "name": "own", "title": "Our own", "description": "For our oldest shops.",
        "parameters": {"shop": {"description": "The shop's number", "pattern": "[0-9]+"}},
        "notify": {
            "method": "get", "encoding": "query",
            "fields": [{"name": "shop", "value": "{param.shop}"}, {"name": "order", "value": "{pay_for}"}],
            "reply": {"statuses": ["200"]},
        },
    })
}

#[tokio::test]
async fn a_dialect_of_our_own_is_put_used_changed_and_deleted() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.post("/v1/merchants", json!({"id": "shop"})).await?;
    let put = harness.send("PUT", "/v1/dialects/own", Some(own())).await?;
    assert_eq!((put.status, &put.json()["version"]), (StatusCode::OK, &json!(1)), "{}", put.text);
    assert_eq!(put.json()["parameters"], json!({"shop": "The shop's number"}));
    assert_eq!(harness.get("/v1/dialects/own").await?.json(), put.json());
    let list = harness.get("/v1/dialects").await?.json();
    let names: Vec<&str> = list["items"].as_array().into_iter().flatten().filter_map(|d| d["name"].as_str()).collect();
    assert_eq!((names.last(), names.contains(&"standard")), (Some(&"own"), true), "{names:?}");

    let endpoint = |parameters: Value| json!({"merchant": "shop", "url": "http://127.0.0.1:18009/", "dialect": "own", "parameters": parameters});
    for parameters in [json!({}), json!({"shop": "x"}), json!({"shop": "7", "till": "1"})] {
        let reply = harness.post("/v1/endpoints", endpoint(parameters)).await?;
        assert_eq!(reply.fields_at_fault(), ["parameters"], "{}", reply.text);
    }
    let made = harness.post("/v1/endpoints", endpoint(json!({"shop": "7"}))).await?;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let path = format!("/v1/endpoints/{}", text_at(&made.json(), "/id")?);
    let mut changed = own();
    changed["title"] = json!("Our very own");
    let put = harness.send("PUT", "/v1/dialects/own", Some(changed)).await?.json();
    assert_eq!((&put["version"], &put["title"]), (&json!(2), &json!("Our very own")));
    assert_eq!(harness.get(&path).await?.json()["version"], 2, "who uses it hears of it");

    let mut needy = own();
    needy["parameters"]["till"] = json!({"description": "The till"});
    needy["notify"]["fields"][1]["value"] = json!("{param.till}");
    let refused = harness.send("PUT", "/v1/dialects/own", Some(needy)).await?;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    let named = format!("endpoint {} of shop: the parameter till is missing: The till", text_at(&made.json(), "/id")?);
    assert!(text_at(&refused.json(), "/detail")?.contains(&named), "{}", refused.text);
    assert_eq!(harness.get("/v1/dialects/own").await?.json()["version"], 2);

    let used = harness.send("DELETE", "/v1/dialects/own", None).await?;
    assert_eq!(used.status, StatusCode::CONFLICT);
    assert!(used.text.contains("1 endpoints use dialect own"), "{}", used.text);
    harness.send("DELETE", &path, None).await?;
    assert_eq!(harness.send("DELETE", "/v1/dialects/own", None).await?.status, StatusCode::NO_CONTENT);
    assert_eq!(harness.get("/v1/dialects/own").await?.status, StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn a_definition_that_cannot_be_used_is_refused_with_the_place() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let mut wrong = own();
    wrong["notify"]["fields"][1]["value"] = json!("{no_such_value}");
    let reply = harness.send("PUT", "/v1/dialects/own", Some(wrong)).await?;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", reply.text);
    assert!(reply.fields_at_fault()[0].starts_with("notify.fields[1]"), "{}", reply.text);
    let reply = harness.send("PUT", "/v1/dialects/other", Some(own())).await?;
    assert_eq!(reply.fields_at_fault(), ["name"]);
    let mut built_in = own();
    built_in["name"] = json!("standard");
    let reply = harness.send("PUT", "/v1/dialects/standard", Some(built_in)).await?;
    assert_eq!(reply.status, StatusCode::CONFLICT, "{}", reply.text);
    assert_eq!(harness.send("DELETE", "/v1/dialects/standard", None).await?.status, StatusCode::CONFLICT);
    assert_eq!(harness.send("DELETE", "/v1/dialects/none", None).await?.status, StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn trying_shows_what_would_be_sent_and_what_an_answer_would_mean() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let trial = json!({
        "kind": "check", "secret": "test-secret-0", "url": "https://shop.example/pay?shop=7",
        "sample": {"pay_for": "1", "amount": 10_000, "currency": "RUB"},
        "answer": {"status": 200, "body": "<result><code>2</code><comment>sold out</comment></result>"},
    });
    let tried = harness.post("/v1/dialects/onpay-1/try", trial).await?;
    assert_eq!(tried.status, StatusCode::OK, "{}", tried.text);
    let tried = tried.json();
    assert!(text_at(&tried, "/request/body")?.ends_with("&md5=7D1DF16DC13BE05AA83B5C2B9AB09118"), "{tried}");
    assert_eq!((&tried["request"]["method"], &tried["kind"]), (&json!("POST"), &json!("check")));
    assert_eq!((&tried["verdict"]["means"], &tried["verdict"]["comment"]), (&json!("refuse"), &json!("sold out")));
    assert!(tried.get("made_up_secret").is_none());

    harness.send("PUT", "/v1/dialects/own", Some(own())).await?;
    let tried = harness.post("/v1/dialects/own/try", json!({"parameters": {"shop": "7"}})).await?.json();
    assert_eq!(tried["request"]["url"], "https://shop.example/pay?shop=7&order=1", "{tried}");
    assert!(tried["made_up_secret"].is_string() && tried["verdict"].is_null());
    for (body, at_fault) in [
        (json!({}), "sample"),
        (json!({"parameters": {"shop": "7"}, "kind": "check"}), "sample"),
        (json!({"parameters": {"shop": "7"}, "sample": {"amount": 0}}), "sample"),
        (json!({"kind": "both"}), "kind"),
        (json!({"sample": {"colour": "red"}}), "sample"),
        (json!({"answer": {"body": "ok"}}), "answer"),
    ] {
        let reply = harness.post("/v1/dialects/own/try", body.clone()).await?;
        assert_eq!(reply.fields_at_fault(), [at_fault], "{body}: {}", reply.text);
    }
    for name in ["standard", "ok-body"] {
        let tried = harness.send("POST", &format!("/v1/dialects/{name}/try"), None).await?;
        assert_eq!(tried.status, StatusCode::OK, "{}", tried.text);
    }
    Ok(())
}
