//! One request and its answer.

use crate::retry_after;
use crate::{Answer, Failure};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Frame, SizeHint};
use paybell_delivery::Outcome;
use paybell_dialects::Method;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::task::{Context, Poll};
use std::time::SystemTime;
use url::Url;

/// The most that is kept of an answer's header lines, in bytes.
const HEAD_MAX: usize = 8 * 1024;

/// How far an exchange came, seen from outside when it fails or is given up.
#[derive(Default)]
pub(crate) struct Progress {
    sent: Arc<AtomicBool>,
    status: AtomicU16,
}

impl Progress {
    /// Whether there was a connection and any part of the request may have gone out.
    pub(crate) fn sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }

    /// The status, once the answer's headers have come.
    pub(crate) fn status(&self) -> Option<u16> {
        Some(self.status.load(Ordering::Relaxed)).filter(|status| *status != 0)
    }
}

/// Puts a query after the URL's own, whose bytes stay as they are.
pub(crate) fn append_query(url: &mut Url, query: Option<&str>) {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return };
    let whole = match url.query() {
        None | Some("") => query.to_owned(),
        Some(own) if own.ends_with('&') => format!("{own}{query}"),
        Some(own) => format!("{own}&{query}"),
    };
    url.set_query(Some(&whole));
}

/// The request as the client takes it.
pub(crate) fn build(
    method: Method,
    url: Url,
    headers: Vec<(String, String)>,
    body: Bytes,
    progress: &Progress,
) -> Result<reqwest::Request, Failure> {
    let mut request = reqwest::Request::new(wire_method(method), url);
    let built = request.headers_mut();
    built.reserve(headers.len());
    for (name, value) in headers {
        let unsendable = || Failure {
            outcome: Outcome::Unreachable,
            detail: format!(
                "nothing was sent, as the header {name:?} or its value has a character that is not allowed"
            ),
            status: None,
        };
        let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable())?;
        built.append(known, HeaderValue::try_from(value).map_err(|_| unsendable())?);
    }
    let none = method == Method::Get && body.is_empty();
    let body = TellingBody { rest: Some(body).filter(|_| !none), sent: progress.sent.clone() };
    *request.body_mut() = Some(reqwest::Body::wrap(body));
    Ok(request)
}

fn wire_method(method: Method) -> http::Method {
    match method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
    }
}

/// Waits for the answer to a request that is being sent, and reads it, of the body at most `body_max` bytes.
pub(crate) async fn exchange(
    sending: impl Future<Output = reqwest::Result<reqwest::Response>>,
    body_max: usize,
    progress: &Progress,
) -> Result<Answer, reqwest::Error> {
    let mut response = sending.await?;
    let status = response.status().as_u16();
    progress.status.store(status, Ordering::Relaxed);
    let head = head_of(response.headers());
    let retry_after = response.headers().get(http::header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|v| retry_after::delay(v.to_str().ok()?, SystemTime::now()));
    let (body, truncated) = read_body(&mut response, body_max).await?;
    Ok(Answer { status, head, body, truncated, retry_after })
}

/// The body, and whether it was cut. Dropping a response that is not at its end closes the connection (HTTP/1.1) or
/// resets the stream (HTTP/2), so no more is received.
async fn read_body(response: &mut reqwest::Response, body_max: usize) -> Result<(Bytes, bool), reqwest::Error> {
    let announced = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut body = BytesMut::with_capacity(announced.min(body_max));
    while let Some(chunk) = response.chunk().await? {
        let room = body_max - body.len();
        if chunk.len() > room {
            body.extend_from_slice(&chunk[..room]);
            return Ok((body.freeze(), true));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body.freeze(), false))
}

fn head_of(headers: &HeaderMap) -> String {
    let mut head = String::with_capacity(256);
    for (name, value) in headers {
        head.push_str(name.as_str());
        head.push_str(": ");
        head.push_str(&String::from_utf8_lossy(value.as_bytes()));
        head.push('\n');
        if head.len() > HEAD_MAX {
            head.truncate(head.floor_char_boundary(HEAD_MAX));
            break;
        }
    }
    head
}

/// A body in one piece that notes when it is taken. The client takes it once there is a connection and the request's
/// head has been written for it; until then, nothing of the request can have reached the merchant. One without a byte is
/// never taken, but asked, at the same moment, whether it is at its end.
struct TellingBody {
    rest: Option<Bytes>,
    sent: Arc<AtomicBool>,
}

impl http_body::Body for TellingBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.sent.store(true, Ordering::Relaxed);
        Poll::Ready(self.rest.take().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        if self.rest.as_ref().is_none_or(Bytes::is_empty) {
            self.sent.store(true, Ordering::Relaxed);
        }
        self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.as_ref().map_or(0, |piece| piece.len() as u64))
    }
}
