//! The gateway: it sends payments by HTTP at a rate, asks again with the same id until it knows the outcome, and notes
//! every answer on disk.

use crate::evidence::{Log, Sent, now_us};
use anyhow::{Context, Result, ensure};
use paybell_testkit::{Answer, Api};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// After so long without an answer the outcome is unknown.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// The rest before a payment is sent again.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// What is sent.
#[derive(Clone, Debug)]
pub struct Load {
    /// The prefix of the gateway's ids, so that two loads do not meet.
    pub prefix: String,
    /// How many payments; a load that is stopped sends fewer.
    pub payments: u64,
    /// How many a second, at most.
    pub per_second: u32,
    /// How many requests at a time, at most.
    pub connections: u32,
    /// The merchants, in turn.
    pub merchants: Vec<String>,
    /// Every how many-th payment is sent again at once, and again with other content; 0 for none.
    pub repeat_every: u64,
    /// How long it goes on asking for an unknown outcome.
    pub give_up: Duration,
}

impl Load {
    /// Payments of the merchant `shop` from 16 connections.
    pub fn of(prefix: &str, payments: u64, per_second: u32) -> Load {
        Load {
            prefix: prefix.to_owned(),
            payments,
            per_second,
            connections: 16,
            merchants: vec!["shop".to_owned()],
            repeat_every: 10,
            give_up: Duration::from_secs(60),
        }
    }

    /// The same for these merchants.
    #[must_use]
    pub fn to(mut self, merchants: &[&str]) -> Load {
        self.merchants = merchants.iter().map(|&merchant| merchant.to_owned()).collect();
        self
    }

    /// The same, and it goes on asking for an unknown outcome for so long.
    #[must_use]
    pub fn patient(mut self, give_up: Duration) -> Load {
        self.give_up = give_up;
        self
    }

    /// The same from more connections at a time.
    #[must_use]
    pub fn connections(mut self, connections: u32) -> Load {
        self.connections = connections;
        self
    }
}

/// What a load came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Payments whose acceptance is known.
    pub accepted: u64,
    /// Requests that were answered with 5xx.
    pub refused: u64,
    /// Requests without an answer.
    pub unknown: u64,
    /// The slowest answer with a 5xx, in µs.
    pub slowest_refusal_us: i64,
}

#[derive(Default)]
struct Shared {
    next: AtomicU64,
    stop: AtomicBool,
    accepted: AtomicU64,
    refused: AtomicU64,
    unknown: AtomicU64,
    slowest_refusal_us: std::sync::atomic::AtomicI64,
    holds: AtomicBool,
    held: AtomicU64,
}

/// A load under way.
pub struct Sender {
    shared: Arc<Shared>,
    tasks: JoinSet<Result<()>>,
}

impl Sender {
    /// Begins to send to these APIs in turn.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn start(apis: Vec<Api>, load: Load, file: &Path) -> Result<Sender> {
        ensure!(!apis.is_empty() && !load.merchants.is_empty(), "a load needs an API and a merchant");
        let log = Arc::new(Log::open(file).context("open the sender's log")?);
        let shared = Arc::new(Shared::default());
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for connection in 0..load.connections {
            let api = apis[usize::try_from(connection)? % apis.len()].clone();
            let (load, log, shared, apis) = (load.clone(), log.clone(), shared.clone(), apis.clone());
            tasks.spawn(async move { Connection { api, apis, load, log, shared, begun }.send_all().await });
        }
        Ok(Sender { shared, tasks })
    }

    /// How many payments are known to be accepted so far.
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// What it came to so far.
    pub fn tally(&self) -> Tally {
        let s = &self.shared;
        Tally {
            accepted: s.accepted.load(Ordering::Relaxed),
            refused: s.refused.load(Ordering::Relaxed),
            unknown: s.unknown.load(Ordering::Relaxed),
            slowest_refusal_us: s.slowest_refusal_us.load(Ordering::Relaxed),
        }
    }

    /// Whether it waits before it asks again about a payment that got no answer.
    pub fn hold(&self, holds: bool) {
        self.shared.holds.store(holds, Ordering::Relaxed);
    }

    /// How many payments got no answer, and are held.
    pub fn held(&self) -> u64 {
        self.shared.held.load(Ordering::Relaxed)
    }

    /// Begins no more payments; those begun go on until their outcome is known.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// Waits until all is sent and known.
    ///
    /// # Errors
    /// When an outcome stayed unknown for too long, or an answer is none that the intake may give.
    pub async fn finish(mut self) -> Result<Tally> {
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
        }
        Ok(self.tally())
    }
}

struct Connection {
    api: Api,
    apis: Vec<Api>,
    load: Load,
    log: Arc<Log>,
    shared: Arc<Shared>,
    begun: Instant,
}

impl Connection {
    async fn send_all(self) -> Result<()> {
        loop {
            let number = self.shared.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.load.payments {
                return Ok(());
            }
            let due = Duration::from_secs_f64(f64::from(u32::try_from(number)?) / f64::from(self.load.per_second));
            sleep_until(self.begun + due).await;
            if self.shared.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            self.send_until_known(number).await?;
        }
    }

    async fn send_until_known(&self, number: u64) -> Result<()> {
        let id = format!("{}-{number}", self.load.prefix);
        let place = usize::try_from(number)? % self.load.merchants.len();
        let merchant = &self.load.merchants[place];
        let give_up = Instant::now() + self.load.give_up;
        let mut turn = usize::try_from(number)?;
        let mut api = &self.api;
        loop {
            let sent = self.send(api, merchant, &id, 0).await?;
            if sent.accepted() {
                break;
            }
            if sent.status.is_none() {
                self.until_released().await;
            }
            ensure!(Instant::now() < give_up, "the outcome of {id} stayed unknown for {:?}", self.load.give_up);
            sleep(AGAIN_AFTER).await;
            // Another process may be up.
            turn += 1;
            api = &self.apis[turn % self.apis.len()];
        }
        self.shared.accepted.fetch_add(1, Ordering::Relaxed);
        if self.load.repeat_every > 0 && number.is_multiple_of(self.load.repeat_every) {
            self.send(api, merchant, &id, 0).await?;
            self.send(api, merchant, &id, 1).await?;
        }
        Ok(())
    }

    async fn until_released(&self) {
        let is_held = || self.shared.holds.load(Ordering::Relaxed);
        if is_held() {
            self.shared.held.fetch_add(1, Ordering::Relaxed);
            while is_held() {
                sleep(Duration::from_millis(10)).await;
            }
            self.shared.held.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Sends once and notes the answer.
    async fn send(&self, api: &Api, merchant: &str, id: &str, content: u8) -> Result<Sent> {
        let body = Api::payment(merchant, id, json!({ "amount": 1000 + i64::from(content) }))?;
        let at_us = now_us();
        let answer = timeout(ANSWER_WITHIN, api.post("/v1/payments", &body)).await;
        let until_us = now_us();
        let sent = to_sent((at_us, until_us), (merchant, id, content), answer.ok().and_then(Result::ok).as_ref());
        self.log.note(&sent)?;
        match sent.status {
            None => drop(self.shared.unknown.fetch_add(1, Ordering::Relaxed)),
            Some(status) if status >= 500 => {
                self.shared.refused.fetch_add(1, Ordering::Relaxed);
                self.shared.slowest_refusal_us.fetch_max(until_us - at_us, Ordering::Relaxed);
            }
            Some(409) => ensure!(content == 1, "{id} was refused as differing, and does not: {:?}", body),
            Some(status) => ensure!(sent.accepted(), "{id} was answered with {status}"),
        }
        Ok(sent)
    }
}

fn to_sent((at_us, until_us): (i64, i64), (merchant, id, content): (&str, &str, u8), answer: Option<&Answer>) -> Sent {
    let body = answer.map(|answer| &answer.body);
    let accepted = answer.is_some_and(|answer| (200..300).contains(&answer.status));
    let deliveries = body.and_then(|body| body["deliveries"].as_array()).filter(|_| accepted);
    let id_of = |value: &Value| value["id"].as_str().map(str::to_owned);
    Sent {
        at_us,
        until_us,
        merchant: merchant.to_owned(),
        id: id.to_owned(),
        content,
        status: answer.map(|answer| answer.status),
        payment_id: body.filter(|_| accepted).and_then(|body| body["payment_id"].as_str()).map(str::to_owned),
        deliveries: deliveries.into_iter().flatten().filter_map(id_of).collect(),
    }
}
