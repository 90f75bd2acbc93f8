//! The only outgoing HTTP: one request to a merchant under a total time limit, with no redirects, no proxy, no decompression,
//! a capped answer, and an address guard.
//!
//! Cast:
//! - [`Outbound`]: the client. [`OutboundRequest`] goes out, an [`Answer`] or a [`Failure`] comes back.
//! - `guard`: which URLs may be called at all. `address`: which addresses are public. `resolve`: resolves each name itself,
//!   so that exactly the addresses that were checked are dialled; an HTTP client does not resolve IP literals, so the guard
//!   checks those before each request.
//! - `exchange`: sends, and reads the answer up to its cap. `failure`: what went wrong, in words.
//! - `tls`: the public roots, with no way to switch verification off.

mod address;
mod exchange;
mod failure;
mod guard;
mod resolve;
mod retry_after;
mod tls;
#[cfg(test)]
mod tls_tests;

pub use address::is_public;
pub use guard::UrlRefused;

use bytes::Bytes;
use guard::Guard;
use paybell_delivery::Outcome;
use paybell_dialects::Method;
use quick_cache::sync::Cache;
use resolve::{GuardedResolver, Lookup};
use rustls::RootCertStore;
use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// How requests go out.
#[derive(Clone, Debug)]
pub struct OutboundSettings {
    /// Whether non-public addresses (loopback, private, link-local …) may be called. For development, demo and tests.
    pub allow_non_public_addresses: bool,
    /// Whether `http:` URLs may be called.
    pub allow_plain_http: bool,
    /// The port on which this process listens: no endpoint may have it on this machine.
    pub own_port: Option<u16>,
    /// The most bytes kept of an answer's body.
    pub response_body_max: usize,
    /// The `User-Agent` header.
    pub user_agent: String,
}

/// A request to a merchant.
#[derive(Clone)]
pub struct OutboundRequest {
    /// The method.
    pub method: Method,
    /// The URL, sent as it was given; what is not ASCII in it, percent-encoded.
    pub url: String,
    /// What follows the URL's own query, percent-encoded, without `?` or `&` before it.
    pub query: Option<String>,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// The limit of the whole exchange: name, connection, request, headers and body.
    pub time_limit: Duration,
}

impl fmt::Debug for OutboundRequest {
    /// The URL's query, the headers and the body may hold what belongs in no log, so they are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = failure::target_of(&self.url);
        f.debug_struct("OutboundRequest").field("target", &target).field("time_limit", &self.time_limit).finish()
    }
}

/// A merchant's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header lines (`name: value\n` each), cut at 8 KiB.
    pub head: String,
    /// The body, cut at the cap.
    pub body: Bytes,
    /// Whether the body was longer than the cap.
    pub truncated: bool,
    /// `Retry-After`, in seconds or as a date; never more than a delivery may live.
    pub retry_after: Option<Duration>,
}

/// An exchange that gave no complete answer.
#[derive(Clone, Debug)]
pub struct Failure {
    /// `TimedOut`, `Interrupted`, `Unreachable` or `Blocked`.
    pub outcome: Outcome,
    /// Why, in words: `connection refused by 127.0.0.1:9`.
    pub detail: String,
    /// The status, where at least the headers came.
    pub status: Option<u16>,
}

/// The client; cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    client: reqwest::Client,
    guard: Guard,
    /// URLs that the guard has admitted: reading one takes longer than rendering what is sent to it.
    admitted: Arc<Cache<String, Url>>,
    response_body_max: usize,
}

/// Idle connections are closed before most receivers close theirs (5 s is common), since a request that goes out on a
/// connection that is just being closed is lost with an unknown outcome.
const IDLE_MAX: Duration = Duration::from_secs(4);

/// How many idle connections to one receiver are kept for the next requests.
const IDLE_PER_HOST_MAX: usize = 256;

/// How many admitted URLs are kept.
const ADMITTED_MAX: usize = 20_000;

/// How long a connection may take that goes on being made after its request gave up.
const CONNECT_MAX: Duration = Duration::from_secs(60);

/// How often an HTTP/2 connection in use is probed, and how long an answer may take until it is given up.
const PING: Duration = Duration::from_secs(10);

impl Outbound {
    /// Builds the client.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(settings: OutboundSettings) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Self::assemble(settings, resolve::system_lookup(), tls::public_roots())
    }

    fn assemble(
        settings: OutboundSettings,
        lookup: Lookup,
        roots: RootCertStore,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let allow_non_public = settings.allow_non_public_addresses;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(roots)?)
            .dns_resolver(GuardedResolver::new(lookup, allow_non_public))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .user_agent(settings.user_agent)
            .connect_timeout(CONNECT_MAX)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .pool_idle_timeout(IDLE_MAX)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PING)
            .build()?;
        let OutboundSettings { allow_plain_http, own_port, .. } = settings;
        let guard = Guard { allow_non_public, allow_plain_http, own_port };
        let admitted = Arc::new(Cache::new(ADMITTED_MAX));
        Ok(Self { client, guard, admitted, response_body_max: settings.response_body_max })
    }

    /// Checks a URL as far as it can be without resolving its name; what cannot be seen yet is refused at dial time.
    ///
    /// # Errors
    /// The rule that it breaks, in words.
    pub fn check_url(&self, url: &str) -> Result<(), UrlRefused> {
        self.guard.admit(url).map(|_| ())
    }

    fn admit(&self, url: &str) -> Result<Url, UrlRefused> {
        if let Some(admitted) = self.admitted.get(url) {
            return Ok(admitted);
        }
        let admitted = self.guard.admit(url)?;
        self.admitted.insert(url.to_owned(), admitted.clone());
        Ok(admitted)
    }

    /// Sends the request. Whatever the merchant answers, a redirect too, is an answer.
    ///
    /// # Errors
    /// A [`Failure`] when no complete answer came within the time limit.
    pub async fn send(&self, request: OutboundRequest) -> Result<Answer, Failure> {
        let mut url = self.admit(&request.url).map_err(Failure::blocked)?;
        exchange::append_query(&mut url, request.query.as_deref());
        let time_limit = request.time_limit;
        let progress = exchange::Progress::default();
        let built = exchange::build(request.method, url, request.headers, request.body, &progress)?;
        let sending = self.client.execute(built);
        // Pinned, as to move it would keep room for it twice in each attempt.
        let exchange = pin!(exchange::exchange(sending, self.response_body_max, &progress));
        match tokio::time::timeout(time_limit, exchange).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Failure::of(&error, &request.url, &progress)),
            Err(_) => Err(Failure::timed_out(time_limit, &progress)),
        }
    }
}
