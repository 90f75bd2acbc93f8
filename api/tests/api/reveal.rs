use crate::harness::{Harness, payment, text_at};
use http::StatusCode;
use paybell_dialects::verify_standard;
use serde_json::{Value, json};

/// The key pair of RFC 8032, section 7.1, test 1.
const PRIVATE: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const PUBLIC: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

fn header<'a>(request: &'a Value, name: &str) -> &'a str {
    let headers = request["headers"].as_array().into_iter().flatten();
    headers.filter(|header| header["name"] == name).find_map(|header| header["value"].as_str()).unwrap_or_default()
}

async fn endpoint_with(harness: &Harness, secret: Option<&str>) -> anyhow::Result<(String, String)> {
    harness.post("/v1/merchants", json!({"id": "shop"})).await?;
    let endpoint = json!({"merchant": "shop", "url": "http://127.0.0.1:18009/bell?a=b", "secret": secret});
    let made = harness.post("/v1/endpoints", endpoint).await?;
    anyhow::ensure!(made.status == StatusCode::CREATED, "{}", made.text);
    Ok((text_at(&made.json(), "/id")?, text_at(&made.json(), "/secret")?))
}

#[tokio::test]
async fn a_deliverys_request_is_shown_as_it_is_signed_and_without_the_secret() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let (_, secret) = endpoint_with(&harness, None).await?;
    let (payment_id, delivery) = harness.accepted(payment("shop", "p-1")).await?;
    let reply = harness.get(&format!("/v1/deliveries/{delivery}/request")).await?;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let request = reply.json();
    assert_eq!((&request["method"], &request["attempt"]), (&json!("POST"), &json!(1)));
    assert_eq!(request["url"], "http://127.0.0.1:18009/bell?a=b");
    assert_eq!(header(&request, "paybell-delivery"), delivery);
    assert_eq!(header(&request, "webhook-id"), payment_id);
    let (timestamp, signatures) = (header(&request, "webhook-timestamp"), header(&request, "webhook-signature"));
    let body = text_at(&request, "/body")?;
    assert!(verify_standard(&[&secret], &payment_id, timestamp, signatures, body.as_bytes()));
    assert!(!reply.text.contains(&secret));
    let nobody = uuid::Uuid::nil();
    assert_eq!(harness.get(&format!("/v1/deliveries/{nobody}/request")).await?.status, StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn secrets_are_revealed_to_either_role_and_the_audit_names_who_looked() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let (endpoint, first) = endpoint_with(&harness, None).await?;
    let rotated = harness.post(&format!("/v1/endpoints/{endpoint}/rotate-secret"), json!({"overlap_s": 3600})).await?;
    let second = text_at(&rotated.json(), "/secret")?;
    let path = format!("/v1/endpoints/{endpoint}/reveal-secret");
    for key in [&harness.gateway, &harness.operator] {
        let revealed = harness.send_as(key, "POST", &path, None).await?;
        assert_eq!(revealed.status, StatusCode::OK, "{}", revealed.text);
        let revealed = revealed.json();
        assert_eq!(
            (&revealed["secrets"][0]["secret"], &revealed["secrets"][0]["ends_at"]),
            (&json!(second), &Value::Null)
        );
        assert_eq!(revealed["secrets"][1]["secret"], json!(first));
        assert!(revealed["secrets"][1]["ends_at"].is_string() && revealed["secrets"][2].is_null());
    }
    let audit = harness.send_as(&harness.operator, "GET", "/v1/audit?limit=2", None).await?.json();
    let said = |n: usize, name: &str| audit["items"][n][name].as_str().unwrap_or_default().to_owned();
    assert_eq!((said(0, "action"), said(0, "actor"), said(0, "subject")), said3("operator", &endpoint));
    assert_eq!((said(1, "action"), said(1, "actor"), said(1, "subject")), said3("gateway", &endpoint));
    assert!(!audit.to_string().contains("whsec_"));
    Ok(())
}

fn said3(actor: &str, subject: &str) -> (String, String, String) {
    ("endpoint.reveal_secret".to_owned(), actor.to_owned(), subject.to_owned())
}

#[tokio::test]
async fn an_endpoint_with_a_private_key_shows_its_public_one_and_rotates_to_another_pair() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let (endpoint, _) = endpoint_with(&harness, Some(PRIVATE)).await?;
    let path = format!("/v1/endpoints/{endpoint}");
    assert_eq!(harness.get(&path).await?.json()["public_key"], PUBLIC);
    assert_eq!(harness.get("/v1/endpoints").await?.json()["items"][0]["public_key"], PUBLIC);
    let rotated = harness.post(&format!("{path}/rotate-secret"), json!({})).await?.json();
    let (secret, public) = (text_at(&rotated, "/secret")?, text_at(&rotated, "/public_key")?);
    assert!(secret.starts_with("whsk_") && public.starts_with("whpk_") && public != PUBLIC);
    assert_eq!(harness.get(&path).await?.json()["public_key"], public);
    Ok(())
}

#[tokio::test]
async fn a_test_may_be_of_any_kind_that_a_payment_may_be_of() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let (endpoint, _) = endpoint_with(&harness, None).await?;
    let path = format!("/v1/endpoints/{endpoint}/test");
    for (body, kind) in [(json!({}), "endpoint.test"), (json!({"type": "payment.confirmed"}), "payment.confirmed")] {
        let sent = harness.post(&path, body).await?;
        assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text);
        let delivery = text_at(&sent.json(), "/delivery_id")?;
        let payment = harness.get(&format!("/v1/deliveries/{delivery}")).await?.json()["payment"].clone();
        assert_eq!((&payment["type"], &payment["test"]), (&json!(kind), &json!(true)));
    }
    assert_eq!(harness.post(&path, json!({"type": "No Kind"})).await?.fields_at_fault(), ["type"]);
    Ok(())
}
