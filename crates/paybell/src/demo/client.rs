//! The gateway's side of the API: a small HTTP client.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Calls the API with a key.
pub(crate) struct Client {
    base: String,
    key: String,
    http: HttpClient<HttpConnector, Full<Bytes>>,
}

/// What the API answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Bytes,
}

impl Answer {
    /// Whether the status is 2xx.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body of a success.
    ///
    /// # Errors
    /// When it is none; with what was tried and the body.
    pub(crate) fn expect_success(self, what: &str) -> Result<Bytes> {
        if !self.is_success() {
            bail!("{what}: the API answered {}: {}", self.status, String::from_utf8_lossy(&self.body));
        }
        Ok(self.body)
    }
}

impl Client {
    /// A client of the API at this address.
    pub(crate) fn new(address: SocketAddr, key: String) -> Self {
        let http = HttpClient::builder(TokioExecutor::new()).build_http();
        Self { base: format!("http://{address}"), key, http }
    }

    /// Where the API is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// GET.
    ///
    /// # Errors
    /// When no answer comes in time.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// POST with a JSON body.
    ///
    /// # Errors
    /// When no answer comes in time.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.call(Method::POST, path, body.to_string().into()).await
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Answer> {
        let what = format!("{method} {path}");
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        request = request.header("authorization", format!("Bearer {}", self.key));
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(Full::new(body))?;
        let exchange = async {
            let response = self.http.request(request).await?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await?.to_bytes();
            anyhow::Ok(Answer { status, body })
        };
        tokio::time::timeout(TIME_LIMIT, exchange).await.with_context(|| format!("{what}: no answer"))?.context(what)
    }
}
