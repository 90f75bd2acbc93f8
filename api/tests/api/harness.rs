//! A router over a database of its own, with a key for each role.

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, StatusCode};
use paybell_api::keys::new_key;
use paybell_api::{ApiSettings, ApiState, router};
use paybell_delivery::{Job, LIFETIME_MAX};
use paybell_outbound::{Outbound, OutboundSettings};
use paybell_queue::{InProcessQueue, Queue, QueueSettings};
use paybell_store::manage::{Actor, KeyRole};
use paybell_store::{Clock, CoalesceSettings, Coalesced, Ledger, Sealer, SqliteLedger};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) struct Harness {
    pub(crate) router: Router,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) gateway: SecretString,
    pub(crate) operator: SecretString,
    folder: TempDir,
}

/// What a test may choose otherwise.
pub(crate) struct Parts {
    pub(crate) settings: ApiSettings,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) metrics_text: Arc<dyn Fn() -> String + Send + Sync>,
}

impl Default for Parts {
    fn default() -> Self {
        let lanes = QueueSettings { lane_max: 10_000, depth_max: 100_000, lease: Duration::from_secs(60) };
        Self {
            settings: ApiSettings { request_time_limit: Duration::from_secs(30), ..ApiSettings::default() },
            queue: Arc::new(InProcessQueue::new(lanes)),
            metrics_text: Arc::new(|| "paybell_up 1\n".to_owned()),
        }
    }
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn media_type(&self) -> &str {
        self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The names of the fields at fault.
    pub(crate) fn fields_at_fault(&self) -> Vec<String> {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl Harness {
    pub(crate) async fn new() -> anyhow::Result<Self> {
        Self::with(Parts::default()).await
    }

    pub(crate) async fn with(parts: Parts) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let ledger = SqliteLedger::open(&folder.path().join("paybell.db"), Sealer::new(&[7; 32])).await?;
        ledger.migrate().await?;
        let ledger: Arc<dyn Ledger> = Arc::new(ledger);
        let Parts { settings, queue, metrics_text } = parts;
        let clock = Arc::new(Clock::default());
        let terms = CoalesceSettings { batch_max: 500, grace: settings.grace, lifetime: LIFETIME_MAX };
        let state = ApiState {
            coalesced: Coalesced::start(Arc::clone(&ledger), Arc::clone(&clock), terms),
            ledger: Arc::clone(&ledger),
            queue: Arc::clone(&queue),
            clock: Arc::clone(&clock),
            outbound: outbound()?,
            settings,
            metrics_text,
        };
        let gateway = make_key(&*ledger, &clock, KeyRole::Gateway).await?;
        let operator = make_key(&*ledger, &clock, KeyRole::Operator).await?;
        Ok(Self { router: router(state), ledger, queue, clock, gateway, operator, folder })
    }

    /// Sends a request as the gateway.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> anyhow::Result<Reply> {
        self.send_as(&self.gateway, method, path, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Reply> {
        self.send("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> anyhow::Result<Reply> {
        self.send("POST", path, Some(body)).await
    }

    pub(crate) async fn send_as(
        &self,
        key: &SecretString,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Reply> {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes())?).uri(path);
        request = request.header(AUTHORIZATION, format!("Bearer {}", key.expose_secret()));
        let body = match body {
            Some(json) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Body::from(json.to_string())
            }
            None => Body::empty(),
        };
        self.send_raw(request.body(body)?).await
    }

    /// Posts bytes to a path with a media type.
    pub(crate) async fn post_bytes(
        &self,
        path: &str,
        media_type: &str,
        body: impl Into<Body>,
    ) -> anyhow::Result<Reply> {
        let request = Request::post(path)
            .header(AUTHORIZATION, format!("Bearer {}", self.gateway.expose_secret()))
            .header(CONTENT_TYPE, media_type)
            .body(body.into())?;
        self.send_raw(request).await
    }

    pub(crate) async fn send_raw(&self, request: Request<Body>) -> anyhow::Result<Reply> {
        let response = self.router.clone().oneshot(request).await?;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 64 << 20).await?;
        let text = String::from_utf8(body.to_vec())?;
        Ok(Reply { status: parts.status, headers: parts.headers, text })
    }

    /// Takes a table away, so that the database refuses every act that needs it.
    pub(crate) async fn break_database(&self, table: &str) -> anyhow::Result<()> {
        let file = self.folder.path().join("paybell.db");
        let mut database = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file)).await?;
        database.execute(AssertSqlSafe(format!("ALTER TABLE {table} RENAME TO gone"))).await?;
        database.close().await?;
        Ok(())
    }

    /// Makes a merchant with an endpoint and answers the endpoint's id.
    pub(crate) async fn merchant_with_endpoint(&self, merchant: &str) -> anyhow::Result<String> {
        let made = self.post("/v1/merchants", json!({"id": merchant})).await?;
        anyhow::ensure!(made.status == StatusCode::CREATED, "{}", made.text);
        self.endpoint_of(merchant).await
    }

    pub(crate) async fn endpoint_of(&self, merchant: &str) -> anyhow::Result<String> {
        let endpoint = json!({"merchant": merchant, "url": "http://127.0.0.1:18009/bell"});
        let made = self.post("/v1/endpoints", endpoint).await?;
        anyhow::ensure!(made.status == StatusCode::CREATED, "{}", made.text);
        text_at(&made.json(), "/id")
    }

    /// Sends a payment and answers its id and its first delivery's.
    pub(crate) async fn accepted(&self, payment: Value) -> anyhow::Result<(String, String)> {
        let reply = self.post("/v1/payments", payment).await?;
        anyhow::ensure!(reply.status == StatusCode::ACCEPTED, "{}", reply.text);
        Ok((text_at(&reply.json(), "/payment_id")?, text_at(&reply.json(), "/deliveries/0/id")?))
    }

    /// Takes so many jobs from the queue, as workers do.
    pub(crate) async fn take_jobs(&self, count: usize) -> anyhow::Result<Vec<Job>> {
        let mut taken = Vec::new();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while taken.len() < count {
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "only {} of {count} jobs came", taken.len());
            taken.extend(self.queue.turn(&taken, count - taken.len(), usize::MAX).await?);
            if taken.len() < count {
                self.queue.ready().await;
            }
        }
        Ok(taken.into_iter().map(|taken| taken.job).collect())
    }
}

pub(crate) fn outbound() -> anyhow::Result<Outbound> {
    let settings = OutboundSettings {
        allow_non_public_addresses: true,
        allow_plain_http: true,
        own_port: None,
        response_body_max: 65_536,
        user_agent: "Paybell-Test".to_owned(),
    };
    Outbound::new(settings).map_err(|error| anyhow::anyhow!("{error}"))
}

async fn make_key(ledger: &dyn Ledger, clock: &Clock, role: KeyRole) -> anyhow::Result<SecretString> {
    let (key, record) = new_key(role, paybell_api::keys::role_word(role), clock.now());
    ledger.create_key(&record, &Actor { name: "test".to_owned(), now: clock.now() }).await?;
    Ok(key)
}

/// A payment with the required fields.
pub(crate) fn payment(merchant: &str, id: &str) -> Value {
    json!({
        "merchant": merchant,
        "id": id,
        "amount": 1050,
        "currency": "EUR",
        "confirmed_at": "2025-01-15T09:30:00Z",
    })
}

/// A payment with more fields, or other values.
pub(crate) fn payment_with(merchant: &str, id: &str, fields: Value) -> Value {
    let mut payment = payment(merchant, id);
    for (name, value) in fields.as_object().into_iter().flatten() {
        payment[name] = value.clone();
    }
    payment
}

pub(crate) fn text_at(json: &Value, pointer: &str) -> anyhow::Result<String> {
    let value = json.pointer(pointer).and_then(Value::as_str);
    Ok(value.with_context(|| format!("no text at {pointer} of {json}"))?.to_owned())
}
