//! What a merchant's server answers, and what it was asked.

use bytes::Bytes;
use http::{HeaderMap, Method};
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

/// What the merchant does with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// It answers.
    Answer {
        /// The status.
        status: u16,
        /// Headers besides those of HTTP itself.
        headers: Vec<(String, String)>,
        /// The body.
        body: Bytes,
        /// How long it waits before it answers.
        delay: Duration,
    },
    /// It answers with this status and the request itself: its headers, line by line, and its body.
    Echo(u16),
    /// It reads the request and never answers; the connection stays open.
    Hang,
    /// It reads the request and resets the connection.
    Reset,
}

impl Reply {
    /// An answer without delay.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Reply {
        Reply::Answer { status, headers: Vec::new(), body: body.into(), delay: Duration::ZERO }
    }

    /// 200 with the body `ok`.
    pub fn ok() -> Reply {
        Self::new(200, "ok")
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Reply {
        if let Reply::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// The same answer after a time.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Reply {
        if let Reply::Answer { delay, .. } = &mut self {
            *delay = wait;
        }
        self
    }
}

/// What moves the script on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CountBy {
    /// Each message has its own place in the script: the same path with the same `webhook-id`, or with the same body
    /// where there is none.
    #[default]
    Message,
    /// All requests to one path share one place.
    Path,
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it was complete.
    pub at: SystemTime,
    /// The method.
    pub method: Method,
    /// The path with its query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub body: Bytes,
}

impl Request {
    /// A header's value; nothing when it is absent or no text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The scripts, how far each is, and what came in.
#[derive(Default)]
pub(crate) struct Book {
    script: Vec<Reply>,
    scripts: HashMap<String, Vec<Reply>>,
    pub(crate) count_by: CountBy,
    places: HashMap<Vec<u8>, usize>,
    pub(crate) requests: Vec<Request>,
}

impl Book {
    /// A book with nothing in it yet but the script of all paths.
    pub(crate) fn new(script: Vec<Reply>) -> Book {
        Book { script, ..Book::default() }
    }

    /// Records a request and answers what to do with it.
    pub(crate) fn take(&mut self, request: Request) -> Reply {
        let reply = self.next_reply(&request);
        self.requests.push(request);
        reply
    }

    /// Gives one path a script of its own, from its beginning.
    pub(crate) fn set_script(&mut self, path: &str, script: Vec<Reply>) {
        self.scripts.insert(path.to_owned(), script);
        let prefix = [path.as_bytes(), b"\n"].concat();
        self.places.retain(|key, _| !key.starts_with(&prefix));
    }

    fn next_reply(&mut self, request: &Request) -> Reply {
        let message = match self.count_by {
            CountBy::Path => b"",
            CountBy::Message => request.headers.get("webhook-id").map_or(&request.body[..], |id| id.as_bytes()),
        };
        let without_query = request.path.split('?').next().unwrap_or_default();
        let scripted = [request.path.as_str(), without_query].into_iter().find(|path| self.scripts.contains_key(*path));
        let key = [scripted.unwrap_or(&request.path).as_bytes(), b"\n", message].concat();
        let place = self.places.entry(key).or_default();
        let script = scripted.and_then(|path| self.scripts.get(path)).unwrap_or(&self.script);
        let reply = script.get(*place).or(script.last()).cloned().unwrap_or_else(Reply::ok);
        *place += 1;
        reply
    }
}
