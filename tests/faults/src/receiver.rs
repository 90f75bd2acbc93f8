//! The merchants' server: it notes every request on disk before it answers, and misbehaves as it is told. It speaks
//! HTTP/1.1 by hand, as a server that breaks the protocol must.

use crate::behaviour::{Behaviour, act};
use crate::evidence::{Log, Moment, Seen, now_us};
use crate::verify::{check_form, check_standard};
use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// An endpoint of the server.
#[derive(Clone)]
struct Place {
    behaviour: Behaviour,
    secret: String,
    dialect: &'static str,
}

/// The server. It ends when it is dropped.
pub struct Receiver {
    port: u16,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    log: Log,
    book: Mutex<Book>,
    requests: AtomicU64,
    acknowledged: AtomicU64,
}

#[derive(Default)]
struct Book {
    places: HashMap<String, Place>,
    in_flight: HashMap<String, u32>,
    /// How many requests of each delivery came, and of each path.
    turns: HashMap<String, usize>,
}

impl Receiver {
    /// Starts it with its log in `file`.
    ///
    /// # Errors
    /// When there is no port, or the file cannot be written.
    pub async fn start(file: &Path) -> Result<Receiver> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("listen as a merchant")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            log: Log::open(file).context("open the receiver's log")?,
            book: Mutex::default(),
            requests: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
        });
        let serving = shared.clone();
        let accepting = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(serve(stream, serving.clone()))),
                    Err(_) => sleep(Duration::from_millis(5)).await,
                }
            }
        });
        Ok(Receiver { port, shared, accepting })
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What is signed how at a path, and what it does.
    pub fn place(&self, path: &str, dialect: &'static str, secret: &str, behaviour: Behaviour) {
        let place = Place { behaviour, secret: secret.to_owned(), dialect };
        self.shared.book().places.insert(path.to_owned(), place);
    }

    /// Changes what it does at a path from now on.
    pub fn behave(&self, path: &str, behaviour: Behaviour) {
        if let Some(place) = self.shared.book().places.get_mut(path) {
            place.behaviour = behaviour;
        }
    }

    /// How many requests came.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// How many acknowledgements were sent.
    pub fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    /// How many requests are under way at a path.
    pub fn in_flight(&self, path: &str) -> u32 {
        self.shared.book().in_flight.get(path).copied().unwrap_or(0)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a request as under way until it is dropped.
struct Under<'a>(&'a Shared, &'a str);

impl<'a> Under<'a> {
    fn begin(shared: &'a Shared, path: &'a str) -> (Under<'a>, u32) {
        let mut book = shared.book();
        let count = book.in_flight.entry(path.to_owned()).or_default();
        *count += 1;
        (Under(shared, path), *count)
    }
}

impl Drop for Under<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.0.book().in_flight.get_mut(self.1) {
            *count = count.saturating_sub(1);
        }
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read);
    let mut goes_on = true;
    while goes_on {
        goes_on = match read_request(&mut read).await {
            Ok(Some(request)) => answer(&request, &mut read, &mut write, &shared).await.unwrap_or(false),
            Ok(None) => return,
            Err(_) => false,
        };
    }
    // Closing with no time to linger sends a reset.
    let _ = stream.set_zero_linger();
}

struct Request {
    path: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

/// The next request; nothing at the end of the connection.
async fn read_request(read: &mut BufReader<ReadHalf<'_>>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if read.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        if read.read_line(&mut line).await? <= 2 {
            break;
        }
        if let Some((name, value)) = line.trim_end().split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    read.read_exact(&mut body).await?;
    Ok(Some(Request { path, headers, body }))
}

/// Notes the request and does with it what is due. Answers whether the connection goes on.
async fn answer(
    request: &Request,
    read: &mut BufReader<ReadHalf<'_>>,
    write: &mut WriteHalf<'_>,
    shared: &Shared,
) -> io::Result<bool> {
    let (under, in_flight) = Under::begin(shared, &request.path);
    let (seen, behaviour) = note(request, in_flight, shared)?;
    let left = async {
        let mut byte = [0];
        while read.read(&mut byte).await.is_ok_and(|length| length > 0) {}
    };
    let acknowledged = tokio::select! {
        done = act(&behaviour, write, under) => done?,
        () = left => return Ok(false),
    };
    if acknowledged {
        shared.acknowledged.fetch_add(1, Ordering::Relaxed);
        shared.log.note(&Seen { moment: Moment::Acknowledged, at_us: now_us(), ..seen })?;
    }
    Ok(matches!(behaviour, Behaviour::Ok | Behaviour::Answer(..) | Behaviour::Slow(_) | Behaviour::OnTheTick(_)))
}

fn note(request: &Request, in_flight: u32, shared: &Shared) -> io::Result<(Seen, Behaviour)> {
    let header = |name: &str| request.headers.get(name).cloned().unwrap_or_default();
    let delivery = header("paybell-delivery");
    let (place, behaviour) = {
        let mut book = shared.book();
        let place = book.places.get(&request.path).cloned();
        let behaviour = place.as_ref().map_or(Behaviour::Answer(404, "", None), |place| place.behaviour.clone());
        (place, in_turn(behaviour, &delivery, &request.path, &mut book))
    };
    let place = place.unwrap_or(Place { behaviour: Behaviour::Ok, secret: String::new(), dialect: "standard" });
    let (message_id, timestamp_s, signature_ok) = match place.dialect {
        "ok-body" => {
            let (id, signed) = check_form(&request.body, &place.secret);
            (id, None, signed)
        }
        _ => {
            let id = header("webhook-id");
            let timestamp = header("webhook-timestamp");
            let signed = check_standard(&place.secret, &id, &timestamp, &header("webhook-signature"), &request.body);
            (id, timestamp.parse().ok(), signed)
        }
    };
    let seen = Seen {
        moment: Moment::Requested,
        at_us: now_us(),
        path: request.path.clone(),
        delivery,
        attempt: header("paybell-attempt").parse().unwrap_or(0),
        message_id,
        timestamp_s,
        body_hash: hex::encode(Sha256::digest(&request.body)),
        signature_ok,
        in_flight,
    };
    shared.log.note(&seen)?;
    shared.requests.fetch_add(1, Ordering::Relaxed);
    Ok((seen, behaviour))
}

fn in_turn(behaviour: Behaviour, delivery: &str, path: &str, book: &mut Book) -> Behaviour {
    let (list, key, again) = match behaviour {
        Behaviour::InTurn(list) => (list, delivery, false),
        Behaviour::Alternate(list) => (list, path, true),
        other => return other,
    };
    let turn = book.turns.entry(key.to_owned()).or_default();
    let place = if again { *turn % list.len().max(1) } else { (*turn).min(list.len().saturating_sub(1)) };
    *turn += 1;
    list.into_iter().nth(place).unwrap_or(Behaviour::Ok)
}
