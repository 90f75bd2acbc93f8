//! What pages are drawn with: embedded in the binary, the same for everybody.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// An address that changes with the content, so that browsers may keep it.
const ASSETS: &[(&str, &str, &str)] = &[
    ("/assets/paybell.css", "text/css; charset=utf-8", include_str!("../assets/paybell.css")),
    ("/assets/live.js", "text/javascript; charset=utf-8", include_str!("../assets/live.js")),
    ("/assets/paybell.svg", "image/svg+xml", include_str!("../assets/paybell.svg")),
];

/// Serves all of them.
pub(crate) fn router() -> Router {
    ASSETS.iter().fold(Router::new(), |router, (path, kind, text)| {
        let tag = tag(text);
        router.route(path, get(async move |headers: HeaderMap| serve(&headers, kind, text, &tag)))
    })
}

fn serve(headers: &HeaderMap, kind: &'static str, text: &'static str, tag: &str) -> Response {
    let kept = [(CACHE_CONTROL, "public, max-age=60".to_owned()), (ETAG, tag.to_owned())];
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known == tag) {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    (kept, [(CONTENT_TYPE, kind)], text).into_response()
}

fn tag(text: &str) -> String {
    let mut tag = "\"".to_owned();
    for byte in Sha256::digest(text.as_bytes()).iter().take(8) {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}
