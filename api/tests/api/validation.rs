use crate::harness::{Harness, payment, payment_with};
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{Request, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

const CARD: &str = "4111111111111111";

#[tokio::test]
async fn each_broken_rule_is_told_with_its_field() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.merchant_with_endpoint("shop").await?;
    let rows: Vec<(Value, &str)> = vec![
        (json!({"merchant": null}), "merchant"),
        (json!({"merchant": "a shop"}), "merchant"),
        (json!({"merchant": 7}), "merchant"),
        (json!({"id": ""}), "id"),
        (json!({"id": "x".repeat(129)}), "id"),
        (json!({"id": 7}), "id"),
        (json!({"id": null}), "id"),
        (json!({"pay_for": "x".repeat(257)}), "pay_for"),
        (json!({"amount": null}), "amount"),
        (json!({"amount": 0}), "amount"),
        (json!({"amount": -1}), "amount"),
        (json!({"amount": "100"}), "amount"),
        (json!({"amount": 0.1}), "amount"),
        (json!({"amount": 9_007_199_254_740_992_i64}), "amount"),
        (json!({"currency": "eur"}), "currency"),
        (json!({"currency": "EURO"}), "currency"),
        (json!({"currency": null}), "currency"),
        (json!({"confirmed_at": "yesterday"}), "confirmed_at"),
        (json!({"confirmed_at": "2025-01-15T09:30:00"}), "confirmed_at"),
        (json!({"confirmed_at": 1_700_000_000}), "confirmed_at"),
        (json!({"confirmed_at": "2100-01-01T00:00:00Z"}), "confirmed_at"),
        (json!({"confirmed_at": "0001-01-01T00:00:00Z"}), "confirmed_at"),
        (json!({"type": "Payment Confirmed"}), "type"),
        (json!({"type": ""}), "type"),
        (json!({"balance_amount": 1}), "balance_currency"),
        (json!({"balance_currency": "EUR"}), "balance_amount"),
        (json!({"balance_amount": -1, "balance_currency": "EUR"}), "balance_amount"),
        (json!({"description": "x".repeat(1025)}), "description"),
        (json!({"data": []}), "data"),
        (json!({"data": "text"}), "data"),
        (json!({"data": {"long": "x".repeat(16 * 1024)}}), "data"),
        (json!({"amuont": 1}), "amuont"),
        (json!({"test": true}), "test"),
    ];
    for (fields, at_fault) in rows {
        let reply = harness.post("/v1/payments", payment_with("shop", "p-1", fields.clone())).await?;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields}: {}", reply.text);
        assert_eq!(reply.fields_at_fault(), [at_fault], "{fields}");
        assert!(reply.json()["errors"][0]["rule"].as_str().is_some_and(|rule| !rule.is_empty()));
    }
    Ok(())
}

#[tokio::test]
async fn all_faults_are_told_at_once() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let reply = harness.post("/v1/payments", json!({"amount": 0, "colour": "red", "currency": "?"})).await?;
    let mut at_fault = reply.fields_at_fault();
    at_fault.sort();
    assert_eq!(at_fault, ["amount", "colour", "confirmed_at", "currency", "id", "merchant"]);
    Ok(())
}

#[tokio::test]
async fn amounts_that_are_no_plain_integers_are_refused() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    for amount in ["1e2", "1.0", "0.1", "-1", "-0", "9007199254740993123456", "1E400"] {
        let json = payment("shop", "p-1").to_string().replace("1050", amount);
        let reply = harness.post_bytes("/v1/payments", "application/json", json).await?;
        // A number beyond every range is not even read.
        let expected = if amount == "1E400" { StatusCode::BAD_REQUEST } else { StatusCode::UNPROCESSABLE_ENTITY };
        assert_eq!(reply.status, expected, "{amount}: {}", reply.text);
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_sound_json_is_malformed() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let deep = format!(r#"{{"data":{{"a":{}1{}}}}}"#, "[".repeat(200), "]".repeat(200));
    let deep_unknown = format!(r#"{{"x":{}1{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    let rows = [
        "",
        "{",
        "[]",
        "7",
        "\"text\"",
        "{} {}",
        r#"{"amount":1,"amount":2}"#,
        r#"{"amount":1,"\u0061mount":2}"#,
        r#"{"x":1,"x":2}"#,
        r#"{"data":{"a":1,"a":2}}"#,
        r#"{"data":{"a":[{"b":1,"b":2}]}}"#,
        r#"{"id":"\ud800"}"#,
        r#"{"id":"tab	tab"}"#,
        r#"{"id":NaN}"#,
        r#"{"amount":01}"#,
        r#"{"id":"x",}"#,
        &deep,
        &deep_unknown,
    ];
    for json in rows {
        let reply = harness.post_bytes("/v1/payments", "application/json", json.to_owned()).await?;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{json:.60}: {}", reply.text);
        assert_eq!(reply.media_type(), "application/problem+json");
    }
    let not_utf8 = harness.post_bytes("/v1/payments", "application/json", vec![b'"', 0xff, b'"']).await?;
    assert_eq!(not_utf8.status, StatusCode::BAD_REQUEST);
    Ok(())
}

#[tokio::test]
async fn nul_is_refused_wherever_it_stands() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.merchant_with_endpoint("shop").await?;
    let rows = [
        (json!({"id": "a\0b"}), "id"),
        (json!({"description": "\0"}), "description"),
        (json!({"data": {"deep": [{"er": "\0"}]}}), "data"),
        (json!({"data": {"na\0me": 1}}), "data"),
    ];
    for (fields, at_fault) in rows {
        let reply = harness.post("/v1/payments", payment_with("shop", "p-1", fields.clone())).await?;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields}");
        assert_eq!(reply.fields_at_fault(), [at_fault]);
    }
    for path in ["/v1/payments?pay_for=a%00b", "/v1/deliveries?pay_for=%00"] {
        assert_eq!(harness.get(path).await?.fields_at_fault(), ["pay_for"]);
    }
    Ok(())
}

#[tokio::test]
async fn card_data_is_refused_and_never_repeated() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.merchant_with_endpoint("shop").await?;
    let rows = [
        (json!({"id": CARD}), "id"),
        (json!({"pay_for": "card 4111 1111 1111 1111"}), "pay_for"),
        (json!({"description": "4111-1111-1111-1111"}), "description"),
        (json!({"method": "5500005555555559"}), "method"),
        (json!({"payer_email": "4111111111111111@example.com"}), "payer_email"),
        (json!({"payer_phone": CARD}), "payer_phone"),
        (json!({"merchant": CARD}), "merchant"),
        (json!({"currency": CARD}), "currency"),
        (json!({"confirmed_at": CARD}), "confirmed_at"),
        (json!({"data": {"card": {"number": CARD}}}), "data"),
        (json!({"data": {"number": 4_111_111_111_111_111_i64}}), "data"),
        (json!({"data": {"4111111111111111": 1}}), "data"),
        (json!({"data": {"cvv": "123"}}), "data"),
        (json!({"data": {"card": {"CVC2": 123}}}), "data"),
        (json!({"4111111111111111": 1}), "(not shown)"),
    ];
    for (fields, at_fault) in rows {
        let reply = harness.post("/v1/payments", payment_with("shop", "p-1", fields.clone())).await?;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields}");
        assert_eq!(reply.fields_at_fault(), [at_fault], "{fields}");
        let told: String = reply.text.chars().filter(char::is_ascii_digit).collect();
        assert!(!told.contains(CARD) && !told.contains("5500005555555559"), "{}", reply.text);
    }
    for body in [CARD.to_owned(), format!("\"{CARD}\""), format!("[{CARD}]"), format!("{{\"id\":{CARD} {CARD}}}")] {
        let reply = harness.post_bytes("/v1/payments", "application/json", body.clone()).await?;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(!reply.text.contains(CARD), "{}", reply.text);
    }
    let list = harness.get("/v1/payments").await?.json();
    assert_eq!(list["items"], json!([]), "nothing of them was kept");
    Ok(())
}

#[tokio::test]
async fn telephone_numbers_and_uuids_are_no_cards() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.merchant_with_endpoint("shop").await?;
    let fields = json!({"payer_phone": "4222222222222", "pay_for": "550e8400-e29b-41d4-a716-446655440000",
        "data": {"at_ms": 1_732_186_800_123_i64}});
    let reply = harness.post("/v1/payments", payment_with("shop", "p-1", fields)).await?;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.text);
    Ok(())
}

#[tokio::test]
async fn bodies_are_limited_in_length_form_and_encoding() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let long = payment_with("shop", "p", json!({"description": "x".repeat(70_000)})).to_string();
    let reply = harness.post_bytes("/v1/payments", "application/json", long).await?;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    let endless = Body::from_stream(futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1024])));
    assert_eq!(
        harness.post_bytes("/v1/payments", "application/json", endless).await?.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""] {
        let reply = harness.post_bytes("/v1/payments", media_type, payment("shop", "p").to_string()).await?;
        assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{media_type}");
    }
    for (encoding, status) in [
        ("gzip", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("identity, br", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("identity", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let request = Request::post("/v1/payments")
            .header(AUTHORIZATION, format!("Bearer {}", harness.gateway.expose_secret()))
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_ENCODING, encoding)
            .body(Body::from("{}"))?;
        assert_eq!(harness.send_raw(request).await?.status, status, "{encoding}");
    }
    Ok(())
}
