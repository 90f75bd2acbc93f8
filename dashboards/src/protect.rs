//! The headers that keep browsers strict (nothing from elsewhere, no inline script or style, no foreign frame, nothing
//! kept), and forms that are sent from elsewhere.

use crate::Pages;
use crate::failure::Failure;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::atomic::Ordering::Relaxed;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors ";

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The layer around every page.
pub(crate) async fn protect(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let in_portal = request.uri().path().starts_with("/portal");
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = if is_read || is_own_form(request.headers()) {
        let response = next.run(request).await;
        if !is_read {
            // Whoever did something sees it at once.
            pages.acts.fetch_add(1, Relaxed);
        }
        response
    } else {
        Failure::Foreign.into_response()
    };
    let framed_by = if in_portal { pages.dashboard.portal.frame_ancestors.join(" ") } else { String::new() };
    let headers = response.headers_mut();
    if framed_by.is_empty() {
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    let framed_by = if framed_by.is_empty() { "'none'" } else { &framed_by };
    let policy = HeaderValue::try_from(format!("{POLICY}{framed_by}"));
    // What cannot be written in a header must not open the frame to everybody.
    let policy = policy.unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Whether a form was sent from a page of ours. Browsers say where a request comes from (Fetch Metadata; older ones by
/// the origin), and a page elsewhere cannot make them say otherwise.
fn is_own_form(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(&SEC_FETCH_SITE) {
        return site == "same-origin";
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let origin_host = origin.and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    host.is_some() && host == origin_host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_from_elsewhere_are_told_by_what_browsers_say() {
        let said = |pairs: &[(&'static str, &'static str)]| {
            let pairs =
                pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            is_own_form(&HeaderMap::from_iter(pairs))
        };
        assert!(said(&[
            ("sec-fetch-site", "same-origin"),
            ("host", "behind-a-proxy"),
            ("origin", "https://pay.example")
        ]));
        assert!(!said(&[("sec-fetch-site", "cross-site"), ("host", "a"), ("origin", "https://a")]));
        assert!(!said(&[("sec-fetch-site", "same-site")]) && !said(&[("sec-fetch-site", "none")]));
        assert!(said(&[("host", "a:8080"), ("origin", "http://a:8080")]));
        assert!(!said(&[("host", "a"), ("origin", "null")]) && !said(&[("host", "a")]) && !said(&[]));
    }
}
