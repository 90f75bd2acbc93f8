//! A gateway with its merchants, and browsers that visit the portal.

use anyhow::{Context, Result, bail, ensure};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use paybell_api::{ApiSettings, ApiState, InProcess};
use paybell_dashboards::{Act, Dashboard, PortalSettings};
use paybell_delivery::{
    Attempt, Decision, DeliveryId, Job, LIFETIME_MAX, MerchantId, Money, Outcome, Payment, PaymentId, Timestamp,
};
use paybell_outbound::{Outbound, OutboundSettings};
use paybell_queue::{InProcessQueue, QueueSettings};
use paybell_store::engine::{AcceptTerms, Accepted, Claim, RecordAttempt, Recorded};
use paybell_store::manage::{AuditFilter, AuditRow, PageRequest};
use paybell_store::{Clock, CoalesceSettings, Coalesced, Ledger, Sealer, SqliteLedger, id_at};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) struct Harness {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) clock: Arc<Clock>,
    api: InProcess,
    pages: Router,
    _folder: TempDir,
}

/// What a browser got.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Where it leads, without the mark that something was done.
    pub(crate) fn leads_to(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text);
        self.header(LOCATION.as_str()).trim_end_matches("?done=1")
    }

    /// The cookie that it sets, as browsers send it back.
    pub(crate) fn cookie(&self) -> String {
        self.header(SET_COOKIE.as_str()).split(';').next().unwrap_or_default().to_owned()
    }
}

impl Harness {
    pub(crate) async fn new() -> Result<Self> {
        Self::with(PortalSettings::default()).await
    }

    pub(crate) async fn with(portal: PortalSettings) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let ledger = SqliteLedger::open(&folder.path().join("paybell.db"), Sealer::new(&[7; 32])).await?;
        ledger.migrate().await?;
        let ledger: Arc<dyn Ledger> = Arc::new(ledger);
        let clock = Arc::new(Clock::default());
        let settings = ApiSettings { request_time_limit: Duration::from_secs(30), ..ApiSettings::default() };
        let terms = CoalesceSettings { batch_max: 500, grace: settings.grace, lifetime: LIFETIME_MAX };
        let lanes = QueueSettings { lane_max: 1_000, depth_max: 10_000, lease: Duration::from_secs(60) };
        let served = paybell_api::router(ApiState {
            ledger: Arc::clone(&ledger),
            coalesced: Coalesced::start(Arc::clone(&ledger), Arc::clone(&clock), terms),
            queue: Arc::new(InProcessQueue::new(lanes)),
            clock: Arc::clone(&clock),
            outbound: outbound()?,
            settings,
            metrics_text: Arc::new(String::new),
        });
        let api = InProcess::new(served.clone());
        let to_api = api.clone();
        let act: Act = Arc::new(move |name, request| {
            let api = to_api.clone();
            Box::pin(async move { api.call(&name, request).await })
        });
        let dashboard = Dashboard {
            ledger: Arc::clone(&ledger),
            clock: Arc::clone(&clock),
            mode: "test".to_owned(),
            act,
            key_id: paybell_api::keys::id_within,
            is_key_of: paybell_api::keys::is_key_of,
            new_key: |role, name, now| {
                let (key, record) = paybell_api::keys::new_key(role, name, now);
                (key.expose_secret().to_owned(), record)
            },
            https: false,
            portal,
            stop: tokio_util::sync::CancellationToken::new(),
        };
        let pages = paybell_dashboards::router(dashboard, served);
        Ok(Self { ledger, clock, api, pages, _folder: folder })
    }

    /// What the gateway does by the API.
    pub(crate) async fn gateway(&self, method: &str, path: &str, body: Value) -> Result<Value> {
        let request = Request::builder().method(Method::from_bytes(method.as_bytes())?).uri(path);
        let request = request.header(CONTENT_TYPE, "application/json").body(Body::from(body.to_string()))?;
        let (head, body) = self.api.call("gateway", request).await.into_parts();
        let body = to_bytes(body, 1 << 20).await?;
        ensure!(head.status.is_success(), "{path}: {}", String::from_utf8_lossy(&body));
        Ok(serde_json::from_slice(&body)?)
    }

    /// A merchant with one endpoint; answers the endpoint's id.
    pub(crate) async fn shop(&self, merchant: &str) -> Result<String> {
        self.gateway("POST", "/v1/merchants", json!({ "id": merchant })).await?;
        self.endpoint(merchant, json!({})).await
    }

    /// One more endpoint.
    pub(crate) async fn endpoint(&self, merchant: &str, more: Value) -> Result<String> {
        let mut new = json!({ "merchant": merchant, "url": format!("http://127.0.0.1:18009/{merchant}") });
        for (name, value) in more.as_object().into_iter().flatten() {
            new[name] = value.clone();
        }
        text_at(&self.gateway("POST", "/v1/endpoints", new).await?, "id")
    }

    /// Accepts a payment at a moment; answers the job of its delivery, if it has one.
    pub(crate) async fn accept(&self, payment: Payment) -> Result<Option<Job>> {
        let terms = AcceptTerms { now: payment.accepted_at, grace: Duration::from_secs(10), lifetime: LIFETIME_MAX };
        match self.ledger.accept(&[payment], &terms).await?.pop().context("an answer")? {
            Accepted::New { jobs, .. } => Ok(jobs.first().copied()),
            other => bail!("{other:?}"),
        }
    }

    /// Accepts a payment now.
    pub(crate) async fn accepted(&self, merchant: &str, id: &str) -> Result<Job> {
        self.accept(payment(merchant, id, self.clock.now())?).await?.context("the merchant has an endpoint")
    }

    /// Makes an attempt that the merchant answers by this.
    pub(crate) async fn attempt(&self, job: Job, outcome: Outcome, decision: Decision, answer: &Answer) -> Result<()> {
        let now = self.clock.now();
        let claimed = match self.ledger.claim(&[job], now, Duration::from_secs(30)).await?.pop() {
            Some(Claim::Won(claimed)) => *claimed,
            other => bail!("{other:?}"),
        };
        let attempt = Attempt {
            delivery_id: claimed.delivery_id,
            number: claimed.attempt,
            started_at: now,
            duration: Some(Duration::from_millis(120)),
            outcome,
            detail: answer.detail.to_owned(),
            status: Some(answer.status),
            response_head: Some(answer.head.to_owned()),
            response_body: Some(answer.body.to_vec()),
        };
        let recorded = self.ledger.record(&[RecordAttempt { attempt, decision, now }]).await?;
        ensure!(recorded == [Recorded::Applied], "{recorded:?}");
        Ok(())
    }

    /// A link for the merchant, as a path of ours.
    pub(crate) async fn link(&self, merchant: &str, rights: Value) -> Result<String> {
        let path = format!("/v1/merchants/{merchant}/portal-links");
        let made = self.gateway("POST", &path, json!({ "rights": rights })).await?;
        let url = text_at(&made, "url")?;
        let start = url.find("/portal/").context("a link into the portal")?;
        Ok(url[start..].to_owned())
    }

    /// Lets a merchant in with these rights; answers its cookie.
    pub(crate) async fn enter(&self, merchant: &str, rights: Value) -> Result<String> {
        let entered = self.get("", &self.link(merchant, rights).await?).await?;
        ensure!(entered.status == StatusCode::SEE_OTHER, "{}", entered.text);
        Ok(entered.cookie())
    }

    pub(crate) async fn get(&self, cookie: &str, path: &str) -> Result<Reply> {
        self.send(Request::get(path).header(COOKIE, cookie).body(Body::empty())?).await
    }

    /// Sends a form of the page's own.
    pub(crate) async fn post(&self, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Result<Reply> {
        self.post_from("same-origin", cookie, path, fields).await
    }

    pub(crate) async fn post_from(
        &self,
        site: &str,
        cookie: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Reply> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(path).header(COOKIE, cookie).header("sec-fetch-site", site);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(form))?;
        self.send(request).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Reply> {
        let (head, body) = self.pages.clone().oneshot(request).await?.into_parts();
        let text = String::from_utf8(to_bytes(body, 8 << 20).await?.to_vec())?;
        Ok(Reply { status: head.status, headers: head.headers, text })
    }

    /// The last acts of people, the newest first.
    pub(crate) async fn audit(&self) -> Result<Vec<AuditRow>> {
        Ok(self.ledger.audit(&AuditFilter::default(), &PageRequest { limit: 100, after: None }).await?.items)
    }

    pub(crate) async fn state_of(&self, id: DeliveryId) -> Result<paybell_delivery::State> {
        Ok(self.ledger.delivery(id, self.clock.now()).await?.context("a delivery")?.delivery.state)
    }
}

/// What a merchant answers, and the rule that decides over it.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: &'static str,
    pub(crate) body: &'static [u8],
    pub(crate) detail: &'static str,
}

pub(crate) const OK: Answer = Answer { status: 200, head: "content-type: text/plain", body: b"ok", detail: "200" };

/// A payment of 10.50 EUR.
pub(crate) fn payment(merchant: &str, id: &str, now: Timestamp) -> Result<Payment> {
    Ok(Payment {
        id: PaymentId(id_at(now)),
        merchant_id: MerchantId::new(merchant).context("a merchant's id")?,
        gateway_payment_id: id.to_owned(),
        kind: "payment.confirmed".to_owned(),
        pay_for: Some(format!("order-{id}")),
        amount: Money { amount_minor: 1_050, currency: "EUR".parse()? },
        balance: None,
        method: None,
        description: None,
        payer_email: None,
        payer_phone: None,
        data: None,
        confirmed_at: now,
        accepted_at: now,
        test: false,
    })
}

pub(crate) fn text_at(json: &Value, name: &str) -> Result<String> {
    Ok(json[name].as_str().with_context(|| format!("{name} in {json}"))?.to_owned())
}

fn outbound() -> Result<Outbound> {
    let settings = OutboundSettings {
        allow_non_public_addresses: true,
        allow_plain_http: true,
        own_port: None,
        response_body_max: 65_536,
        user_agent: "Paybell-Test".to_owned(),
    };
    Outbound::new(settings).map_err(|error| anyhow::anyhow!("{error}"))
}
