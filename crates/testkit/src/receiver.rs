//! A merchant's HTTP server with a script.

use crate::script::{Book, CountBy, Reply, Request};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{Notify, watch};

/// A merchant's HTTP server on 127.0.0.1, on a thread of its own. Each message gets the script's next reply, and the
/// last one repeats. It stops when it is dropped.
pub struct Receiver {
    runtime: Option<Runtime>,
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    book: Mutex<Book>,
    count: watch::Sender<usize>,
}

impl Receiver {
    /// Starts one on a free port. An empty script is that of a merchant who acknowledges all: 200 `ok`.
    ///
    /// # Errors
    /// When there is no port or no thread for it.
    pub fn start(script: Vec<Reply>) -> Result<Receiver> {
        Self::start_on(0, script)
    }

    /// Starts one on a given port, such as that of a merchant who was down until now.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn start_on(port: u16, script: Vec<Reply>) -> Result<Receiver> {
        let book = Book::new(script);
        let shared = Arc::new(Shared { book: Mutex::new(book), count: watch::Sender::new(0) });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let std_listener =
            std::net::TcpListener::bind(("127.0.0.1", port)).with_context(|| format!("listen on port {port}"))?;
        std_listener.set_nonblocking(true)?;
        let port = std_listener.local_addr()?.port();
        let entered = runtime.enter();
        let listener = TcpListener::from_std(std_listener)?;
        drop(entered);
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Receiver { runtime: Some(runtime), port, shared })
    }

    /// The same receiver with another way to move the script on.
    #[must_use]
    pub fn count_by(self, count_by: CountBy) -> Receiver {
        self.shared.book().count_by = count_by;
        self
    }

    /// Gives the requests to one path (with its query, or with any) a script of their own, from its beginning.
    pub fn script(&self, path: &str, script: Vec<Reply>) {
        self.shared.book().set_script(path, script);
    }

    /// The URL of a path, which begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// All requests so far, in the order in which they were complete.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.book().requests.clone()
    }

    /// Waits until there are at least `n` requests; answers all.
    ///
    /// # Errors
    /// When fewer came in time.
    pub async fn wait_for(&self, n: usize, timeout: Duration) -> Result<Vec<Request>> {
        let mut count = self.shared.count.subscribe();
        let waited = tokio::time::timeout(timeout, count.wait_for(|&count| count >= n)).await;
        let requests = self.requests();
        if waited.is_err() {
            bail!("{} of {n} requests came within {timeout:?}", requests.len());
        }
        Ok(requests)
    }

    /// Stops listening and breaks all connections. What was recorded stays.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A runtime may not be ended on another one's thread, and tests call this from there.
            let ended = std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(5)));
            let _ = ended.join();
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a request and answers what to do with it.
    fn take(&self, request: Request) -> Reply {
        let mut book = self.book();
        let reply = book.take(request);
        self.count.send_replace(book.requests.len());
        reply
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, Arc::clone(&shared)))),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let reset = Notify::new();
    let service = service_fn(|request| answer(request, &shared, &reset));
    let mut connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = &mut connection => {}
        () = reset.notified() => {
            // Closing with no time to linger sends RST.
            let _ = connection.into_parts().io.into_inner().set_zero_linger();
        }
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    shared: &Shared,
    reset: &Notify,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let path = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let request = Request { at: SystemTime::now(), method: head.method, path, headers: head.headers, body };
    match shared.take(request.clone()) {
        Reply::Answer { status, headers, body, delay } => {
            tokio::time::sleep(delay).await;
            Ok(response(status, &headers, body))
        }
        Reply::Echo(status) => {
            let lines = request
                .headers
                .iter()
                .map(|(name, value)| [name.as_str().as_bytes(), b": ", value.as_bytes()].concat());
            let echoed = lines.chain([request.body.to_vec()]).collect::<Vec<_>>().join(&b'\n');
            Ok(response(status, &[], echoed.into()))
        }
        Reply::Hang => pending().await,
        Reply::Reset => {
            reset.notify_one();
            pending().await
        }
    }
}

/// The response, or 500 with the reason when the script asks for what HTTP does not allow.
fn response(status: u16, headers: &[(String, String)], body: Bytes) -> Response<Full<Bytes>> {
    let builder = headers.iter().fold(Response::builder().status(status), |b, (name, value)| b.header(name, value));
    builder.body(Full::new(body)).unwrap_or_else(|error| {
        let mut response = Response::new(Full::new(format!("the script is wrong: {error}").into()));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}
