//! The gateway: sends payments over keep-alive connections, as many at a time as there are connections.

use crate::sink::{ID_PREFIX, Ledger};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::net::TcpStream;

/// Where and as whom to send.
pub(crate) struct Gateway {
    pub(crate) api: SocketAddr,
    pub(crate) key: String,
    pub(crate) merchants: Vec<String>,
    /// Set to end the load.
    pub(crate) stop: AtomicBool,
    /// Payments answered with 202.
    pub(crate) accepted: AtomicU64,
}

/// Sends over one connection until told to stop.
///
/// # Errors
/// When the API refuses a payment or the connection breaks: a benchmark of errors would be none.
pub(crate) async fn send(gateway: Arc<Gateway>, ledger: Arc<Ledger>) -> Result<()> {
    let stream = TcpStream::connect(gateway.api).await.context("connecting to the API")?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let authorization = format!("Bearer {}", gateway.key);
    while !gateway.stop.load(Ordering::Relaxed) {
        ledger.under_way.acquire().await?.forget();
        let number = ledger.note_sent();
        let merchant = gateway.merchants.get(number % gateway.merchants.len()).context("no merchants")?;
        send_one(&mut sender, &authorization, payment(number, merchant)).await?;
        gateway.accepted.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

async fn send_one(sender: &mut SendRequest<Full<Bytes>>, authorization: &str, body: String) -> Result<()> {
    let request = Request::post("/v1/payments")
        .header(header::HOST, "paybell")
        .header(header::AUTHORIZATION, authorization)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    sender.ready().await?;
    let response = sender.send_request(request).await.context("sending a payment")?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if status != StatusCode::ACCEPTED {
        bail!("the API answered {status} to a payment: {}", String::from_utf8_lossy(&body));
    }
    Ok(())
}

/// A payment of about 500 bytes.
fn payment(number: usize, merchant: &str) -> String {
    format!(
        concat!(
            r#"{{"merchant":"{}","id":"{}{}","pay_for":"order-{}","amount":{},"currency":"EUR","#,
            r#""confirmed_at":"2026-01-02T03:04:05Z","method":"card","description":"Order {} of a shop that sells"#,
            r#" things, with a description of the usual length for such a thing","payer_email":"payer{}@example.com","#,
            r#""payer_phone":"+49 30 1234567","data":{{"channel":"web","language":"en","cart":["a book","a lamp","#,
            r#""two chairs"],"campaign":"spring","note":"leave it at the door, please; the bell does not ring"}}}}"#
        ),
        merchant,
        ID_PREFIX,
        number,
        number,
        100 + number % 100_000,
        number,
        number % 1000,
    )
}
