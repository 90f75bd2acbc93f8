//! The HTTP API as a gateway calls it.

use crate::wait::eventually;
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::time::Duration;

/// What the API answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body: JSON, or a string of what is none, or null when there is none.
    pub body: Value,
    /// The headers.
    pub headers: HeaderMap,
}

impl Answer {
    /// The body of an answer with this status.
    ///
    /// # Errors
    /// When the status is another; with the body.
    pub fn expect_status(self, status: u16) -> Result<Value> {
        ensure!(self.status == status, "{} in place of {status}: {}", self.status, self.body);
        Ok(self.body)
    }

    /// The body of an answer that is any success.
    ///
    /// # Errors
    /// When it is none; with the body.
    pub fn expect_success(self) -> Result<Value> {
        ensure!((200..300).contains(&self.status), "{}: {}", self.status, self.body);
        Ok(self.body)
    }
}

/// A payment that was accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// Paybell's id of the payment.
    pub payment_id: String,
    /// The ids of its deliveries.
    pub deliveries: Vec<String>,
}

/// A client of the HTTP API with one bearer token.
#[derive(Clone)]
pub struct Api {
    base: String,
    token: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Api {
    /// A client of the API at `base`, such as `http://127.0.0.1:8080`.
    pub fn new(base: impl Into<String>, token: impl Into<String>) -> Api {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Api { base: base.into(), token: token.into(), client }
    }

    /// The URL that paths are appended to.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The same API with another token; without `Authorization` when it is empty.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Api {
        Api { token: token.to_owned(), ..self.clone() }
    }

    /// GET.
    ///
    /// # Errors
    /// When no answer came; a status of refusal is no error.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, "application/json", Bytes::new()).await
    }

    /// POST with a JSON body.
    ///
    /// # Errors
    /// As for [`Api::get`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(Method::POST, path, "application/json", body.to_string()).await
    }

    /// PATCH with a JSON body.
    ///
    /// # Errors
    /// As for [`Api::get`].
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(Method::PATCH, path, "application/json", body.to_string()).await
    }

    /// DELETE.
    ///
    /// # Errors
    /// As for [`Api::get`].
    pub async fn delete(&self, path: &str) -> Result<Answer> {
        self.send(Method::DELETE, path, "application/json", Bytes::new()).await
    }

    /// Any method with any body.
    ///
    /// # Errors
    /// As for [`Api::get`].
    pub async fn send(&self, method: Method, path: &str, kind: &str, body: impl Into<Bytes>) -> Result<Answer> {
        let what = format!("{method} {path}");
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        let body = body.into();
        if !body.is_empty() {
            request = request.header("content-type", kind);
        }
        let exchange = async {
            let response = self.client.request(request.body(Full::new(body))?).await?;
            let (head, body) = response.into_parts();
            anyhow::Ok((head, body.collect().await?.to_bytes()))
        };
        let exchange = tokio::time::timeout(Duration::from_secs(30), exchange).await;
        let (head, body) = exchange.with_context(|| format!("{what}: no answer"))?.with_context(|| what.clone())?;
        Ok(Answer { status: head.status.as_u16(), body: to_value(&body), headers: head.headers })
    }

    /// Makes a merchant.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn create_merchant(&self, id: &str) -> Result<()> {
        let body = json!({ "id": id, "name": format!("Merchant {id}") });
        self.post("/v1/merchants", &body).await?.expect_success().map(drop)
    }

    /// Makes an endpoint; `extra` adds to or replaces the fields. Answers its id and its secret.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn create_endpoint(
        &self,
        merchant: &str,
        url: &str,
        dialect: &str,
        extra: Value,
    ) -> Result<(String, String)> {
        let body = merged(json!({ "merchant": merchant, "url": url, "dialect": dialect }), extra)?;
        let answer = self.post("/v1/endpoints", &body).await?.expect_success()?;
        Ok((text(&answer, "id")?, text(&answer, "secret")?))
    }

    /// The body of a payment of 10.00 EUR by the gateway's id; `extra` adds to or replaces the fields. The same
    /// arguments give the same payment.
    ///
    /// # Errors
    /// When `extra` is no object.
    pub fn payment(merchant: &str, id: &str, extra: Value) -> Result<Value> {
        let payment = json!({
            "merchant": merchant,
            "id": id,
            "pay_for": format!("order-{id}"),
            "amount": 1000,
            "currency": "EUR",
            "confirmed_at": "2025-01-15T10:00:00Z",
        });
        merged(payment, extra)
    }

    /// Sends [`Api::payment`].
    ///
    /// # Errors
    /// When the API does not accept it.
    pub async fn pay(&self, merchant: &str, id: &str, extra: Value) -> Result<Accepted> {
        let body = Self::payment(merchant, id, extra)?;
        let answer = self.post("/v1/payments", &body).await?.expect_success()?;
        let deliveries = answer["deliveries"].as_array().with_context(|| format!("no deliveries: {answer}"))?;
        let deliveries = deliveries.iter().map(|delivery| text(delivery, "id")).collect::<Result<_>>()?;
        Ok(Accepted { payment_id: text(&answer, "payment_id")?, deliveries })
    }

    /// A delivery with its attempts.
    ///
    /// # Errors
    /// When there is none.
    pub async fn delivery(&self, id: &str) -> Result<Value> {
        self.get(&format!("/v1/deliveries/{id}")).await?.expect_status(200)
    }

    /// Waits until a delivery has this state. Answers it with its attempts.
    ///
    /// # Errors
    /// When it does not reach it in time; with what it was last.
    pub async fn wait_delivery_state(&self, id: &str, state: &str, timeout: Duration) -> Result<Value> {
        let what = format!("delivery {id} is {state}");
        let waited = eventually(&what, timeout, async || {
            let delivery = self.delivery(id).await?;
            Ok((delivery["state"] == state).then_some(delivery))
        });
        match waited.await {
            Ok(delivery) => Ok(delivery),
            Err(error) => bail!("{error:#}; it is {:#}", self.delivery(id).await?),
        }
    }
}

fn to_value(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

fn text(object: &Value, field: &str) -> Result<String> {
    let value = object[field].as_str().with_context(|| format!("no {field}: {object}"))?;
    Ok(value.to_owned())
}

fn merged(mut object: Value, extra: Value) -> Result<Value> {
    match (&mut object, extra) {
        (_, Value::Null) => {}
        (Value::Object(fields), Value::Object(more)) => fields.extend(more),
        (_, other) => bail!("fields must be an object, not {other}"),
    }
    Ok(object)
}
