//! The gateway: sends payments over keep-alive connections, held back by what is under way or at a fixed rate.

use crate::ledger::{Group, Ledger};
use crate::pace::Turns;
use crate::payment::payment;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// How fast a stream is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As fast as it goes with so many payments under way at most: no backlog grows.
    Held {
        /// Payments that were sent and have not arrived.
        under_way: usize,
    },
    /// Open loop: so many payments a second, whatever becomes of them, at moments of their own.
    Fixed {
        /// Payments a second, on average.
        rate: f64,
    },
}

/// A stream of payments.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) group: Group,
    /// Whom the payments are for, in turn.
    pub(crate) merchants: Arc<Vec<String>>,
    pub(crate) pace: Pace,
    /// How many requests may be open at once.
    pub(crate) connections: usize,
}

/// Where and as whom to send.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    /// The connections are dealt out to these in turn.
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) key: String,
    pub(crate) path: &'static str,
}

/// A stream that runs.
pub(crate) struct Traffic {
    group: Group,
    ledger: Arc<Ledger>,
    stop: Arc<AtomicBool>,
    senders: Vec<JoinHandle<Result<()>>>,
}

impl Traffic {
    /// Starts sending.
    pub(crate) fn start(ledger: &Arc<Ledger>, intake: &Intake, stream: &Stream) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let turn = match stream.pace {
            Pace::Held { under_way } => {
                let permits = &ledger.of(stream.group).under_way;
                permits.forget_permits(usize::MAX >> 4);
                permits.add_permits(under_way);
                Turn::Room
            }
            Pace::Fixed { rate } => {
                let turns = Turns::start(rate, stream.group as u64, ledger.clone(), stop.clone());
                Turn::Moment(Arc::new(turns))
            }
        };
        let senders = (0..stream.connections).map(|place| {
            let (ledger, stop, turn) = (ledger.clone(), stop.clone(), turn.clone());
            tokio::spawn(Sender { place, intake: intake.clone(), stream: stream.clone(), ledger, stop, turn }.run())
        });
        Self { group: stream.group, ledger: ledger.clone(), stop: stop.clone(), senders: senders.collect() }
    }

    /// Stops sending and waits for the answers that are due.
    ///
    /// # Errors
    /// When the API refused a payment or a connection broke: a benchmark of errors would be none.
    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.store(true, Relaxed);
        // Senders that wait for room are let go, and then see that it is over.
        self.ledger.of(self.group).under_way.add_permits(self.senders.len());
        for sender in self.senders {
            sender.await??;
        }
        Ok(())
    }

    /// Whose payments are sent.
    pub(crate) fn group(&self) -> Group {
        self.group
    }

    /// Whether a sender failed; [`Traffic::stop`] then says why.
    pub(crate) fn has_failed(&self) -> bool {
        self.senders.iter().any(JoinHandle::is_finished)
    }
}

struct Sender {
    place: usize,
    intake: Intake,
    stream: Stream,
    ledger: Arc<Ledger>,
    stop: Arc<AtomicBool>,
    turn: Turn,
}

impl Sender {
    async fn run(self) -> Result<()> {
        let address = self.intake.addresses.get(self.place % self.intake.addresses.len()).context("no intake")?;
        let stream = TcpStream::connect(address).await.context("connecting to the API")?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let authorization = format!("Bearer {}", self.intake.key);
        while let Some(at_us) = self.turn.next(&self).await? {
            let (number, place) = self.ledger.note_sent(self.stream.group, at_us);
            let merchant = self.stream.merchants.get(place % self.stream.merchants.len()).context("no merchants")?;
            send_one(&mut sender, self.intake.path, &authorization, payment(number, merchant)).await?;
            self.ledger.note_accepted(self.stream.group, number);
        }
        Ok(())
    }
}

/// What a connection waits for before it sends.
#[derive(Clone)]
enum Turn {
    /// Room for one more under way.
    Room,
    /// Its moment.
    Moment(Arc<Turns>),
}

impl Turn {
    /// Waits for it. Answers the moment from which the payment's time counts; nothing when it is over.
    async fn next(&self, sender: &Sender) -> Result<Option<u64>> {
        let at_us = match self {
            Turn::Room => {
                sender.ledger.of(sender.stream.group).under_way.acquire().await?.forget();
                Some(sender.ledger.now_us())
            }
            Turn::Moment(turns) => turns.next().await,
        };
        Ok(at_us.filter(|_| !sender.stop.load(Relaxed)))
    }
}

async fn send_one(sender: &mut SendRequest<Full<Bytes>>, path: &str, authorization: &str, body: String) -> Result<()> {
    let request = Request::post(path)
        .header(header::HOST, "paybell")
        .header(header::AUTHORIZATION, authorization)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    sender.ready().await?;
    let response = sender.send_request(request).await.context("sending a payment")?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if status != StatusCode::ACCEPTED {
        bail!("the API answered {status} to a payment: {}", String::from_utf8_lossy(&body));
    }
    Ok(())
}
