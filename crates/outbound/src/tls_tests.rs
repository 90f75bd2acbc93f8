//! Certificates: which are accepted, and in which words the others are refused.

use crate::resolve::Lookup;
use crate::{Answer, Failure, Outbound, OutboundRequest, OutboundSettings, tls};
use axum::Router;
use axum::http::Version;
use axum::routing::post;
use bytes::Bytes;
use paybell_delivery::Outcome;
use paybell_dialects::Method;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A receiver that answers with the HTTP version it was asked in, or with 1 MB of `x` at `/large`.
struct Receiver {
    port: u16,
    certificate: CertificateDer<'static>,
}

impl Receiver {
    async fn start(params: CertificateParams, protocols: &[&str]) -> Receiver {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate").der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .expect("a matching key");
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let routes = Router::new()
            .route("/", post(async |version: Version, body: String| format!("{version:?} {body}")))
            .route("/large", post(async || "x".repeat(1 << 20)));
        let listener = TlsListener { listener, acceptor: TlsAcceptor::from(Arc::new(config)) };
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Receiver { port, certificate }
    }

    /// Posts to it by the name `shop.example`, with these roots trusted.
    async fn post(&self, roots: RootCertStore, path: &str) -> Result<Answer, Failure> {
        let settings = OutboundSettings {
            allow_non_public_addresses: true,
            allow_plain_http: false,
            own_port: None,
            response_body_max: 1000,
            user_agent: "test".to_owned(),
        };
        let lookup: Lookup = Arc::new(|_| Ok(vec![[127, 0, 0, 1].into()]));
        let outbound = Outbound::assemble(settings, lookup, roots).expect("TLS is set up");
        let url = format!("https://shop.example:{}{path}", self.port);
        let time_limit = Duration::from_secs(20);
        let request = OutboundRequest {
            method: Method::Post,
            url,
            query: None,
            headers: vec![],
            body: Bytes::from_static(b"paid"),
            time_limit,
        };
        outbound.send(request).await
    }

    fn trusted(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a root");
        roots
    }

    async fn refusal(&self, roots: RootCertStore) -> String {
        let failure = self.post(roots, "/").await.expect_err("refused");
        assert_eq!((failure.outcome, failure.status), (Outcome::Unreachable, None), "{failure:?}");
        let subject = format!("the certificate of shop.example:{} ", self.port);
        failure.detail.strip_prefix(&subject).map(str::to_owned).unwrap_or(failure.detail)
    }
}

struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

fn params(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).expect("a name")
}

#[tokio::test]
async fn a_trusted_certificate_is_accepted_and_http_2_is_spoken_where_it_is_offered() {
    for (protocols, expected) in
        [(&["h2", "http/1.1"][..], "HTTP/2.0 paid"), (&["http/1.1"], "HTTP/1.1 paid"), (&[], "HTTP/1.1 paid")]
    {
        let receiver = Receiver::start(params("shop.example"), protocols).await;
        let answer = receiver.post(receiver.trusted(), "/").await.expect("an answer");
        assert_eq!((answer.status, &answer.body[..]), (200, expected.as_bytes()));
    }
}

#[tokio::test]
async fn a_large_body_is_cut_over_http_2_too() {
    let receiver = Receiver::start(params("shop.example"), &["h2"]).await;
    let answer = receiver.post(receiver.trusted(), "/large").await.expect("an answer");
    assert_eq!((answer.body.len(), answer.truncated), (1000, true));
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused() {
    let receiver = Receiver::start(params("shop.example"), &["h2"]).await;
    assert_eq!(receiver.refusal(tls::public_roots()).await, "is not signed by an authority that is trusted");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let receiver = Receiver::start(params("other.example"), &["h2"]).await;
    assert_eq!(receiver.refusal(receiver.trusted()).await, "is for another name");
}

#[tokio::test]
async fn a_certificate_outside_of_its_time_is_refused() {
    let mut expired = params("shop.example");
    expired.not_after = date_time_ymd(2020, 1, 1);
    let receiver = Receiver::start(expired, &["h2"]).await;
    assert_eq!(receiver.refusal(receiver.trusted()).await, "has expired");

    let mut early = params("shop.example");
    early.not_before = date_time_ymd(4000, 1, 1);
    let receiver = Receiver::start(early, &["h2"]).await;
    assert_eq!(receiver.refusal(receiver.trusted()).await, "is not valid yet");
}

#[test]
fn the_public_authorities_are_known() {
    assert!(tls::public_roots().len() > 100);
}
