//! Around every request: its metrics and its time limit, and an answer where a handler panics. Logs hold no bodies,
//! no keys and no ids of merchants.

use crate::Api;
use crate::problem::Problem;
use crate::put_question::TIME_LIMIT_MAX;
use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use http::Method;
use metrics::counter;
use std::any::Any;
use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tower::{Layer, Service};

/// Counts requests and ends those that take too long.
#[derive(Clone)]
pub(crate) struct Observe(pub(crate) Api);

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;
    fn layer(&self, inner: S) -> Observed<S> {
        Observed { api: Api::clone(&self.0), inner }
    }
}

/// A service whose requests are observed.
#[derive(Clone)]
pub(crate) struct Observed<S> {
    api: Api,
    inner: S,
}

impl<S> Service<Request> for Observed<S>
where
    S: Service<Request, Response: IntoResponse, Error = Infallible, Future: Send + 'static>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let method = method_label(request.method());
        let route = request.extensions().get::<MatchedPath>().cloned();
        let started = Instant::now();
        let limit = time_limit(&self.api, route.as_ref());
        let answering = tokio::time::timeout(limit, self.inner.call(request));
        Box::pin(async move {
            let response = match answering.await {
                Ok(answered) => answered?.into_response(),
                Err(_) => Problem::unavailable("the request took too long; it may have had its effect, repeat it")
                    .into_response(),
            };
            note(method, route.as_ref(), &response, started);
            Ok(response)
        })
    }
}

/// A check waits for the merchant, who may take longer than the rest of the API.
fn time_limit(api: &Api, route: Option<&MatchedPath>) -> Duration {
    let limit = api.state.settings.request_time_limit;
    match route.map(MatchedPath::as_str) {
        Some("/v1/checks") => limit + TIME_LIMIT_MAX,
        Some(_) | None => limit,
    }
}

fn note(method: &'static str, route: Option<&MatchedPath>, response: &Response, started: Instant) {
    let route = route.map_or("none", MatchedPath::as_str);
    let status = response.status();
    tracing::debug!(method, route, status = status.as_u16(), duration_us = started.elapsed().as_micros(), "request");
    let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.as_str().to_owned())];
    counter!("paybell_http_requests_total", &labels).increment(1);
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
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}
