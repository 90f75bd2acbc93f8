//! What people do goes through the API's own routes, in process: one home for every rule, and the same audit.

use crate::Served;
use crate::failure::Failure;
use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request, StatusCode};
use serde::Deserialize;
use serde_json::Value;

/// The longest answer that is read, in bytes.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// Why the API refused: the words of its problem (RFC 9457), and the rules that fields broke.
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    #[serde(default)]
    pub(crate) detail: String,
    #[serde(default)]
    pub(crate) errors: Vec<BrokenRule>,
}

/// A rule that a field broke.
#[derive(Debug, Deserialize)]
pub(crate) struct BrokenRule {
    pub(crate) field: String,
    pub(crate) rule: String,
}

impl Refusal {
    /// It in one line for people.
    pub(crate) fn in_words(&self) -> String {
        if self.errors.is_empty() {
            return self.detail.clone();
        }
        let rules = self.errors.iter().map(|broken| format!("{} {}", broken.field, broken.rule));
        rules.collect::<Vec<_>>().join("; ")
    }
}

/// What came of an act.
pub(crate) type Acted = Result<Result<Value, Refusal>, Failure>;

impl Served {
    /// Does something as `name`: a request of the API with a JSON body, if any. A refusal (4xx) is for the page to show.
    pub(crate) async fn act(&self, name: &str, method: Method, path: &str, body: Option<&Value>) -> Acted {
        let mut request = Request::builder().method(method).uri(path);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |json| Body::from(json.to_string()));
        let request = request.body(body).map_err(|error| Failure::internal(&error))?;
        let (head, body) = (self.dashboard.act)(name.to_owned(), request).await.into_parts();
        let body = to_bytes(body, ANSWER_MAX).await.map_err(|error| Failure::internal(&error))?;
        let read = |bytes: &[u8]| if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(bytes) };
        match head.status {
            status if status.is_success() => read(&body).map(Ok).map_err(|error| Failure::internal(&error)),
            StatusCode::NOT_FOUND => Err(Failure::NotFound),
            StatusCode::FORBIDDEN => Err(Failure::Forbidden),
            status if status.is_client_error() => {
                serde_json::from_slice(&body).map(Err).map_err(|error| Failure::internal(&error))
            }
            StatusCode::SERVICE_UNAVAILABLE => Err(Failure::Unavailable),
            _ => Err(Failure::Internal),
        }
    }

    /// [`Served::act`] by POST.
    pub(crate) async fn post(&self, name: &str, path: &str, body: &Value) -> Acted {
        self.act(name, Method::POST, path, Some(body)).await
    }
}
