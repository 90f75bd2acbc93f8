//! Each fault really happens, is counted, and can be switched off.

use super::*;
use std::time::Instant;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(5);
const NEVER: Duration = Duration::from_millis(300);

/// A server that sends everything back, behind a proxy.
async fn echo() -> Proxy {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    Proxy::start(port).await.expect("a proxy")
}

async fn dial(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port())).await.expect("the proxy listens")
}

async fn ask(stream: &mut TcpStream, word: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(word).await?;
    let mut answer = vec![0; word.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn cut_resets_what_is_open_and_what_comes_until_it_is_over() {
    let proxy = echo().await;
    let mut open = dial(&proxy).await;
    assert_eq!(ask(&mut open, b"hello").await.expect("passes"), b"hello");
    proxy.set(Fault::Cut);
    assert!(ask(&mut open, b"hello").await.is_err());
    assert!(ask(&mut dial(&proxy).await, b"hello").await.is_err());
    assert_eq!(proxy.affected(), 2);
    proxy.set(Fault::None);
    assert_eq!(ask(&mut dial(&proxy).await, b"hello").await.expect("passes again"), b"hello");
}

#[tokio::test]
async fn blackhole_neither_answers_nor_resets_and_what_it_swallowed_stays_lost() {
    let proxy = echo().await;
    let mut open = dial(&proxy).await;
    ask(&mut open, b"hello").await.expect("passes");
    proxy.set(Fault::Blackhole);
    let mut new = dial(&proxy).await;
    assert!(timeout(NEVER, ask(&mut open, b"hello")).await.is_err());
    assert!(timeout(NEVER, ask(&mut new, b"hello")).await.is_err());
    assert!(proxy.affected() >= 2);
    proxy.set(Fault::None);
    assert!(timeout(NEVER, ask(&mut open, b"hello")).await.is_err());
    assert!(timeout(SOON, ask(&mut dial(&proxy).await, b"hello")).await.expect("in time").is_ok());
}

#[tokio::test]
async fn half_open_swallows_answers_only() {
    let proxy = echo().await;
    let mut open = dial(&proxy).await;
    proxy.set(Fault::HalfOpen);
    assert!(timeout(NEVER, ask(&mut open, b"hello")).await.is_err());
    assert_eq!(proxy.affected(), 1);
}

#[tokio::test]
async fn delay_holds_every_piece_back() {
    let proxy = echo().await;
    let mut open = dial(&proxy).await;
    proxy.set(Fault::Delay(Duration::from_millis(100)));
    let begun = Instant::now();
    ask(&mut open, b"hello").await.expect("passes");
    assert!(begun.elapsed() >= Duration::from_millis(200), "there and back");
    assert_eq!(proxy.affected(), 2);
}

#[tokio::test]
async fn reset_comes_after_the_bytes_and_counts_anew_for_each_connection() {
    let proxy = echo().await;
    proxy.set(Fault::ResetAfterReply(7));
    for _ in 0..2 {
        let mut open = dial(&proxy).await;
        assert_eq!(ask(&mut open, b"hello").await.expect("five bytes pass"), b"hello");
        assert!(ask(&mut open, b"hello").await.is_err());
    }
    assert_eq!(proxy.affected(), 2);
}
