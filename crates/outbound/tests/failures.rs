//! Receivers that misbehave, addresses that may not be called: each has its outcome, in words, and in time.

mod receiver;

use bytes::Bytes;
use paybell_delivery::Outcome;
use paybell_dialects::Method;
use paybell_outbound::{Failure, Outbound, OutboundRequest, OutboundSettings};
use receiver::{Receiver, outbound, read_request, request};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

/// A request with a time limit that a test waits for.
fn hurried(url: String) -> OutboundRequest {
    OutboundRequest { time_limit: Duration::from_millis(300), ..request(url) }
}

/// An address at which nobody listens.
async fn closed_port() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("bound")
}

/// A receiver that reads the request, sends these bytes, and resets the connection.
async fn resetting_after(bytes: &'static [u8]) -> Receiver {
    Receiver::start(move |mut stream| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(bytes).await;
        let _ = stream.set_zero_linger();
    })
    .await
}

async fn failure(request: OutboundRequest) -> Failure {
    outbound().send(request).await.expect_err("a failure")
}

#[tokio::test]
async fn a_receiver_that_never_answers_times_out() {
    let receiver = Receiver::start(|mut stream| async move {
        read_request(&mut stream).await;
        std::future::pending().await
    })
    .await;
    let begun = Instant::now();
    let failure = failure(hurried(receiver.url("/"))).await;
    assert_eq!((failure.outcome, failure.status), (Outcome::TimedOut, None));
    assert_eq!(failure.detail, "no complete answer within 300 ms");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_became_of_a_request_without_a_body_is_told_as_well() {
    let empty = |url| OutboundRequest { method: Method::Get, body: Bytes::new(), ..hurried(url) };
    let silent = Receiver::start(|mut stream| async move {
        read_request(&mut stream).await;
        std::future::pending().await
    })
    .await;
    assert_eq!(failure(empty(silent.url("/"))).await.detail, "no complete answer within 300 ms");
    let resetting = resetting_after(b"").await;
    assert_eq!(failure(empty(resetting.url("/"))).await.outcome, Outcome::Interrupted);
    let no_tls = Receiver::start(|stream| async move {
        let _stream = stream;
        std::future::pending().await
    })
    .await;
    let no_connection = failure(empty(format!("https://{}/", no_tls.address))).await;
    assert_eq!(no_connection.detail, "no connection within 300 ms");
    let refused = failure(empty(format!("http://{}/", closed_port().await))).await;
    assert_eq!(refused.outcome, Outcome::Unreachable, "{refused:?}");
}

#[tokio::test]
async fn headers_that_drip_do_not_outlast_the_time_limit() {
    let receiver = Receiver::start(|mut stream| async move {
        read_request(&mut stream).await;
        for byte in b"HTTP/1.1 200 OK\r\nx-a-header-that-never-ends: ".iter().chain([b'x'; 10_000].iter()) {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let begun = Instant::now();
    let failure = failure(hurried(receiver.url("/"))).await;
    assert_eq!(failure.outcome, Outcome::TimedOut);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_body_that_drips_does_not_outlast_the_time_limit() {
    let receiver = Receiver::start(|mut stream| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let failure = failure(hurried(receiver.url("/"))).await;
    assert_eq!((failure.outcome, failure.status), (Outcome::TimedOut, Some(200)));
    assert_eq!(failure.detail, "the headers of the answer came (200), but not all of its body within 300 ms");
}

#[tokio::test]
async fn a_port_that_does_not_finish_tls_gives_no_connection() {
    let receiver = Receiver::start(|stream| async move {
        let _stream = stream;
        std::future::pending().await
    })
    .await;
    let failure = failure(hurried(format!("https://{}/", receiver.address))).await;
    assert_eq!((failure.outcome, failure.detail.as_str()), (Outcome::TimedOut, "no connection within 300 ms"));
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_is_interrupted() {
    let table: [(&[u8], Option<u16>); 4] = [
        (b"", None),
        (b"HTTP/1.1 200 OK\r\ncontent-le", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n", Some(200)),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nok", Some(200)),
    ];
    for (bytes, status) in table {
        let receiver = resetting_after(bytes).await;
        let failure = failure(request(receiver.url("/?token=secret"))).await;
        assert_eq!((failure.outcome, failure.status), (Outcome::Interrupted, status), "{failure:?}");
        let words = format!("{} reset the connection before its answer was complete", receiver.address);
        assert_eq!(failure.detail, words);
    }
}

#[tokio::test]
async fn a_connection_that_is_closed_before_the_answer_is_complete_is_interrupted() {
    for bytes in [&b""[..], b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nok"] {
        let receiver = Receiver::start(move |mut stream| async move {
            read_request(&mut stream).await;
            let _ = stream.write_all(bytes).await;
        })
        .await;
        let failure = failure(request(receiver.url("/"))).await;
        assert_eq!(failure.outcome, Outcome::Interrupted, "{failure:?}");
        let words = format!("{} closed the connection before its answer was complete", receiver.address);
        assert_eq!(failure.detail, words);
    }
}

#[tokio::test]
async fn answers_that_cannot_be_read_are_failures() {
    let huge = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(10_000));
    for (bytes, words) in [(huge, "head is too large"), (many, "head is too large"), ("SSH-2.0\r\n\r\n".to_owned(), "")]
    {
        let receiver = Receiver::answering(bytes).await;
        let failure = failure(request(receiver.url("/"))).await;
        assert_eq!(failure.outcome, Outcome::Interrupted, "{failure:?}");
        assert!(
            failure.detail.starts_with(&format!("what {} answered cannot be read: ", receiver.address)),
            "{failure:?}"
        );
        assert!(failure.detail.ends_with(words), "{failure:?}");
    }
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let address = closed_port().await;
    let failure = failure(request(format!("http://{address}/hook?token=secret"))).await;
    assert_eq!((failure.outcome, failure.status), (Outcome::Unreachable, None));
    assert_eq!(failure.detail, format!("connection refused by {address}"));
}

#[tokio::test]
async fn a_port_that_speaks_no_tls_is_unreachable() {
    let receiver = Receiver::start(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        std::future::pending().await
    })
    .await;
    let failure = failure(request(format!("https://{}/", receiver.address))).await;
    assert_eq!(failure.outcome, Outcome::Unreachable);
    assert!(failure.detail.starts_with(&format!("no TLS connection to {}: ", receiver.address)), "{failure:?}");
}

#[tokio::test]
async fn a_header_that_would_split_the_request_is_not_sent() {
    let receiver = Receiver::answering("").await;
    for (name, value) in [("x-a", "b\r\nx-c: d"), ("x-a\r\nx-b", "c"), ("x-a", "\0"), ("", "b")] {
        let mut request = request(receiver.url("/"));
        request.headers.push((name.to_owned(), value.to_owned()));
        assert_eq!(failure(request).await.outcome, Outcome::Unreachable);
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn without_leave_no_inner_address_is_called() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let strict = Outbound::new(OutboundSettings {
        allow_non_public_addresses: false,
        allow_plain_http: true,
        own_port: None,
        response_body_max: 1000,
        user_agent: "Paybell/test".to_owned(),
    })
    .expect("TLS is set up");
    let port = receiver.address.port();
    for host in ["127.0.0.1", "localhost", "localhost.", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let url = format!("http://{host}:{port}/");
        assert!(strict.check_url(&url).is_err(), "{url}");
        let failure = strict.send(request(url)).await.expect_err("blocked");
        assert_eq!((failure.outcome, failure.status), (Outcome::Blocked, None), "{host}");
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_request_that_is_printed_shows_neither_query_nor_headers_nor_body() {
    let mut request = request("https://shop.example/hook/hidden?token=hidden".to_owned());
    request.headers.push(("x-signature".to_owned(), "hidden".to_owned()));
    request.body = "hidden".into();
    assert_eq!(format!("{request:?}"), r#"OutboundRequest { target: "shop.example:443", time_limit: 20s }"#);
}
