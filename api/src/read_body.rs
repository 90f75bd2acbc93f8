//! Reads a request's body: of the right media type, not compressed, not too long.

use crate::BODY_BYTES_MAX;
use crate::problem::{Answer, Problem};
use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Request};
use axum::extract::{FromRequestParts, OptionalFromRequest};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use std::str::FromStr;

/// A JSON body as it was sent.
pub(crate) struct JsonBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Answer<Self> {
        check_media_type(request.headers(), is_json, "application/json")?;
        read(request, state, "a body may have 64 KiB").await.map(JsonBody)
    }
}

impl<S: Send + Sync> OptionalFromRequest<S> for JsonBody {
    type Rejection = Problem;
    /// A request without a media type is read as one without a body.
    async fn from_request(request: Request, state: &S) -> Answer<Option<Self>> {
        if !request.headers().contains_key(CONTENT_TYPE) {
            let body = read(request, state, "a body may have 64 KiB").await?;
            return if body.is_empty() { Ok(None) } else { Err(Problem::unsupported("Content-Type is missing")) };
        }
        <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
    }
}

/// A body of JSON lines as it was sent.
pub(crate) struct LinesBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for LinesBody {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Answer<Self> {
        check_media_type(request.headers(), is_lines, "application/x-ndjson")?;
        read(request, state, "a batch may have 8 MiB").await.map(LinesBody)
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S, limit: &'static str) -> Answer<Bytes> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::too_large(limit)
        } else {
            Problem::malformed("the body ended before it was complete")
        }
    })
}

fn check_media_type(headers: &HeaderMap, fits: fn(&str) -> bool, wanted: &str) -> Answer<()> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase());
    if text(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Problem::unsupported("Content-Encoding must be identity: compressed bodies are not read"));
    }
    let media_type = text(CONTENT_TYPE).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim_end();
    if fits(essence) { Ok(()) } else { Err(Problem::unsupported(format!("Content-Type must be {wanted}"))) }
}

fn is_json(essence: &str) -> bool {
    essence == "application/json"
}

fn is_lines(essence: &str) -> bool {
    matches!(essence, "application/x-ndjson" | "application/ndjson" | "application/jsonl")
}

/// An id in a path. What cannot be one is not found.
pub(crate) struct PathId<T>(pub(crate) T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let id = match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(text)) => text.parse().ok(),
            Err(_) => None,
        };
        id.map(PathId).ok_or_else(|| Problem::not_found("there is nothing with this id: it has not the form of an id"))
    }
}

const _: () = assert!(BODY_BYTES_MAX == 64 * 1024, "the words of the limits above say so");
