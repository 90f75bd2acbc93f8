//! A receiver that does with each connection, byte by byte, what a test says.

use bytes::Bytes;
use paybell_dialects::Method;
use paybell_outbound::{Outbound, OutboundRequest, OutboundSettings};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A receiver on a free port of loopback. It ends with the test's runtime.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Receiver {
    /// Starts one that hands each connection to `script`.
    pub(crate) async fn start<S, F>(script: S) -> Receiver
    where
        S: Fn(TcpStream) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(script(stream));
            }
        });
        Receiver { address, connections }
    }

    /// Starts one that reads each request and answers it with these bytes, on connections that it keeps open.
    pub(crate) async fn answering(answer: impl Into<Bytes>) -> Receiver {
        let answer = answer.into();
        Self::start(move |mut stream| {
            let answer = answer.clone();
            async move { while !read_request(&mut stream).await.is_empty() && stream.write_all(&answer).await.is_ok() {} }
        })
        .await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads one request, headers and body; empty at the connection's end.
pub(crate) async fn read_request(stream: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&seen).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase().split("content-length: ").nth(1).map(str::to_owned);
            let length = length.and_then(|rest| rest.lines().next()?.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                return text;
            }
        }
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return String::new(),
            Ok(length) => seen.extend_from_slice(&piece[..length]),
        }
    }
}

/// A client that may call loopback and keeps 1,000 bytes of a body.
pub(crate) fn outbound() -> Outbound {
    Outbound::new(OutboundSettings {
        allow_non_public_addresses: true,
        allow_plain_http: true,
        own_port: None,
        response_body_max: 1000,
        user_agent: "Paybell/test".to_owned(),
    })
    .expect("TLS is set up")
}

/// A request with a small body, and more time than any test needs.
pub(crate) fn request(url: String) -> OutboundRequest {
    OutboundRequest {
        method: Method::Post,
        url,
        query: None,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: Bytes::from_static(b"{\"paid\":true}"),
        time_limit: Duration::from_secs(20),
    }
}
