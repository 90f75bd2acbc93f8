//! Pages as they change: `/live?path=…` renders the page anew every two seconds and sends it when it differs. The script
//! puts in place what is marked `data-live`.

use crate::failure::Failure;
use crate::form::Form;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE};
use axum::http::{HeaderMap, Request, StatusCode, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::StreamExt;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;
use tokio_stream::wrappers::IntervalStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How often a page is rendered anew.
const EVERY: Duration = Duration::from_secs(2);
/// How long one connection lasts; browsers come back by themselves.
const LIFETIME: Duration = Duration::from_secs(900);
/// The most pages that are live at once.
const LIVE_MAX: usize = 200;
/// The longest page that is sent, in bytes.
const PAGE_MAX: usize = 2 * 1024 * 1024;

#[derive(Clone)]
struct Live {
    pages: Router,
    places: Arc<Semaphore>,
    stop: CancellationToken,
}

/// The live side of these pages. `stop` ends all that is open.
pub(crate) fn router(pages: Router, stop: CancellationToken) -> Router {
    let live = Live { pages, places: Arc::new(Semaphore::new(LIVE_MAX)), stop };
    Router::new().route("/live", get(serve)).route("/portal/live", get(serve)).with_state(live)
}

async fn serve(State(live): State<Live>, headers: HeaderMap, uri: Uri) -> Response {
    let query = Form::parse(uri.query().unwrap_or_default().as_bytes());
    let Some(path) = query.get("path").filter(|path| may_be_live(path)).map(str::to_owned) else {
        return Failure::Malformed.into_response();
    };
    let Ok(place) = Arc::clone(&live.places).try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    // Who is not signed in takes no place from others.
    if !ask(live.pages.clone(), &headers, &path).await.is_some_and(|response| is_or_may_be_page(&response)) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    // The first time, what is sent is what the visitor has already, unless it changed meanwhile.
    let mut shown = None;
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ended = live.stop.clone().cancelled_owned();
    let pages = IntervalStream::new(ticks).then(move |_| {
        let (live, headers, path) = (live.clone(), headers.clone(), path.clone());
        async move { render(live.pages, &headers, &path).await }
    });
    let events = pages.filter_map(move |page| {
        let _held = &place;
        let event = page.and_then(|page| {
            let mut hasher = DefaultHasher::new();
            page.hash(&mut hasher);
            let hash = Some(hasher.finish());
            (std::mem::replace(&mut shown, hash) != hash).then(|| Event::default().data(as_json(&page)))
        });
        async move { event.map(Ok::<_, Infallible>) }
    });
    let lasting = events.take_until(Box::pin(async move {
        let _ = tokio::time::timeout(LIFETIME, ended).await;
    }));
    Sse::new(lasting).keep_alive(KeepAlive::default()).into_response()
}

/// A page of ours that is no live one itself, and not one for everybody.
fn may_be_live(path: &str) -> bool {
    let begins_with = |beginning: &&str| path.starts_with(beginning);
    path.starts_with('/') && !["//", "/live", "/portal/live", "/portal/enter", "/sign-in"].iter().any(begins_with)
}

/// A page that a fault keeps from being made may be there soon.
fn is_or_may_be_page(response: &Response) -> bool {
    let is_html = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    response.status().is_server_error() || (response.status().is_success() && is_html)
}

/// The page as the visitor would see it now; nothing where it is none, or the visitor is signed out.
async fn render(pages: Router, headers: &HeaderMap, path: &str) -> Option<String> {
    let response = ask(pages, headers, path).await.filter(|response| response.status() == StatusCode::OK)?;
    let body = to_bytes(response.into_body(), PAGE_MAX).await.ok()?;
    String::from_utf8(body.to_vec()).ok()
}

/// Asks for the page as the visitor's browser would.
async fn ask(pages: Router, headers: &HeaderMap, path: &str) -> Option<Response> {
    let mut request = Request::get(path).body(Body::empty()).ok()?;
    for name in [COOKIE, ACCEPT_LANGUAGE] {
        for value in headers.get_all(&name) {
            request.headers_mut().append(name.clone(), value.clone());
        }
    }
    pages.oneshot(request).await.ok()
}

/// In one line, as an event's data must be.
fn as_json(page: &str) -> String {
    serde_json::Value::from(page).to_string()
}
