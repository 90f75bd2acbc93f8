//! The HTTP API: intake of payments, their state, and management by program.
//!
//! Cast:
//! - [`router`] makes the whole API of an [`ApiState`]; the routes stand in `openapi.rs`, which also describes them.
//! - Intake: `accept_payment` and `accept_batch`, with the rules in `validate_payment`. After the commit, `enqueue`
//!   hands the new deliveries to the queue; what it loses, the dispatcher finds.
//! - The question before a payment: `ask_check` → `answer_once` → `put_question`, within the places of `check_pool`.
//! - What people and programs look at: `read_payments`, `read_deliveries`, `read_checks`, `audit`.
//! - What they do: `resend`, `settle`, `bulk_resends`, `bulk_settlements`, `merchants`, `portal_links`, `endpoints`,
//!   `dialects` (and [`try_dialect`]).
//! - Around every request: `observe` (metrics, time limit), `authenticate` ([`keys`]), `problem` (RFC 9457).

mod accept_batch;
mod accept_payment;
mod answer_once;
mod ask_check;
mod audit;
mod authenticate;
mod bulk_filter;
mod bulk_resends;
mod bulk_settlements;
mod change_endpoint;
mod check_endpoint;
mod check_pool;
mod dialects;
mod endpoint_body;
mod endpoints;
mod enqueue;
mod find_card;
mod health;
pub mod keys;
mod limit_rate;
mod merchants;
mod observe;
mod openapi;
mod portal_links;
mod problem;
mod put_question;
mod read_body;
mod read_checks;
mod read_deliveries;
mod read_fields;
mod read_payments;
mod read_query;
mod resend;
mod reveal_secret;
mod rotate_secret;
mod settle;
mod show_request;
mod test_endpoint;
pub mod try_dialect;
mod validate_check;
mod validate_payment;

use answer_once::Flights;
use authenticate::{KnownKeys, LetIn};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use check_pool::CheckPool;
use enqueue::Pusher;
use limit_rate::RateLimit;
use paybell_delivery::LIFETIME_MAX;
use paybell_outbound::Outbound;
use paybell_queue::Queue;
use paybell_store::engine::AcceptTerms;
use paybell_store::{Clock, Coalesced, KnownDialects, Ledger};
use problem::Problem;
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;

/// What the API works with.
#[derive(Clone)]
pub struct ApiState {
    /// The database.
    pub ledger: Arc<dyn Ledger>,
    /// Accepts payments, many in one commit.
    pub coalesced: Coalesced,
    /// Where new deliveries go.
    pub queue: Arc<dyn Queue>,
    /// The database's time.
    pub clock: Arc<Clock>,
    /// Knows which URLs may be called.
    pub outbound: Outbound,
    /// The settings.
    pub settings: ApiSettings,
    /// Renders the metrics as Prometheus text.
    pub metrics_text: Arc<dyn Fn() -> String + Send + Sync>,
}

/// The API's settings.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// The longest life of a delivery made by a resend or a test.
    pub lifetime: Duration,
    /// After how long such a delivery becomes due if nobody took it from the queue.
    pub grace: Duration,
    /// How long ago a worker may last have asked for work, and how long the oldest due delivery may have been due, before
    /// `/readyz` says that the queue is not consumed.
    pub ready_max: Duration,
    /// How long a request may take before it is answered by 503.
    pub request_time_limit: Duration,
    /// The longest time limit that an endpoint may ask for; a claim must hold longer than that.
    pub attempt_time_limit_max: Duration,
    /// How many bytes of an answer's body the engine keeps.
    pub response_body_max: usize,
    /// How long a merchant may take to answer a check, where its dialect does not say: 1 to 30 s.
    pub check_time_limit: Duration,
    /// How many merchants are asked at once.
    pub checks_in_flight_max: usize,
    /// How many checks of one endpoint are under way at once.
    pub checks_per_endpoint_max: usize,
    /// For how long the same check with the same key gets the same answer.
    pub check_key_kept_for: Duration,
    /// The most requests a second by one key; nothing for no limit.
    pub requests_per_key_max: Option<NonZeroU32>,
    /// The address under which people's browsers reach this Paybell, without a slash at its end.
    pub public_url: Arc<str>,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            lifetime: LIFETIME_MAX,
            grace: Duration::from_secs(10),
            ready_max: Duration::from_secs(60),
            request_time_limit: Duration::from_secs(10),
            attempt_time_limit_max: Duration::from_secs(60),
            response_body_max: 64 * 1024,
            check_time_limit: Duration::from_secs(10),
            checks_in_flight_max: 1_000,
            checks_per_endpoint_max: 50,
            check_key_kept_for: Duration::from_secs(600),
            requests_per_key_max: None,
            public_url: "http://127.0.0.1:8080".into(),
        }
    }
}

/// The longest body of a request that is no batch, in bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// The longest body of a batch, in bytes.
pub const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What every handler gets.
struct Served {
    state: ApiState,
    keys: KnownKeys,
    rate_limit: RateLimit,
    pusher: Pusher,
    check_pool: Arc<CheckPool>,
    flights: Flights,
    dialects: KnownDialects,
    /// The OpenAPI document as JSON.
    description: OnceLock<Bytes>,
}

type Api = Arc<Served>;

impl Served {
    /// The terms of a delivery made now.
    fn terms(&self) -> AcceptTerms {
        let ApiSettings { grace, lifetime, .. } = self.state.settings;
        AcceptTerms { now: self.state.clock.now(), grace, lifetime }
    }

    fn ledger(&self) -> &dyn Ledger {
        &*self.state.ledger
    }
}

/// The whole API. It must be called within a Tokio runtime, as it starts the task that feeds the queue; that ends
/// with the last clone of the router.
pub fn router(state: ApiState) -> Router {
    serve(state, openapi::routes)
}

/// What every process serves for those who watch it, without the API itself: `/healthz`, `/readyz`, `/metrics`. It must
/// be called within a Tokio runtime.
pub fn probes(state: ApiState) -> Router {
    serve(state, |_| {
        Router::new()
            .route("/healthz", get(health::healthz))
            .route("/readyz", get(health::readyz))
            .route("/metrics", get(health::metrics_text))
    })
}

/// The API for the pages of the same process: what a person does there goes the same way as what a program does.
#[derive(Clone)]
pub struct InProcess(Router);

impl InProcess {
    /// Of a [`router`].
    pub fn new(router: Router) -> Self {
        Self(router)
    }

    /// Answers a request of a person with the rights of an operator, whom the audit will name `name`.
    pub async fn call(&self, name: &str, mut request: Request) -> Response {
        request.extensions_mut().insert(LetIn(name.into()));
        self.0.clone().oneshot(request).await.into_response()
    }
}

fn serve(state: ApiState, routes: impl FnOnce(&Api) -> Router<Api>) -> Router {
    let pusher = Pusher::start(Arc::clone(&state.queue));
    let ApiSettings { checks_in_flight_max, checks_per_endpoint_max, requests_per_key_max, .. } = state.settings;
    let api = Arc::new(Served {
        state,
        keys: KnownKeys::default(),
        rate_limit: RateLimit::new(requests_per_key_max),
        pusher,
        check_pool: Arc::new(CheckPool::new(checks_in_flight_max, checks_per_endpoint_max)),
        flights: Flights::default(),
        dialects: KnownDialects::default(),
        description: OnceLock::new(),
    });
    routes(&api)
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .fallback(async || Problem::not_found("there is nothing at this path"))
        // In one layer: each is a box around every route.
        .layer(
            ServiceBuilder::new()
                .layer(observe::Observe(Arc::clone(&api)))
                .layer(CatchPanicLayer::custom(observe::answer_panic))
                .layer(DefaultBodyLimit::max(BODY_BYTES_MAX)),
        )
        .with_state(api)
}
