//! A person at a page: signs in with an operator's key, reads pages, and keeps one open that shows itself as it changes.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long a page may take before the benchmark is given up.
const WITHIN: Duration = Duration::from_secs(60);

/// Somebody who is signed in, with connections of their own.
#[derive(Clone)]
pub(crate) struct Visitor {
    base: String,
    cookie: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// A page that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    pub(crate) took: Duration,
    pub(crate) bytes: usize,
}

impl Visitor {
    /// Signs in at `base`, such as `http://127.0.0.1:8080`.
    pub(crate) async fn sign_in(base: &str, key: &str) -> Result<Self> {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut visitor = Self { base: base.to_owned(), cookie: String::new(), client };
        let request = Request::post(format!("{base}/sign-in"))
            .header(header::ORIGIN, base)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(format!("key={key}"))))?;
        let response = visitor.client.request(request).await?;
        ensure!(response.status() == StatusCode::SEE_OTHER, "signing in was answered {}", response.status());
        visitor.cookie = cookie_of(&response)?;
        Ok(visitor)
    }

    /// Enters the portal by a link, such as `/portal/enter?token=…`.
    pub(crate) async fn enter_portal(base: &str, link: &str) -> Result<Self> {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut visitor = Self { base: base.to_owned(), cookie: String::new(), client };
        let path = link.find("/portal/").and_then(|at| link.get(at..)).context("no link to the portal")?;
        let response = visitor.client.get(format!("{base}{path}").parse()?).await?;
        visitor.cookie = cookie_of(&response)?;
        Ok(visitor)
    }

    /// Reads a page to its end. One that leads on to another page counts too.
    pub(crate) async fn read(&self, path: &str) -> Result<Read> {
        self.read_lines(path, usize::MAX).await
    }

    /// Reads a page until so many lines have come.
    pub(crate) async fn read_lines(&self, path: &str, lines_max: usize) -> Result<Read> {
        let begun = Instant::now();
        let reading = async {
            let (mut bytes, mut lines) = (0, 0);
            let mut body = self.get(path).await?.into_body();
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame?.into_data() else { continue };
                bytes += data.len();
                lines += data.iter().filter(|byte| **byte == b'\n').count();
                if lines >= lines_max {
                    break;
                }
            }
            anyhow::Ok(bytes)
        };
        let bytes = tokio::time::timeout(WITHIN, reading).await.with_context(|| format!("{path}: no answer"))??;
        Ok(Read { took: begun.elapsed(), bytes })
    }

    /// Keeps a page open by server-sent events and counts what comes; it ends only by an error.
    pub(crate) async fn keep_open(&self, path: &str, events: &AtomicU64) -> Result<()> {
        loop {
            let mut body = self.get(&format!("/live?path={path}")).await?.into_body();
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame?.into_data() else { continue };
                events.fetch_add(data.windows(6).filter(|bytes| bytes == b"data: ").count() as u64, Relaxed);
            }
        }
    }

    async fn get(&self, path: &str) -> Result<Response<Incoming>> {
        let request = Request::get(format!("{}{path}", self.base)).header(header::COOKIE, &self.cookie);
        let response = self.client.request(request.body(Full::default())?).await.with_context(|| path.to_owned())?;
        let status = response.status();
        let leads_out =
            response.headers().get(header::LOCATION).is_some_and(|to| to.as_bytes().starts_with(b"/sign-in"));
        ensure!(status.is_success() || (status.is_redirection() && !leads_out), "{path} was answered {status}");
        Ok(response)
    }
}

/// The first cookie that an answer sets, as it is sent back.
fn cookie_of(response: &Response<Incoming>) -> Result<String> {
    let cookie = response.headers().get(header::SET_COOKIE).context("no cookie was given")?.to_str()?;
    Ok(cookie.split(';').next().unwrap_or_default().to_owned())
}
