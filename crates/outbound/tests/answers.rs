//! What merchants answer, and what of it is kept.

mod receiver;

use bytes::Bytes;
use paybell_dialects::Method;
use paybell_outbound::OutboundRequest;
use receiver::{Receiver, outbound, read_request, request};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

#[tokio::test]
async fn a_request_goes_out_whole_and_its_answer_comes_back() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let receiver = Receiver::start(move |mut stream| {
        let seen = seen.clone();
        async move {
            let _ = seen.send(read_request(&mut stream).await);
            let _ = stream.write_all(answer("200 OK", "x-shop: 7\r\n", "ok").as_bytes()).await;
        }
    })
    .await;
    let mut request = request(receiver.url("/hook/%D1%84?order=1&b=%20"));
    request.headers.push(("webhook-id".to_owned(), "p1".to_owned()));
    let answer = outbound().send(request).await.expect("an answer");
    assert_eq!((answer.status, &answer.body[..], answer.truncated), (200, &b"ok"[..], false));
    assert_eq!(answer.head, "content-length: 2\nx-shop: 7\n");
    assert_eq!(answer.retry_after, None);

    let seen = requests.recv().await.expect("a request");
    assert!(seen.starts_with("POST /hook/%D1%84?order=1&b=%20 HTTP/1.1\r\n"), "{seen}");
    assert!(seen.ends_with("\r\n\r\n{\"paid\":true}"), "{seen}");
    let lines: Vec<String> = seen.lines().map(str::to_lowercase).collect();
    let host = format!("host: {}", receiver.address);
    for line in
        ["content-type: application/json", "webhook-id: p1", "user-agent: paybell/test", "content-length: 13", &host]
    {
        assert!(lines.iter().any(|l| l == line), "{line} in {seen}");
    }
    for name in ["accept-encoding:", "transfer-encoding:", "referer:"] {
        assert!(!lines.iter().any(|l| l.starts_with(name)), "{name} in {seen}");
    }
}

/// The first line of a request, as the receiver sees it, and all of it in small letters.
async fn seen(request: impl FnOnce(OutboundRequest) -> OutboundRequest, path: &str) -> (String, String) {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let receiver = Receiver::start(move |mut stream| {
        let seen = seen.clone();
        async move {
            let _ = seen.send(read_request(&mut stream).await);
            let _ = stream.write_all(answer("200 OK", "", "").as_bytes()).await;
        }
    })
    .await;
    let request = request(receiver::request(receiver.url(path)));
    outbound().send(request).await.expect("an answer");
    let seen = requests.recv().await.expect("a request");
    (seen.lines().next().unwrap_or_default().to_owned(), seen.to_lowercase())
}

#[tokio::test]
async fn a_query_follows_the_urls_own_which_stays_as_it_is() {
    for (path, query, line) in [
        ("/pay", "a=1&b=%D1%84", "/pay?a=1&b=%D1%84"),
        ("/pay?", "a=1", "/pay?a=1"),
        ("/pay?shop=7&x=%20+y", "a=1", "/pay?shop=7&x=%20+y&a=1"),
        ("/pay?shop=7&", "a=1", "/pay?shop=7&a=1"),
        ("/pay?x=%d1%84&empty=&flag", "a=%27", "/pay?x=%d1%84&empty=&flag&a=%27"),
        ("/pay?x=1", "", "/pay?x=1"),
        ("/\u{43e}\u{43f}\u{43b}\u{430}\u{442}\u{430}", "a=1", "/%D0%BE%D0%BF%D0%BB%D0%B0%D1%82%D0%B0?a=1"),
    ] {
        let get = |request| OutboundRequest {
            method: Method::Get,
            query: Some(query.to_owned()),
            body: Bytes::new(),
            ..request
        };
        let (first, all) = seen(get, path).await;
        assert_eq!(first, format!("GET {line} HTTP/1.1"));
        assert!(!all.contains("content-length") && !all.contains("transfer-encoding"), "{all}");
    }
}

#[tokio::test]
async fn a_method_goes_out_as_it_was_asked_for() {
    for (method, body, line, length) in [
        (Method::Post, "", "POST /?q=1 HTTP/1.1", "content-length: 0\r\n"),
        (Method::Put, "", "PUT /?q=1 HTTP/1.1", "content-length: 0\r\n"),
        (Method::Put, "body", "PUT /?q=1 HTTP/1.1", "content-length: 4\r\n"),
    ] {
        let with = |request| OutboundRequest { method, body: Bytes::from_static(body.as_bytes()), ..request };
        let (first, all) = seen(with, "/?q=1").await;
        assert_eq!(first, line);
        assert!(all.contains(length), "{all}");
    }
}

#[tokio::test]
async fn every_status_is_an_answer_and_no_redirect_is_followed() {
    let elsewhere = Receiver::answering(answer("200 OK", "", "ok")).await;
    let location = format!("location: {}\r\n", elsewhere.url("/"));
    for status in [301, 302, 303, 307, 308, 400, 404, 410, 429, 500, 503] {
        let receiver = Receiver::answering(answer(&format!("{status} Status"), &location, "")).await;
        let answer = outbound().send(request(receiver.url("/"))).await.expect("an answer");
        assert_eq!(answer.status, status);
        assert!(answer.head.contains("location: "), "{}", answer.head);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_body_is_cut_at_the_cap_and_not_before() {
    for (length, kept, truncated) in [(0, 0, false), (999, 999, false), (1000, 1000, false), (1001, 1000, true)] {
        let receiver = Receiver::answering(answer("200 OK", "", &"x".repeat(length))).await;
        let answer = outbound().send(request(receiver.url("/"))).await.expect("an answer");
        assert_eq!((answer.body.len(), answer.truncated), (kept, truncated), "{length} bytes");
    }
}

#[tokio::test]
async fn of_an_endless_body_little_is_read_and_the_connection_is_closed() {
    let sent = Arc::new(AtomicUsize::new(0));
    let (closed, mut ends) = mpsc::unbounded_channel();
    let counted = sent.clone();
    let receiver = Receiver::start(move |mut stream| {
        let (counted, closed) = (counted.clone(), closed.clone());
        async move {
            read_request(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n").await;
            while stream.write_all(&[b'x'; 65536]).await.is_ok() {
                counted.fetch_add(65536, Ordering::SeqCst);
            }
            let _ = closed.send(());
        }
    })
    .await;
    let answer = outbound().send(request(receiver.url("/"))).await.expect("an answer");
    assert_eq!((answer.body.len(), answer.truncated), (1000, true));
    ends.recv().await.expect("the connection is closed");
    // What the sockets' own buffers take counts as sent.
    assert!(sent.load(Ordering::SeqCst) < 64 << 20, "{} bytes were sent", sent.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_compressed_body_stays_compressed() {
    let bomb: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\xcf\x06\x00\x47\xdd\xdc\x79\x02\x00\x00\x00";
    let mut bytes =
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", bomb.len()).into_bytes();
    bytes.extend_from_slice(bomb);
    let receiver = Receiver::answering(bytes).await;
    let answer = outbound().send(request(receiver.url("/"))).await.expect("an answer");
    assert_eq!(&answer.body[..], bomb);
    assert!(answer.head.contains("content-encoding: gzip"));
}

#[tokio::test]
async fn a_long_head_is_cut_and_odd_bytes_are_kept_readable() {
    let mut bytes = b"HTTP/1.1 200 OK\r\nx-odd: \xff\x80\r\ncontent-length: 0\r\n".to_vec();
    for _ in 0..9 {
        bytes.extend_from_slice(format!("x-long: {}\r\n", "ы".repeat(600)).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    let receiver = Receiver::answering(bytes).await;
    let answer = outbound().send(request(receiver.url("/"))).await.expect("an answer");
    assert!(answer.head.starts_with("x-odd: \u{fffd}\u{fffd}\n"), "{}", answer.head);
    assert!((8190..=8192).contains(&answer.head.len()), "{}", answer.head.len());
}

#[tokio::test]
async fn retry_after_is_read_as_seconds_and_as_a_date() {
    let in_an_hour = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(3600));
    let post = async |value: &str| {
        let headers = format!("retry-after: {value}\r\n");
        let receiver = Receiver::answering(answer("429 Too Many Requests", &headers, "")).await;
        outbound().send(request(receiver.url("/"))).await.expect("an answer").retry_after
    };
    assert_eq!(post("120").await, Some(Duration::from_secs(120)));
    assert_eq!(post("later").await, None);
    let hour = post(&in_an_hour).await.expect("a delay").as_secs();
    assert!((3500..=3600).contains(&hour), "{hour}");
}

#[tokio::test]
async fn connections_are_used_again() {
    let receiver = Receiver::answering(answer("200 OK", "", "ok")).await;
    let outbound = outbound();
    for _ in 0..10 {
        outbound.send(request(receiver.url("/"))).await.expect("an answer");
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn five_hundred_requests_go_out_at_once() {
    let receiver = Receiver::answering(answer("200 OK", "", "ok")).await;
    let outbound = outbound();
    let posts: Vec<_> = (0..500)
        .map(|_| {
            let (outbound, request) = (outbound.clone(), request(receiver.url("/")));
            tokio::spawn(async move { outbound.send(request).await })
        })
        .collect();
    for post in posts {
        assert_eq!(post.await.expect("it ends").expect("an answer").status, 200);
    }
}

#[tokio::test]
async fn a_proxy_in_the_environment_is_ignored() {
    let proxy = Receiver::answering(answer("502 Proxied", "", "")).await;
    let receiver = Receiver::answering(answer("200 OK", "", "ok")).await;
    let mut child = tokio::process::Command::new(std::env::current_exe().expect("this test"));
    child.args(["--ignored", "--exact", "post_with_the_environment_of_a_parent"]).env("TARGET", receiver.url("/"));
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, proxy.url("/"));
    }
    let output = child.env_remove("NO_PROXY").env_remove("no_proxy").output().await.expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!((proxy.connections(), receiver.connections()), (0, 1));
}

#[tokio::test]
#[ignore = "run by a_proxy_in_the_environment_is_ignored, which sets its environment"]
async fn post_with_the_environment_of_a_parent() {
    let Ok(target) = std::env::var("TARGET") else { return };
    assert_eq!(outbound().send(request(target)).await.expect("an answer").status, 200);
}
