//! The HTTP server: connections until it is told to stop, then the answers that are still owed. A client that does not get
//! a request's head across is cut off, so that idle connections cannot gather for ever.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long a request's head may take to arrive. It counts from the end of the request before, so it is also for how long
/// an idle connection is kept: longer than most clients keep theirs, so that they close first.
pub(crate) const HEAD_WITHIN: Duration = Duration::from_secs(100);

/// How long nothing is accepted after that failed for want of something, such as file descriptors.
const REST: Duration = Duration::from_millis(100);

/// Serves HTTP/1.1 until `stop`. Returns when all connections are closed.
pub(crate) async fn serve_http(listener: TcpListener, router: Router, head_within: Duration, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_within);
    let open = GracefulShutdown::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                rest_after(&error).await;
                continue;
            }
        };
        // Answers are small and wait for nothing.
        let _ = stream.set_nodelay(true);
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        let served = open.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = served.await {
                tracing::trace!(error = &error as &dyn std::error::Error, "a connection ended");
            }
        });
    }
    drop(listener);
    open.shutdown().await;
}

/// A client that went away while it was accepted is no matter; whatever else is missing may be there soon.
async fn rest_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(error = error as &dyn std::error::Error, "no connection can be accepted");
        tokio::time::sleep(REST).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use std::time::Instant;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    const HEAD_WITHIN: Duration = Duration::from_millis(500);

    async fn connect(address: std::net::SocketAddr, sends: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(sends.as_bytes()).await.expect("it reads");
        stream
    }

    async fn rest_of(mut stream: TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("text");
        text
    }

    #[tokio::test]
    async fn who_sends_no_whole_head_is_cut_off_and_others_are_served() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (address, stop) = (listener.local_addr().expect("an address"), CancellationToken::new());
        let router = Router::new().route("/", get(async || "served"));
        let server = tokio::spawn(serve_http(listener, router, HEAD_WITHIN, stop.clone()));
        let begun = Instant::now();
        let mut slow = Vec::new();
        for sends in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: a\r\nx-slow: "] {
            slow.push(connect(address, sends).await);
        }
        let answer = rest_of(connect(address, "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("served"), "{answer}");
        for slow in slow {
            let cut = tokio::time::timeout(Duration::from_secs(30), rest_of(slow)).await.expect("it is cut off");
            assert!(!cut.contains("200"), "{cut}");
        }
        assert!(begun.elapsed() >= HEAD_WITHIN, "not before its time");
        let idle = rest_of(connect(address, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await);
        let answered = tokio::time::timeout(Duration::from_secs(30), idle).await.expect("an idle one is cut off too");
        assert!(answered.ends_with("served"), "{answered}");
        stop.cancel();
        server.await.expect("no panic");
    }

    #[tokio::test]
    async fn what_is_under_way_is_answered_after_the_stop() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (address, stop) = (listener.local_addr().expect("an address"), CancellationToken::new());
        let (begun, has_begun) = tokio::sync::oneshot::channel::<()>();
        let begun = std::sync::Arc::new(std::sync::Mutex::new(Some(begun)));
        let handler = async move || {
            drop(begun.lock().expect("not poisoned").take());
            tokio::time::sleep(Duration::from_millis(300)).await;
            "served"
        };
        let server =
            tokio::spawn(serve_http(listener, Router::new().route("/", get(handler)), HEAD_WITHIN, stop.clone()));
        let (idle, asking) = (connect(address, "").await, connect(address, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await);
        let _ = has_begun.await;
        stop.cancel();
        assert!(rest_of(asking).await.ends_with("served"));
        assert_eq!(rest_of(idle).await, "");
        server.await.expect("no panic");
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    }
}
