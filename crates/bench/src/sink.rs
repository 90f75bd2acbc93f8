//! The merchants' receiver: answers every notification with 200 at once, and notes when each payment arrived first.

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// How the numbers of a run's payments are marked, so that the sink finds them without parsing.
pub(crate) const ID_PREFIX: &str = "bench-";

/// What arrived, and when.
pub(crate) struct Ledger {
    started: Instant,
    /// For each payment: when it was sent, and when it arrived first, in µs since the start; 0 for not yet.
    times: Mutex<Vec<(u64, u64)>>,
    /// Payments that arrived.
    pub(crate) received: AtomicU64,
    /// Notifications of payments that had arrived before.
    pub(crate) repeated: AtomicU64,
    /// One permit for each payment that may be under way.
    pub(crate) under_way: Semaphore,
}

impl Ledger {
    /// At most `under_way_max` payments may be sent and not yet received.
    pub(crate) fn new(under_way_max: usize) -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            times: Mutex::default(),
            received: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            under_way: Semaphore::new(under_way_max),
        })
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }

    /// Notes that another payment is being sent; answers its number.
    pub(crate) fn note_sent(&self) -> usize {
        let now = self.now_us();
        let mut times = self.times.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        times.push((now, 0));
        times.len() - 1
    }

    fn note_received(&self, number: usize) {
        let now = self.now_us();
        let mut times = self.times.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match times.get_mut(number) {
            Some((_, received)) if *received == 0 => {
                *received = now;
                self.received.fetch_add(1, Ordering::Relaxed);
                self.under_way.add_permits(1);
            }
            _ => {
                self.repeated.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How many payments were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.times.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len() as u64
    }

    /// The times from sending to arrival of those sent from number `first` on, in µs, sorted.
    pub(crate) fn latencies_us(&self, first: u64) -> Vec<u64> {
        let times = self.times.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let skip = usize::try_from(first).unwrap_or(usize::MAX);
        let mut latencies: Vec<u64> = times
            .iter()
            .skip(skip)
            .filter(|(_, received)| *received > 0)
            .map(|(sent, received)| received.saturating_sub(*sent))
            .collect();
        latencies.sort_unstable();
        latencies
    }
}

/// Starts the sink on a free port.
pub(crate) async fn start(ledger: Arc<Ledger>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, ledger.clone()));
        }
    });
    Ok(address)
}

async fn serve(stream: TcpStream, ledger: Arc<Ledger>) {
    // A connection that ends is normal: the engine closes idle ones.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(|request: Request<Incoming>| {
        let ledger = ledger.clone();
        async move {
            let body = request.into_body().collect().await?.to_bytes();
            if let Some(number) = payment_number(&body) {
                ledger.note_received(number);
            }
            Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from_static(b"ok"))))
        }
    });
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

fn payment_number(body: &[u8]) -> Option<usize> {
    let at = body.windows(ID_PREFIX.len()).position(|window| window == ID_PREFIX.as_bytes())?;
    let digits = body.get(at + ID_PREFIX.len()..)?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}
