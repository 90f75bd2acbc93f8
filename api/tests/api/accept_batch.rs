use crate::harness::{Harness, payment, payment_with};
use http::StatusCode;
use serde_json::{Value, json};

const LINES: &str = "application/x-ndjson";

fn results_of(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or(Value::Null)).collect()
}

#[tokio::test]
async fn one_bad_line_does_not_spoil_the_rest() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let endpoint = harness.merchant_with_endpoint("shop").await?;
    harness.accepted(payment("shop", "known")).await?;
    let lines = [
        payment("shop", "p-1").to_string(),
        "{broken".to_owned(),
        String::new(),
        payment("shop", "known").to_string(),
        payment_with("shop", "known", json!({"amount": 7})).to_string(),
        payment("nobody", "p-2").to_string(),
        payment_with("shop", "long", json!({"description": "x".repeat(70_000)})).to_string(),
        format!("{}\r", payment("shop", "p-3")),
    ];
    let reply = harness.post_bytes("/v1/payments/batch", LINES, lines.join("\n")).await?;
    assert_eq!((reply.status, reply.media_type()), (StatusCode::OK, LINES), "{}", reply.text);
    let results = results_of(&reply.text);
    let seen: Vec<_> = results.iter().map(|r| (r["line"].as_u64(), r["status"].as_u64())).collect();
    let expected = [(1, 202), (2, 400), (4, 200), (5, 409), (6, 422), (7, 413), (8, 202)];
    assert_eq!(seen, expected.map(|(line, status)| (Some(line), Some(status))));
    assert_eq!(results[0]["id"], "p-1");
    assert_eq!(results[0]["deliveries"][0]["endpoint"], endpoint);
    assert_eq!(results[3]["fields"], json!(["amount"]));
    assert_eq!(results[4]["errors"][0]["field"], "merchant");
    harness.take_jobs(3).await?;
    Ok(())
}

#[tokio::test]
async fn a_thousand_lines_are_accepted_and_one_more_is_too_many() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.merchant_with_endpoint("shop").await?;
    let lines: Vec<String> = (0..1000).map(|n| payment("shop", &format!("p-{n}")).to_string()).collect();
    let reply = harness.post_bytes("/v1/payments/batch", LINES, lines.join("\n")).await?;
    let results = results_of(&reply.text);
    assert_eq!(results.len(), 1000);
    assert!(results.iter().all(|result| result["status"] == 202), "{}", results[0]);
    let again = results_of(&harness.post_bytes("/v1/payments/batch", LINES, lines.join("\n")).await?.text);
    assert!(again.iter().zip(&results).all(|(a, b)| a["status"] == 200 && a["payment_id"] == b["payment_id"]));
    let more = format!("{}\n{}", lines.join("\n"), payment("shop", "one more"));
    let reply = harness.post_bytes("/v1/payments/batch", LINES, more).await?;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    Ok(())
}

#[tokio::test]
async fn a_batch_within_one_id_accepts_it_once() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.merchant_with_endpoint("shop").await?;
    let line = payment("shop", "p-1").to_string();
    let reply = harness.post_bytes("/v1/payments/batch", LINES, format!("{line}\n{line}\n")).await?;
    let mut statuses: Vec<_> = results_of(&reply.text).iter().map(|r| r["status"].as_u64()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [Some(200), Some(202)]);
    Ok(())
}

#[tokio::test]
async fn a_batch_is_limited_in_length_and_form() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let wrong_type = harness.post_bytes("/v1/payments/batch", "application/json", "{}").await?;
    assert_eq!(wrong_type.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let long = harness.post_bytes("/v1/payments/batch", LINES, vec![b' '; (8 << 20) + 1]).await?;
    assert_eq!(long.status, StatusCode::PAYLOAD_TOO_LARGE);
    let empty = harness.post_bytes("/v1/payments/batch", LINES, "").await?;
    assert_eq!((empty.status, empty.text.as_str()), (StatusCode::OK, ""));
    Ok(())
}
