use crate::harness::Harness;
use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::Value;
use std::collections::BTreeSet;

/// Every route of the API, as its documentation promises them.
const ROUTES: &[(&str, &str)] = &[
    ("post", "/v1/payments"),
    ("get", "/v1/payments"),
    ("post", "/v1/payments/batch"),
    ("get", "/v1/payments/{id}"),
    ("get", "/v1/deliveries"),
    ("get", "/v1/deliveries/{id}"),
    ("get", "/v1/deliveries/{id}/request"),
    ("post", "/v1/deliveries/{id}/resend"),
    ("post", "/v1/deliveries/{id}/settle"),
    ("post", "/v1/bulk-resends"),
    ("get", "/v1/bulk-resends/{id}"),
    ("post", "/v1/bulk-settlements"),
    ("get", "/v1/bulk-settlements/{id}"),
    ("post", "/v1/merchants/{id}/portal-links"),
    ("post", "/v1/endpoints/{id}/probe"),
    ("post", "/v1/merchants"),
    ("get", "/v1/merchants"),
    ("get", "/v1/merchants/{id}"),
    ("patch", "/v1/merchants/{id}"),
    ("delete", "/v1/merchants/{id}"),
    ("post", "/v1/endpoints"),
    ("get", "/v1/endpoints"),
    ("get", "/v1/endpoints/{id}"),
    ("patch", "/v1/endpoints/{id}"),
    ("delete", "/v1/endpoints/{id}"),
    ("post", "/v1/merchants/{id}/pause"),
    ("post", "/v1/merchants/{id}/resume"),
    ("post", "/v1/endpoints/{id}/pause"),
    ("post", "/v1/endpoints/{id}/resume"),
    ("post", "/v1/endpoints/{id}/rotate-secret"),
    ("post", "/v1/endpoints/{id}/reveal-secret"),
    ("post", "/v1/endpoints/{id}/test"),
    ("post", "/v1/checks"),
    ("get", "/v1/checks"),
    ("get", "/v1/checks/{id}"),
    ("get", "/v1/dialects"),
    ("get", "/v1/dialects/{name}"),
    ("put", "/v1/dialects/{name}"),
    ("delete", "/v1/dialects/{name}"),
    ("post", "/v1/dialects/{name}/try"),
    ("get", "/v1/audit"),
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/metrics"),
    ("get", "/openapi.json"),
];

async fn document(harness: &Harness) -> anyhow::Result<Value> {
    let reply = harness.send_raw(Request::get("/openapi.json").body(Body::empty())?).await?;
    anyhow::ensure!(reply.status == StatusCode::OK && reply.media_type() == "application/json");
    Ok(serde_json::from_str(&reply.text)?)
}

#[tokio::test]
async fn the_description_has_every_route_and_no_other() -> anyhow::Result<()> {
    let document = document(&Harness::new().await?).await?;
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in item.as_object().into_iter().flatten().map(|(method, _)| method) {
            described.insert((method.clone(), path.clone()));
        }
    }
    let promised = ROUTES.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(described, promised);
    Ok(())
}

#[tokio::test]
async fn every_route_is_served_and_guarded() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    for (method, path) in ROUTES {
        let path = path.replace("{id}", "x").replace("{name}", "x");
        let request = Request::builder().method(method.to_uppercase().as_str()).uri(&path).body(Body::empty())?;
        let expected = if path.starts_with("/v1/") { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
        assert_eq!(harness.send_raw(request).await?.status, expected, "{method} {path}");
    }
    Ok(())
}

#[tokio::test]
async fn what_needs_a_key_says_so_and_how_it_fails() -> anyhow::Result<()> {
    let document = document(&Harness::new().await?).await?;
    assert!(document["components"]["schemas"]["Problem"].is_object());
    assert_eq!(document["components"]["securitySchemes"]["key"]["scheme"], "bearer");
    for (method, path) in ROUTES.iter().filter(|(_, path)| path.starts_with("/v1/")) {
        let operation = &document["paths"][path][method];
        assert!(operation["security"][0]["key"].is_array(), "{method} {path}");
        let problem = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(problem, "#/components/schemas/Problem", "{method} {path}");
    }
    Ok(())
}

#[tokio::test]
async fn every_reference_within_the_description_leads_somewhere() -> anyhow::Result<()> {
    let document = document(&Harness::new().await?).await?;
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    let pointer = reference.trim_start_matches('#');
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    Ok(())
}
