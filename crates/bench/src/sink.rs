//! The merchants' receivers, all on one port. The path says how each one answers.

use crate::ledger::Ledger;
use crate::payment::number_in;
use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};

/// How a merchant answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Manner {
    /// 200 at once.
    AtOnce,
    /// 200 after so many milliseconds.
    After(u64),
    /// A question before a payment: yes, after so many milliseconds.
    Asked(u64),
    /// Never.
    Hangs,
    /// 503 at once while the door is shut, else 200 after so many milliseconds.
    Door(u64),
}

impl fmt::Display for Manner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Manner::AtOnce => f.write_str("now"),
            Manner::After(ms) => write!(f, "after-{ms}"),
            Manner::Asked(ms) => write!(f, "asked-{ms}"),
            Manner::Hangs => f.write_str("hang"),
            Manner::Door(ms) => write!(f, "door-{ms}"),
        }
    }
}

impl Manner {
    /// The path of an endpoint: the manner, whose it is, and which of the merchant's endpoints.
    pub(crate) fn path(self, merchant: &str, copy: u16) -> String {
        format!("/{self}/{merchant}/{copy}")
    }
}

/// The manner and the copy that a path says; what cannot be read answers at once.
fn read_path(path: &str) -> (Manner, u16) {
    let mut parts = path.trim_start_matches('/').split('/');
    let manner = parts.next().unwrap_or_default();
    let ms = |text: &str| text.parse().unwrap_or(0);
    let manner = match manner.split_once('-') {
        Some(("after", text)) => Manner::After(ms(text)),
        Some(("asked", text)) => Manner::Asked(ms(text)),
        Some(("door", text)) => Manner::Door(ms(text)),
        _ if manner == "hang" => Manner::Hangs,
        _ => Manner::AtOnce,
    };
    (manner, parts.next_back().and_then(|copy| copy.parse().ok()).unwrap_or(0))
}

/// A running sink.
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    ledger: Arc<Ledger>,
    door_is_open: AtomicBool,
    held: AtomicU64,
    held_max: AtomicU64,
}

impl Sink {
    /// Starts one on a free port.
    pub(crate) async fn start(ledger: Arc<Ledger>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let door_is_open = AtomicBool::new(false);
        let state =
            Arc::new(State { ledger, door_is_open, held: AtomicU64::default(), held_max: AtomicU64::default() });
        let serving = state.clone();
        tokio::spawn(async move {
            loop {
                // Without a free file descriptor, accepting fails; it is tried again.
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(serve(stream, serving.clone()))),
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        });
        Ok(Self { address, state })
    }

    /// Opens or shuts the door of the merchants that have one.
    pub(crate) fn set_door(&self, open: bool) {
        self.state.door_is_open.store(open, Relaxed);
    }

    /// The most requests that were held open at once since the last call; those that hang forever are not counted.
    pub(crate) fn take_held_max(&self) -> u64 {
        self.state.held_max.swap(self.state.held.load(Relaxed), Relaxed)
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    // A connection that ends is normal: the engine closes idle ones.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(|request: Request<Incoming>| {
        let state = state.clone();
        async move {
            let (manner, copy) = read_path(request.uri().path());
            let body = request.into_body().collect().await?.to_bytes();
            let begun = Instant::now();
            let status = state.answer(manner, copy, &body).await;
            let mut said = b"ok".as_slice();
            if let Manner::Asked(_) = manner {
                state.ledger.checks.note_handled(&body, begun.elapsed());
                said = br#"{"code":0}"#;
            }
            let mut response = Response::new(Full::new(Bytes::from_static(said)));
            *response.status_mut() = status;
            Ok::<_, hyper::Error>(response)
        }
    });
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

impl State {
    /// A payment has arrived as soon as it was read, however long the answer takes; not at a door that is shut.
    async fn answer(&self, manner: Manner, copy: u16, body: &[u8]) -> StatusCode {
        if matches!(manner, Manner::Door(_)) && !self.door_is_open.load(Relaxed) {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        if let Some(number) = number_in(body) {
            self.ledger.note_received(number, copy);
        }
        match manner {
            Manner::AtOnce => {}
            Manner::Hangs => std::future::pending().await,
            Manner::After(ms) | Manner::Door(ms) | Manner::Asked(ms) => {
                let _held = Held::new(self);
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
        }
        StatusCode::OK
    }
}

/// A request that is held open, until it is answered or its connection ends.
struct Held<'a>(&'a State);

impl<'a> Held<'a> {
    fn new(state: &'a State) -> Self {
        let now = state.held.fetch_add(1, Relaxed) + 1;
        state.held_max.fetch_max(now, Relaxed);
        Self(state)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_how_the_merchant_answers_and_which_endpoint_it_is() {
        for manner in [Manner::AtOnce, Manner::After(200), Manner::Asked(20), Manner::Hangs, Manner::Door(20)] {
            assert_eq!(read_path(&manner.path("healthy-3", 7)), (manner, 7));
        }
        assert_eq!(read_path("/"), (Manner::AtOnce, 0));
    }
}
