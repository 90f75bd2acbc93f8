use crate::harness::{Harness, Parts, payment};
use axum::body::Body;
use http::{Request, StatusCode};
use paybell_api::ApiSettings;
use paybell_queue::{InProcessQueue, Queue, QueueSettings};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn read(harness: &Harness, path: &str) -> anyhow::Result<crate::harness::Reply> {
    harness.send_raw(Request::get(path).body(Body::empty())?).await
}

#[tokio::test]
async fn those_who_watch_need_no_key() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    assert_eq!(read(&harness, "/healthz").await?.text, "ok\n");
    let metrics = read(&harness, "/metrics").await?;
    assert_eq!(
        (metrics.text.as_str(), metrics.media_type()),
        ("paybell_up 1\n", "text/plain; version=0.0.4; charset=utf-8")
    );
    let ready = read(&harness, "/readyz").await?;
    assert_eq!(ready.status, StatusCode::OK, "{}", ready.text);
    let expected = json!({
        "ready": true,
        "database": {"answers": true, "pending": 0},
        "queue": {"answers": true, "depth": 0, "consumed": false, "last_turn_s": null, "oldest_due_s": 0.0},
    });
    assert_eq!(ready.json(), expected);
    Ok(())
}

#[tokio::test]
async fn readiness_tells_when_nobody_takes_what_is_due() -> anyhow::Result<()> {
    // A grace of zero makes the delivery due at its acceptance.
    let settings = ApiSettings { ready_max: Duration::ZERO, grace: Duration::ZERO, ..ApiSettings::default() };
    let harness = Harness::with(Parts { settings, ..Parts::default() }).await?;
    harness.merchant_with_endpoint("shop").await?;
    harness.accepted(payment("shop", "p-1")).await?;
    let ready = read(&harness, "/readyz").await?;
    assert_eq!(ready.status, StatusCode::OK, "what is accepted is safe, so more can be accepted");
    assert_eq!(ready.json()["queue"]["consumed"], false, "{}", ready.text);
    assert_eq!(ready.json()["database"]["pending"], 1);
    Ok(())
}

#[tokio::test]
async fn readiness_tells_whether_workers_ask() -> anyhow::Result<()> {
    let settings = QueueSettings { lane_max: 1, depth_max: 1, lease: Duration::from_secs(60) };
    let queue = Arc::new(InProcessQueue::new(settings));
    let harness = Harness::with(Parts { queue: Arc::clone(&queue) as Arc<dyn Queue>, ..Parts::default() }).await?;
    assert_eq!(read(&harness, "/readyz").await?.json()["queue"]["consumed"], false);
    queue.turn(&[], 0, 0).await?;
    let ready = read(&harness, "/readyz").await?.json();
    assert_eq!(ready["queue"]["consumed"], true, "{ready}");
    assert!(ready["queue"]["last_turn_s"].as_f64().is_some_and(|age| age < 60.0), "{ready}");
    Ok(())
}

#[tokio::test]
async fn wrong_methods_and_paths_are_problems_too() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let wrong = harness.send("PUT", "/v1/payments", None).await?;
    assert_eq!((wrong.status, wrong.media_type()), (StatusCode::METHOD_NOT_ALLOWED, "application/problem+json"));
    let allowed = wrong.headers.get("allow").and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed:?}");
    assert_eq!(read(&harness, "/").await?.json()["type"], "urn:paybell:problem:not-found");
    Ok(())
}

#[tokio::test]
async fn the_router_serves_a_real_socket() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = harness.router.clone();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let mut socket = tokio::net::TcpStream::connect(address).await?;
    socket.write_all(b"GET /v1/payments HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    server.abort();
    assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("content-type: application/problem+json\r\n"), "{answer}");
    Ok(())
}
