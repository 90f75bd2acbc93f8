//! Pages over a database of their own, with an API in process, and people who are signed in.

use anyhow::{Context, ensure};
use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use paybell_api::keys::{id_within, is_key_of, new_key};
use paybell_api::{ApiSettings, ApiState, InProcess};
use paybell_dashboards::{Act, Dashboard, PortalSettings, password, router};
use paybell_delivery::LIFETIME_MAX;
use paybell_outbound::{Outbound, OutboundSettings};
use paybell_queue::{InProcessQueue, QueueSettings};
use paybell_store::manage::{Actor, KeyRole, Operator, OperatorRole};
use paybell_store::{Clock, CoalesceSettings, Coalesced, Ledger, Sealer, SqliteLedger};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const GRACE: Duration = Duration::from_secs(10);

pub(crate) struct House {
    pages: Router,
    api: Router,
    gateway: String,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) clock: Arc<Clock>,
    _folder: TempDir,
}

/// A browser: what it was told to keep, and the language its owner likes.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookie: String,
    pub(crate) language: &'static str,
}

/// What a browser was answered.
pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Seen {
    /// Where it leads on to.
    pub(crate) fn location(&self) -> &str {
        self.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Fails unless it is a page.
    pub(crate) fn page(self) -> anyhow::Result<String> {
        ensure!(self.status == StatusCode::OK, "{}: {} {}", self.status, self.location(), self.text);
        Ok(self.text)
    }

    /// Where it leads on to after something was done.
    pub(crate) fn leads_to(&self) -> anyhow::Result<&str> {
        ensure!(self.status == StatusCode::SEE_OTHER, "{}: {}", self.status, self.text);
        Ok(self.location())
    }
}

impl House {
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let ledger = SqliteLedger::open(&folder.path().join("paybell.db"), Sealer::new(&[7; 32])).await?;
        ledger.migrate().await?;
        let ledger: Arc<dyn Ledger> = Arc::new(ledger);
        let clock = Arc::new(Clock::default());
        let lanes = QueueSettings { lane_max: 10_000, depth_max: 100_000, lease: Duration::from_secs(60) };
        let terms = CoalesceSettings { batch_max: 500, grace: GRACE, lifetime: LIFETIME_MAX };
        let outbound = OutboundSettings {
            allow_non_public_addresses: true,
            allow_plain_http: true,
            own_port: None,
            response_body_max: 65_536,
            user_agent: "Paybell-Test".to_owned(),
        };
        let api = paybell_api::router(ApiState {
            coalesced: Coalesced::start(Arc::clone(&ledger), Arc::clone(&clock), terms),
            ledger: Arc::clone(&ledger),
            queue: Arc::new(InProcessQueue::new(lanes)),
            clock: Arc::clone(&clock),
            outbound: Outbound::new(outbound).map_err(|error| anyhow::anyhow!("{error}"))?,
            settings: ApiSettings { request_time_limit: Duration::from_secs(30), ..ApiSettings::default() },
            metrics_text: Arc::new(String::new),
        });
        let pages = router(dashboard(&ledger, &clock, InProcess::new(api.clone())), api.clone());
        let mut house = Self { pages, api, gateway: String::new(), ledger, clock, _folder: folder };
        house.gateway = house.key(KeyRole::Gateway, "gateway").await?.0;
        Ok(house)
    }

    // ── people ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// Adds somebody with [`PASSWORD`].
    pub(crate) async fn add(&self, name: &str, role: OperatorRole) -> anyhow::Result<()> {
        let (created_at, updated_at) = (self.clock.now(), self.clock.now());
        let password_hash = password::hash(PASSWORD)?;
        let operator =
            Operator { name: name.to_owned(), role, password_hash, created_at, updated_at, removed_at: None };
        Ok(self.ledger.put_operator(&operator, &self.actor()).await?)
    }

    /// A new key of this role.
    pub(crate) async fn key(&self, role: KeyRole, name: &str) -> anyhow::Result<(String, Uuid)> {
        let (key, record) = new_key(role, name, self.clock.now());
        self.ledger.create_key(&record, &self.actor()).await?;
        Ok((key.expose_secret().to_owned(), record.id))
    }

    /// An operator's browser.
    pub(crate) async fn operator(&self) -> anyhow::Result<Browser> {
        let (key, _) = self.key(KeyRole::Operator, "Olga").await?;
        self.sign_in(&[("key", &key)]).await?.context("the key opens nothing")
    }

    /// A viewer's browser.
    pub(crate) async fn viewer(&self) -> anyhow::Result<Browser> {
        self.add("Vera", OperatorRole::Viewer).await?;
        self.sign_in(&[("name", "Vera"), ("password", PASSWORD)]).await?.context("the password opens nothing")
    }

    /// Signs in; nothing where that is refused.
    pub(crate) async fn sign_in(&self, fields: &[(&str, &str)]) -> anyhow::Result<Option<Browser>> {
        let seen = self.post(&Browser::default(), "/sign-in", fields).await?;
        if seen.status != StatusCode::SEE_OTHER {
            return Ok(None);
        }
        let cookie = seen.headers.get(SET_COOKIE).context("no cookie")?.to_str()?;
        ensure!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        Ok(Some(Browser { cookie, language: "en" }))
    }

    /// Who tests act as in the ledger.
    pub(crate) fn actor(&self) -> Actor {
        Actor { name: "test".to_owned(), now: self.clock.now() }
    }

    // ── requests ───────────────────────────────────────────────────────────────────────────────────────────────

    pub(crate) async fn get(&self, browser: &Browser, path: &str) -> anyhow::Result<Seen> {
        let request = Request::get(path).header(HOST, "paybell.test").header(COOKIE, &browser.cookie);
        self.send(request.header("accept-language", browser.language).body(Body::empty())?).await
    }

    /// Sends a form from a page of ours.
    pub(crate) async fn post(&self, browser: &Browser, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<Seen> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(path)
            .header(HOST, "paybell.test")
            .header(ORIGIN, "https://paybell.test")
            .header(COOKIE, &browser.cookie)
            .header("accept-language", browser.language)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form))?).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> anyhow::Result<Seen> {
        let (head, body) = self.pages.clone().oneshot(request).await?.into_parts();
        let body = axum::body::to_bytes(body, 16 << 20).await?;
        Ok(Seen { status: head.status, headers: head.headers, text: String::from_utf8(body.to_vec())? })
    }

    /// The head of an answer whose body goes on for long.
    pub(crate) async fn head_of(&self, request: Request<Body>) -> anyhow::Result<(StatusCode, HeaderMap)> {
        let (head, _) = self.pages.clone().oneshot(request).await?.into_parts();
        Ok((head.status, head.headers))
    }

    /// Asks the API as the gateway; it must not refuse.
    pub(crate) async fn api(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, "application/json");
        let request = request.header(AUTHORIZATION, format!("Bearer {}", self.gateway));
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let (head, body) = self.api.clone().oneshot(request.body(body)?).await?.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await?;
        ensure!(head.status.is_success(), "{method} {path}: {} {}", head.status, String::from_utf8_lossy(&body));
        Ok(if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? })
    }
}

fn dashboard(ledger: &Arc<dyn Ledger>, clock: &Arc<Clock>, api: InProcess) -> Dashboard {
    let act: Act = Arc::new(move |name, request| {
        let api = api.clone();
        Box::pin(async move { api.call(&name, request).await })
    });
    Dashboard {
        ledger: Arc::clone(ledger),
        clock: Arc::clone(clock),
        mode: "embedded".to_owned(),
        act,
        key_id: id_within,
        is_key_of,
        new_key: |role, name, now| {
            let (key, record) = new_key(role, name, now);
            (key.expose_secret().to_owned(), record)
        },
        https: false,
        portal: PortalSettings::default(),
        stop: CancellationToken::new(),
    }
}

/// The text at a place of a JSON document.
pub(crate) fn text(json: &Value, pointer: &str) -> anyhow::Result<String> {
    let value = json.pointer(pointer).and_then(Value::as_str);
    Ok(value.with_context(|| format!("no text at {pointer} of {json}"))?.to_owned())
}
