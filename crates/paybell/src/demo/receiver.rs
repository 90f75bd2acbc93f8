//! A merchant's HTTP server on a real socket, with a log of its own of what it received and acknowledged.

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;

const BACKLOG: u32 = 1024;

/// What a merchant's server does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behaviour {
    /// It acknowledges everything.
    Healthy,
    /// It answers each payment's first notifications by 503.
    UnavailableAtFirst(u32),
    /// It answers each payment's first notifications by 200 with an error page.
    WrongBodyAtFirst(u32),
    /// Nobody listens for this time; then it is healthy.
    DownFor(Duration),
    /// It always answers 500.
    Broken,
}

/// The server; it ends when it is dropped.
pub(crate) struct Receiver {
    /// Where it is notified.
    pub(crate) url: String,
    log: Arc<Log>,
    server: JoinHandle<()>,
}

/// How often a payment was received and acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Notified {
    /// Requests that told of it.
    pub(crate) received: u32,
    /// Of these, how many were acknowledged.
    pub(crate) acknowledged: u32,
}

#[derive(Debug)]
struct Log {
    behaviour: Behaviour,
    payments: Mutex<HashMap<String, Notified>>,
}

impl Receiver {
    /// Starts it on a free port of this machine.
    ///
    /// # Errors
    /// When there is no port.
    pub(crate) fn start(behaviour: Behaviour) -> Result<Self> {
        // A socket that is bound and does not listen yet keeps its port and refuses connections.
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let url = format!("http://{}/paid", socket.local_addr()?);
        let log = Arc::new(Log { behaviour, payments: Mutex::default() });
        let router = Router::new().fallback(notified).with_state(log.clone());
        let server = tokio::spawn(async move {
            if let Behaviour::DownFor(time) = behaviour {
                tokio::time::sleep(time).await;
            }
            let served = async { axum::serve(socket.listen(BACKLOG)?, router).await };
            if let Err(error) = served.await.context("a receiver of the demo failed") {
                tracing::error!("{error:#}");
            }
        });
        Ok(Self { url, log, server })
    }

    /// What its log says of a payment.
    pub(crate) fn notified_of(&self, payment_id: &str) -> Notified {
        self.log.payments().get(payment_id).copied().unwrap_or_default()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Log {
    fn payments(&self) -> MutexGuard<'_, HashMap<String, Notified>> {
        self.payments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn notified(State(log): State<Arc<Log>>, headers: HeaderMap, body: Bytes) -> (StatusCode, &'static str) {
    let Some(payment_id) = payment_id(&headers, &body) else { return (StatusCode::BAD_REQUEST, "which payment?") };
    let mut payments = log.payments();
    let notified = payments.entry(payment_id).or_default();
    notified.received += 1;
    let (acknowledged, status, text) = answer(log.behaviour, notified.received);
    notified.acknowledged += u32::from(acknowledged);
    (status, text)
}

/// Whether the `nth` notification of a payment is acknowledged, and the answer.
fn answer(behaviour: Behaviour, nth: u32) -> (bool, StatusCode, &'static str) {
    match behaviour {
        Behaviour::UnavailableAtFirst(times) if nth <= times => (false, StatusCode::SERVICE_UNAVAILABLE, "try later"),
        Behaviour::WrongBodyAtFirst(times) if nth <= times => {
            (false, StatusCode::OK, "<html>Fatal error: cannot connect to the database</html>")
        }
        Behaviour::Broken => (false, StatusCode::INTERNAL_SERVER_ERROR, "out of order"),
        Behaviour::Healthy
        | Behaviour::DownFor(_)
        | Behaviour::UnavailableAtFirst(_)
        | Behaviour::WrongBodyAtFirst(_) => (true, StatusCode::OK, "ok"),
    }
}

/// Which payment a notification tells of: the message's id in Standard Webhooks, a form field in ok-body.
fn payment_id(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if let Some(id) = headers.get("webhook-id") {
        return id.to_str().ok().map(str::to_owned);
    }
    let form = std::str::from_utf8(body).ok()?;
    form.split('&').find_map(|field| field.strip_prefix("payment_id=")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_is_recognised_in_both_dialects() {
        let mut headers = HeaderMap::new();
        assert_eq!(payment_id(&headers, b"type=x&payment_id=7&id=8"), Some("7".to_owned()));
        assert_eq!(payment_id(&headers, b"{}"), None);
        headers.insert("webhook-id", "9".parse().expect("a header"));
        assert_eq!(payment_id(&headers, b"{}"), Some("9".to_owned()));
    }

    #[test]
    fn only_what_the_dialect_calls_an_acknowledgement_is_counted_as_one() {
        let acknowledged = |behaviour, nth| answer(behaviour, nth).0;
        assert!(acknowledged(Behaviour::Healthy, 1));
        assert!(
            !acknowledged(Behaviour::UnavailableAtFirst(2), 2) && acknowledged(Behaviour::UnavailableAtFirst(2), 3)
        );
        assert!(!acknowledged(Behaviour::WrongBodyAtFirst(1), 1) && acknowledged(Behaviour::WrongBodyAtFirst(1), 2));
        assert!(!acknowledged(Behaviour::Broken, 1_000));
    }
}
