//! Around every request: its metrics and its time limit, and an answer where a handler panics. Logs hold no bodies,
//! no keys and no ids of merchants.

use crate::Api;
use crate::problem::Problem;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Method;
use metrics::counter;
use std::any::Any;
use std::time::Instant;

/// Counts requests and ends those that take too long.
pub(crate) async fn observe(State(api): State<Api>, request: Request, next: Next) -> Response {
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let started = Instant::now();
    let response = match tokio::time::timeout(api.state.settings.request_time_limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Problem::unavailable("the request took too long; it may have had its effect, repeat it").into_response()
        }
    };
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status();
    tracing::debug!(method, route, status = status.as_u16(), duration_us = started.elapsed().as_micros(), "request");
    let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.as_str().to_owned())];
    counter!("paybell_http_requests_total", &labels).increment(1);
    response
}

/// The answer where a handler panicked. Its text may quote what was sent, so it is left to the process's panic hook.
pub(crate) fn answer_panic(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a handler of the API panicked");
    Problem::internal().into_response()
}

/// A method as a label: methods are free text, and labels must be few.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}
