//! What callers see when a part behind the API fails.

use crate::harness::{Harness, Parts, payment, text_at};
use async_trait::async_trait;
use axum::body::Body;
use http::header::RETRY_AFTER;
use http::{Request, StatusCode};
use paybell_api::ApiSettings;
use paybell_delivery::{EndpointId, Job};
use paybell_queue::{Queue, QueueError, Taken};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

struct QueueThatIsGone;

#[async_trait]
impl Queue for QueueThatIsGone {
    async fn push(&self, _: &[Job]) -> Result<paybell_queue::Pushed, QueueError> {
        Err(gone())
    }
    async fn turn(&self, _: &[Taken], _: usize, _: usize) -> Result<Vec<Taken>, QueueError> {
        Err(gone())
    }
    async fn admit(&self, _: &[Job], _: usize) -> Result<Vec<Option<Taken>>, QueueError> {
        Err(gone())
    }
    async fn waited_for(&self, _: &[EndpointId]) -> Result<Vec<EndpointId>, QueueError> {
        Err(gone())
    }
    async fn drop_lane(&self, _: EndpointId) -> Result<Vec<Job>, QueueError> {
        Err(gone())
    }
    async fn withdraw(&self, _: EndpointId, _: usize) -> Result<Vec<Job>, QueueError> {
        Err(gone())
    }
    fn none_waits(&self) -> bool {
        false
    }

    async fn ready(&self) {}
    async fn depth(&self) -> Result<u64, QueueError> {
        Err(gone())
    }
    async fn last_turn(&self) -> Result<Option<Duration>, QueueError> {
        Err(gone())
    }
    async fn version(&self) -> Result<String, QueueError> {
        Err(gone())
    }
}

fn gone() -> QueueError {
    QueueError { act: "do anything", source: "it is gone".into() }
}

#[tokio::test]
async fn a_queue_that_is_gone_does_not_stop_the_intake() -> anyhow::Result<()> {
    let harness = Harness::with(Parts { queue: Arc::new(QueueThatIsGone), ..Parts::default() }).await?;
    harness.merchant_with_endpoint("shop").await?;
    let (_, delivery) = harness.accepted(payment("shop", "p-1")).await?;
    let later = harness.clock.now() + Duration::from_secs(3600);
    let found = harness.ledger.dispatch_due(later, Duration::from_secs(60), 10, &[]).await?.jobs;
    assert_eq!(found[0].delivery_id.to_string(), delivery, "the dispatcher finds it");
    let ready = harness.send_raw(Request::get("/readyz").body(Body::empty())?).await?;
    assert_eq!((ready.status, ready.json()["queue"]["answers"].clone()), (StatusCode::OK, json!(false)));
    Ok(())
}

#[tokio::test]
async fn a_broken_database_is_told_without_its_internals() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    harness.merchant_with_endpoint("shop").await?;
    harness.accepted(payment("shop", "p-1")).await?;
    harness.break_database("deliveries").await?;
    for reply in [harness.post("/v1/payments", payment("shop", "p-2")).await?, harness.get("/v1/deliveries").await?] {
        assert_eq!((reply.status, reply.media_type()), (StatusCode::INTERNAL_SERVER_ERROR, "application/problem+json"));
        assert!(!reply.text.contains("deliveries") && !reply.text.contains("table"), "{}", reply.text);
    }
    let ready = harness.send_raw(Request::get("/readyz").body(Body::empty())?).await?;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((&ready.json()["ready"], &ready.json()["database"]["answers"]), (&json!(false), &json!(false)));
    assert_eq!(harness.send_raw(Request::get("/healthz").body(Body::empty())?).await?.status, StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn a_request_that_does_not_end_is_ended() -> anyhow::Result<()> {
    let settings = ApiSettings { request_time_limit: Duration::from_millis(50), ..ApiSettings::default() };
    let harness = Harness::with(Parts { settings, ..Parts::default() }).await?;
    let endless = Body::from_stream(futures_util::stream::pending::<std::io::Result<Vec<u8>>>());
    let reply = harness.post_bytes("/v1/payments", "application/json", endless).await?;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reply.headers.get(RETRY_AFTER).map(|value| value.as_bytes()), Some(b"1".as_slice()));
    assert_eq!(text_at(&reply.json(), "/type")?, "urn:paybell:problem:unavailable");
    Ok(())
}

#[tokio::test]
async fn a_panic_is_a_problem_and_not_the_end() -> anyhow::Result<()> {
    let panics = Arc::new(|| panic!("on purpose, with a secret"));
    let harness = Harness::with(Parts { metrics_text: panics, ..Parts::default() }).await?;
    let reply = harness.send_raw(Request::get("/metrics").body(Body::empty())?).await?;
    assert_eq!((reply.status, reply.media_type()), (StatusCode::INTERNAL_SERVER_ERROR, "application/problem+json"));
    assert!(!reply.text.contains("secret"));
    assert_eq!(harness.send_raw(Request::get("/healthz").body(Body::empty())?).await?.status, StatusCode::OK);
    Ok(())
}
