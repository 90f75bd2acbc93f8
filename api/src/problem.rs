//! What a caller is told when an act did not happen: RFC 9457, `application/problem+json`. It never holds a value that
//! was sent, only the names of fields and the rules they broke.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use paybell_store::StoreError;
use serde::Serialize;
use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;
use utoipa::ToSchema;

/// The rule that one endpoint of a merchant is asked before a payment.
pub(crate) const ASKED_ALREADY: &str = "another endpoint of the merchant has one already; take it away there first";

/// What a handler returns.
pub(crate) type Answer<T> = Result<T, Problem>;

/// Why an act did not happen.
#[derive(Debug)]
pub(crate) struct Problem(Box<ProblemBody>);

/// A problem as it is sent (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Which kind of problem: `urn:paybell:problem:` and a word.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened this time.
    detail: Cow<'static, str>,
    /// The fields at fault, each with the rule that it broke.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// The fields that differ from those of the payment accepted, or the check asked, before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<&'static str>,
    /// The id of the payment accepted before.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<String>,
    /// The id of the check asked before.
    #[serde(skip_serializing_if = "Option::is_none")]
    check_id: Option<String>,
}

/// A field and the rule that it broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// The field's name.
    pub(crate) field: Cow<'static, str>,
    /// The rule, in words.
    pub(crate) rule: Cow<'static, str>,
}

impl FieldError {
    pub(crate) fn new(field: &'static str, rule: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), rule: rule.into() }
    }
}

impl Problem {
    fn new(status: StatusCode, word: &str, title: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(ProblemBody {
            kind: format!("urn:paybell:problem:{word}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            fields: Vec::new(),
            payment_id: None,
            check_id: None,
        }))
    }

    /// 400: what was sent cannot be read at all.
    pub(crate) fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "The request cannot be read", detail)
    }

    /// 401: no key, or none that is valid.
    pub(crate) fn unauthorized() -> Self {
        let detail = "send a valid key that is not revoked: Authorization: Bearer pb_…";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "A valid key is needed", detail)
    }

    /// 403: the key's role does not allow this.
    pub(crate) fn forbidden(detail: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "The key may not do this", detail)
    }

    /// 404: there is no such thing.
    pub(crate) fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail)
    }

    /// 405: the path exists, the method does not.
    pub(crate) fn method_not_allowed() -> Self {
        let detail = "the header Allow names the methods of this path";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The path has no such method", detail)
    }

    /// 409: the act does not fit what is there.
    pub(crate) fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "It does not fit what is there", detail)
    }

    /// 409: a payment with the same merchant and id, but other content, was accepted before.
    pub(crate) fn differs(payment_id: String, fields: Vec<&'static str>) -> Self {
        let detail = "a payment with this merchant and id was accepted before with other content";
        let mut problem = Self::new(StatusCode::CONFLICT, "payment-differs", "The payment differs", detail);
        problem.0.payment_id = Some(payment_id);
        problem.0.fields = fields;
        problem
    }

    /// 409: a check with the same merchant and key, but other content, was asked before.
    pub(crate) fn check_differs(check_id: String, fields: Vec<&'static str>) -> Self {
        let detail = "a check with this merchant and key was asked before with other content";
        let mut problem = Self::new(StatusCode::CONFLICT, "check-differs", "The check differs", detail);
        problem.0.check_id = Some(check_id);
        problem.0.fields = fields;
        problem
    }

    /// 413: the body is too long.
    pub(crate) fn too_large(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too long", detail)
    }

    /// 415: another media type or encoding than is read here.
    pub(crate) fn unsupported(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body's form is not read", detail)
    }

    /// 422: fields break rules.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let mut problem = Self::new(status, "invalid", "A rule is broken", "see errors for each field and its rule");
        problem.0.errors = errors;
        problem
    }

    /// 422: one field breaks a rule.
    pub(crate) fn field(field: &'static str, rule: impl Into<Cow<'static, str>>) -> Self {
        Self::invalid(vec![FieldError::new(field, rule)])
    }

    /// 429: too many requests by one key.
    pub(crate) fn too_many() -> Self {
        let detail = "this key has sent more requests within a second than requests_per_key_max allows; nothing was done, repeat it";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many requests", detail)
    }

    /// 500: a fault of Paybell's; what it was stands in the log only.
    pub(crate) fn internal() -> Self {
        let detail = "the cause is in the log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong inside", detail)
    }

    /// 503: it may succeed when it is repeated.
    pub(crate) fn unavailable(detail: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available now, repeat it", detail)
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What is sent.
    pub(crate) fn body(&self) -> &ProblemBody {
        &self.0
    }
}

impl From<&StoreError> for Problem {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Problem::not_found(error.to_string()),
            StoreError::AskedAlready { .. } => Problem::field("check_url", ASKED_ALREADY),
            StoreError::Exists { .. } | StoreError::Refused(_) => Problem::conflict(error.to_string()),
            StoreError::Unavailable { .. } | StoreError::Stopping => {
                tracing::warn!(error = %chain(error), "the database is unavailable to the API");
                Problem::unavailable("the database does not answer; nothing is lost by repeating the request")
            }
            StoreError::Database { .. } | StoreError::Unreadable(_) | StoreError::Migrate(_) => {
                tracing::error!(error = %chain(error), "an act of the API failed");
                Problem::internal()
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

impl From<Arc<StoreError>> for Problem {
    fn from(error: Arc<StoreError>) -> Self {
        Self::from(&*error)
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        // A body of strings and integers always serialises.
        let body = serde_json::to_vec(self.body()).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"paybell\""));
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_ledger_says_becomes_a_status() {
        let rows = [
            (StoreError::NotFound { what: "endpoint", id: "7".to_owned() }, 404),
            (StoreError::AskedAlready { merchant: "shop".to_owned() }, 422),
            (StoreError::Exists { what: "merchant", id: "shop".to_owned() }, 409),
            (StoreError::Refused("it is settled".to_owned()), 409),
            (StoreError::Stopping, 503),
            (StoreError::Unreadable("internals".to_owned()), 500),
        ];
        for (error, status) in rows {
            let problem = Problem::from(&error);
            assert_eq!(problem.status().as_u16(), status, "{error}");
            assert!(!problem.body().detail.contains("internals"));
            let retry = problem.into_response().headers().contains_key(RETRY_AFTER);
            assert_eq!(retry, status == 503, "{error}");
        }
    }
}
