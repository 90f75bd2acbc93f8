//! The bare handler: parses, waits for its transaction, answers, and POSTs once.

use super::parse;
use super::write_batch::{Batch, write};
use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::ListenerExt;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::time::timeout_at;

/// Payments in one transaction.
pub(crate) const BATCH: usize = 500;

/// Transactions at a time: while one waits for its commit, the next one works.
pub(crate) const BATCHES_AT_ONCE: usize = 2;

/// How long a transaction waits to be full; it matters only when the traffic begins and ends.
const FILL_WITHIN: Duration = Duration::from_millis(200);

/// POSTs at a time.
const POSTS_AT_ONCE: usize = 256;

/// What the parent says.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The database's URL.
    #[arg(long)]
    database: String,
    /// The receiver's URL.
    #[arg(long)]
    sink: hyper::Uri,
}

type Waiting = (Bytes, oneshot::Sender<()>);

struct Handler {
    waiting: mpsc::UnboundedSender<Waiting>,
    client: Client<HttpConnector, Full<Bytes>>,
    posts: Semaphore,
    sink: hyper::Uri,
}

/// Serves until the parent is gone.
pub(crate) async fn serve(arguments: Arguments) -> Result<()> {
    std::thread::spawn(|| {
        // The parent holds the other end and never writes.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let pool = PgPoolOptions::new().max_connections(BATCHES_AT_ONCE as u32).connect(&arguments.database).await?;
    let (waiting, batches) = mpsc::unbounded_channel();
    let batches = Arc::new(Mutex::new(batches));
    for _ in 0..BATCHES_AT_ONCE {
        tokio::spawn(write_batches(pool.clone(), batches.clone()));
    }
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let handler = Handler { waiting, client, posts: Semaphore::new(POSTS_AT_ONCE), sink: arguments.sink };
    let router = Router::new()
        .route("/v1/payments", post(handle))
        .route("/bare", post(async |_: Bytes| StatusCode::ACCEPTED))
        .with_state(Arc::new(handler));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).await.context("serve the bare handler")
}

async fn handle(State(handler): State<Arc<Handler>>, body: Bytes) -> StatusCode {
    let text = std::str::from_utf8(&body).map_err(anyhow::Error::from);
    if text.and_then(|text| parse(text).map(drop)).is_err() {
        return StatusCode::UNPROCESSABLE_ENTITY;
    }
    let (written, wait) = oneshot::channel();
    if handler.waiting.send((body.clone(), written)).is_err() || wait.await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    tokio::spawn(tell(handler, body));
    StatusCode::ACCEPTED
}

async fn tell(handler: Arc<Handler>, body: Bytes) {
    let Ok(_permit) = handler.posts.acquire().await else { return };
    let request = hyper::Request::post(handler.sink.clone()).header("content-type", "application/json");
    let Ok(request) = request.body(Full::new(body)) else { return };
    // What fails here is lost, and the benchmark counts it.
    if let Ok(response) = handler.client.request(request).await {
        let _ = response.into_body().collect().await;
    }
}

async fn write_batches(pool: PgPool, batches: Arc<Mutex<mpsc::UnboundedReceiver<Waiting>>>) {
    loop {
        let (bodies, callers) = gather(&mut *batches.lock().await).await;
        if bodies.is_empty() {
            return;
        }
        match write_all(&pool, &bodies).await {
            Ok(()) => callers.into_iter().for_each(|caller| {
                // Who has given up waiting does not hear it.
                let _ = caller.send(());
            }),
            Err(error) => eprintln!("the bare handler could not write: {error:#}"),
        }
    }
}

/// Waits for a first payment, and then until the transaction is full.
async fn gather(waiting: &mut mpsc::UnboundedReceiver<Waiting>) -> (Vec<Bytes>, Vec<oneshot::Sender<()>>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut next = waiting.recv().await;
    let until = tokio::time::Instant::now() + FILL_WITHIN;
    while let Some(payment) = next {
        batch.push(payment);
        if batch.len() >= BATCH {
            break;
        }
        next = timeout_at(until, waiting.recv()).await.ok().flatten();
    }
    batch.into_iter().unzip()
}

async fn write_all(pool: &PgPool, bodies: &[Bytes]) -> Result<()> {
    let mut batch = Batch::with_capacity(bodies.len());
    for body in bodies {
        batch.push(&parse(std::str::from_utf8(body)?)?);
    }
    write(pool, &batch).await
}
