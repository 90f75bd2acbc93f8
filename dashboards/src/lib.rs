//! The pages: the operators' at `/`, the merchants' at `/portal`. Rendered on the server, everything escaped, usable
//! without a script; the one script there is keeps what is shown up to date.
//!
//! Cast:
//! - [`router`] makes all pages of a [`Dashboard`].
//! - Who looks: `sign_in` (a password or a key), `visit` (the session of a request), `throttle` (guessed passwords).
//! - What all pages share: `page` (their frame), `texts` (English and Russian), `say` (numbers, money, times in words),
//!   `failure` (what went wrong, as a page), `form`, `chart` (SVG), `fresh` (figures that many look at are read once).
//! - `portal`: the merchants' pages.
//! - What people do goes the way of the API: `act`.
//! - `live`: pages as they change, by server-sent events. `protect`: the headers that keep browsers strict.

mod act;
mod assets;
mod bulk;
mod chart;
mod csv;
mod deliveries;
mod describe_payment;
mod endpoints;
mod failure;
mod form;
mod fresh;
mod live;
mod manage;
mod overview;
mod page;
pub mod password;
mod percentile;
mod portal;
mod protect;
mod retries;
mod say;
mod sign_in;
mod texts;
mod throttle;
mod timeline;
mod undelivered;
mod visit;

use axum::Router;
use axum::body::Body;
use axum::http::header::ACCEPT;
use axum::http::{HeaderValue, Method, Request, Response};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use futures_util::future::BoxFuture;
use paybell_delivery::Timestamp;
use paybell_store::manage::{DeliveryFilter, KeyRecord, KeyRole, Sum};
use paybell_store::{Clock, Ledger};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

/// Answers a request of the API as a person whose name the audit takes.
pub type Act = Arc<dyn Fn(String, Request<Body>) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// What the pages work with.
#[derive(Clone)]
pub struct Dashboard {
    /// The database.
    pub ledger: Arc<dyn Ledger>,
    /// The database's time.
    pub clock: Arc<Clock>,
    /// How Paybell runs, for people: `embedded, SQLite 3.50`.
    pub mode: String,
    /// The API, through which people act.
    pub act: Act,
    /// The id within a key; nothing where it has not the form of a key.
    pub key_id: fn(&str) -> Option<Uuid>,
    /// Whether a key is the record's, compared in constant time.
    pub is_key_of: fn(&str, &KeyRecord) -> bool,
    /// Makes a key: what its holder keeps, and what is stored.
    pub new_key: fn(KeyRole, &str, Timestamp) -> (String, KeyRecord),
    /// Whether browsers reach the pages by HTTPS, so that cookies are for HTTPS alone.
    pub https: bool,
    /// The portal's look and where it may be framed.
    pub portal: PortalSettings,
    /// Ends what lasts: the live pages.
    pub stop: CancellationToken,
}

/// How the portal looks, and who may show it in a frame.
#[derive(Clone, Debug, Default)]
pub struct PortalSettings {
    /// The gateway's name; Paybell's where nothing is said.
    pub name: Option<String>,
    /// The gateway's logo: its media type and bytes.
    pub logo: Option<(String, Vec<u8>)>,
    /// The colour of links and buttons, as `#rrggbb`.
    pub colour: Option<String>,
    /// The origins that may show the portal in a frame, such as `https://cabinet.example`.
    pub frame_ancestors: Vec<String>,
}

/// What every page gets.
struct Served {
    dashboard: Dashboard,
    /// How often a person sent a form that may have changed something.
    acts: AtomicU64,
    shown: page::KeptPages,
    overview: fresh::Fresh<overview::Seen>,
    retry_figures: retries::KeptFigures,
    waiting: retries::KeptLists,
    undelivered: undelivered::KeptLists,
    sums: fresh::Kept<DeliveryFilter, Sum>,
    throttle: throttle::Throttle,
    days: portal::adding_up::Days,
}

type Pages = Arc<Served>;

impl Served {
    fn ledger(&self) -> &dyn Ledger {
        &*self.dashboard.ledger
    }

    fn acts(&self) -> u64 {
        self.acts.load(Ordering::Relaxed)
    }

    /// How many deliveries there are, with their money.
    async fn sum_up(&self, filter: &DeliveryFilter) -> Result<Arc<Sum>, failure::Failure> {
        let read = async { Ok(self.ledger().sum_up(filter).await?) };
        self.sums.get(filter.clone(), self.acts(), Duration::ZERO, read).await
    }
}

/// The pages, at `/` and `/portal`, beside the API. A path that neither has is answered with a page for who asks for one,
/// and else by the API.
pub fn router(dashboard: Dashboard, api: Router) -> Router {
    let stop = dashboard.stop.clone();
    let pages: Pages = Arc::new(Served {
        dashboard,
        acts: AtomicU64::new(0),
        shown: fresh::Kept::default(),
        overview: fresh::Fresh::default(),
        retry_figures: retries::KeptFigures::default(),
        waiting: fresh::Kept::default(),
        undelivered: fresh::Kept::default(),
        sums: fresh::Kept::default(),
        throttle: throttle::Throttle::default(),
        days: portal::adding_up::Days::default(),
    });
    let all = Router::new()
        .route("/", get(overview::overview))
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/language", get(page::choose_language))
        .merge(portal::routes())
        .merge(deliveries::routes())
        .merge(endpoints::routes())
        .merge(undelivered::routes())
        .merge(manage::routes())
        .merge(bulk::routes())
        .route("/retries", get(retries::retries))
        .with_state(Arc::clone(&pages));
    let live = live::router(all.clone(), stop);
    let served = |router: Router| {
        router
            .layer(from_fn_with_state(Arc::clone(&pages), protect::protect))
            .layer(from_fn_with_state(Arc::clone(&pages), failure::render))
    };
    let nothing = served(Router::new().fallback(async || failure::Failure::NotFound));
    let elsewhere = api.clone();
    served(all.merge(live).merge(assets::router())).merge(api).fallback(async move |request: Request<Body>| {
        let router = if asks_for_page(&request) { nothing } else { elsewhere };
        router.oneshot(request).await
    })
}

/// Whether a browser goes there.
fn asks_for_page(request: &Request<Body>) -> bool {
    let takes_pages = |value: &HeaderValue| value.as_bytes().windows(9).any(|part| part == b"text/html");
    request.method() == Method::GET
        && !request.uri().path().starts_with("/v1/")
        && request.headers().get(ACCEPT).is_some_and(takes_pages)
}
