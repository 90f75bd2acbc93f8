//! A scenario's stage: the cluster, the merchants' server, the gateway's loads, the logs.

use crate::behaviour::Behaviour;
use crate::checker::Terms;
use crate::cluster::Cluster;
use crate::dump::Source;
use crate::evidence::{Act, Log, Reading, now_us};
use crate::layout::Layout;
use crate::receiver::Receiver;
use crate::room::Room;
use crate::sender::{Load, Sender, Tally};
use anyhow::{Context, Result};
use paybell_testkit::Api;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How often the database is asked how late deliveries are.
const READ_EVERY: Duration = Duration::from_millis(200);
/// How often it is said how many are pending.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// The stage.
pub struct Stage {
    /// Where it works.
    pub room: Room,
    /// The engine.
    pub cluster: Cluster,
    /// The merchants.
    pub receiver: Receiver,
    /// What the checker is to know.
    pub terms: Terms,
    /// How long what is pending after the last fault may take to end.
    pub settle_within: Duration,
    /// The seed that made its plan, if one did.
    pub seed: Option<u64>,
    pub(crate) begun: Instant,
    pub(crate) loads: Vec<Sender>,
    pub(crate) tallies: Vec<Tally>,
    pub(crate) fired: Vec<(String, u64)>,
    acts: Log,
    newest: watch::Receiver<Option<Reading>>,
    skew_us: Arc<AtomicI64>,
    pub(crate) reader: JoinHandle<()>,
}

impl Stage {
    /// Starts the engine and the merchant `shop` with one endpoint `/shop` of the dialect `standard`, which acknowledges.
    ///
    /// # Errors
    /// When anything does not start.
    pub async fn set(room: Room, layout: Layout) -> Result<Stage> {
        let mut stage = Self::bare(room, layout, Terms::default()).await?;
        stage.merchant("shop", "standard", Behaviour::Ok, json!({ "concurrency_max": 50 })).await?;
        Ok(stage)
    }

    /// Starts the engine, without a merchant.
    ///
    /// # Errors
    /// When anything does not start.
    pub async fn bare(room: Room, layout: Layout, terms: Terms) -> Result<Stage> {
        let begun = Instant::now();
        let cluster = Cluster::start(layout, &room.folder).await?;
        let receiver = Receiver::start(&room.folder.join("receiver.jsonl")).await?;
        let acts = Log::open(&room.folder.join("acts.jsonl"))?;
        let readings = Log::open(&room.folder.join("readings.jsonl"))?;
        let (tell, newest) = watch::channel(None);
        let skew_us = Arc::new(AtomicI64::new(terms.skew_us));
        let reader = tokio::spawn(read_on(cluster.source().clone(), skew_us.clone(), readings, tell, room.clone()));
        let stage = Stage {
            cluster,
            receiver,
            terms,
            settle_within: Duration::from_secs(60),
            seed: None,
            begun,
            loads: Vec::new(),
            tallies: Vec::new(),
            fired: Vec::new(),
            acts,
            newest,
            skew_us,
            reader,
            room,
        };
        stage.room.say("the engine is ready");
        Ok(stage)
    }

    /// Makes a merchant with an endpoint whose path is `/` and its name. Answers the endpoint's id.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn merchant(
        &mut self,
        name: &str,
        dialect: &'static str,
        behaviour: Behaviour,
        extra: Value,
    ) -> Result<String> {
        let url = self.receiver.url(&format!("/{name}"));
        self.merchant_by(name, &url, dialect, behaviour, extra).await
    }

    /// The same with the dialect `standard`, at an endpoint that is called by a host's name.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn merchant_at(&mut self, host: &str, name: &str, behaviour: Behaviour, extra: Value) -> Result<String> {
        let url = self.receiver.url(&format!("/{name}")).replacen("127.0.0.1", host, 1);
        self.merchant_by(name, &url, "standard", behaviour, extra).await
    }

    async fn merchant_by(
        &mut self,
        name: &str,
        url: &str,
        dialect: &'static str,
        behaviour: Behaviour,
        extra: Value,
    ) -> Result<String> {
        let api = self.api()?;
        api.create_merchant(name).await?;
        let (id, secret) = api.create_endpoint(name, url, dialect, extra).await?;
        self.receiver.place(&format!("/{name}"), dialect, &secret, behaviour);
        Ok(id)
    }

    /// The API of a process that serves it.
    ///
    /// # Errors
    /// When there is none.
    pub fn api(&self) -> Result<Api> {
        self.cluster.apis().into_iter().next().context("no process serves the API")
    }

    /// Begins a load. It is waited for at the end.
    ///
    /// # Errors
    /// When its log cannot be written.
    pub fn load(&mut self, load: Load) -> Result<()> {
        self.loads.push(Sender::start(self.cluster.apis(), load, &self.room.folder.join("sender.jsonl"))?);
        Ok(())
    }

    /// Begins a load that goes to these processes: first to the first of them, and to the others when it gives no answer.
    ///
    /// # Errors
    /// When there is no such process, or its log cannot be written.
    pub fn load_on(&mut self, names: &[&str], load: Load) -> Result<()> {
        let apis = names.iter().map(|name| Ok(self.cluster.node(name)?.api().clone())).collect::<Result<_>>()?;
        self.loads.push(Sender::start(apis, load, &self.room.folder.join("sender.jsonl"))?);
        Ok(())
    }

    /// How many payments are accepted so far.
    pub fn accepted(&self) -> u64 {
        let ended: u64 = self.tallies.iter().map(|tally| tally.accepted).sum();
        ended + self.loads.iter().map(Sender::accepted).sum::<u64>()
    }

    /// How many requests were refused with a 5xx so far.
    pub fn refused(&self) -> u64 {
        self.loads.iter().map(|load| load.tally().refused).sum()
    }

    /// Whether the loads wait before they ask again about payments that got no answer.
    pub fn hold_unknown(&self, holds: bool) {
        self.loads.iter().for_each(|load| load.hold(holds));
    }

    /// How many payments got no answer, and are held.
    pub fn held(&self) -> u64 {
        self.loads.iter().map(Sender::held).sum()
    }

    /// Waits until so many payments are accepted.
    ///
    /// # Errors
    /// When they are not in 60 s.
    pub async fn until_accepted(&self, count: u64) -> Result<()> {
        self.until(&format!("{count} payments are accepted"), || self.accepted() >= count).await
    }

    /// Waits until merchants saw so many requests.
    ///
    /// # Errors
    /// When they did not in 60 s.
    pub async fn until_seen(&self, count: u64) -> Result<()> {
        self.until(&format!("merchants saw {count} requests"), || self.receiver.requests() >= count).await
    }

    /// Waits until something holds.
    ///
    /// # Errors
    /// When it does not in 60 s.
    pub async fn until(&self, what: &str, holds: impl Fn() -> bool) -> Result<()> {
        let wait = async {
            while !holds() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(60), wait).await.with_context(|| format!("not within 60 s: {what}"))
    }

    /// Waits until all loads are sent and known.
    ///
    /// # Errors
    /// As for [`Sender::finish`].
    pub async fn loads_end(&mut self) -> Result<()> {
        for load in std::mem::take(&mut self.loads) {
            self.tallies.push(load.finish().await?);
        }
        Ok(())
    }

    /// Ends the loads: no more payments begin.
    pub fn stop_loads(&self) {
        self.loads.iter().for_each(Sender::stop);
    }

    /// Notes that a fault struck so often. A fault that never did fails the scenario.
    pub fn fired(&mut self, what: &str, count: u64) {
        self.room.say(&format!("{what}: {count}"));
        self.fired.push((what.to_owned(), count));
    }

    /// The same, summed over the strikes of one kind.
    pub fn note_strike(&mut self, what: &str, count: u64) {
        match self.fired.iter_mut().find(|(name, _)| name == what && count > 0) {
            Some((_, sum)) if *sum > 0 => *sum += count,
            _ => self.fired.push((what.to_owned(), count)),
        }
    }

    /// Notes that the database's clock steps now, and how far this machine's is ahead of it from now on.
    pub fn clock_steps(&mut self, skew_us: i64) {
        self.terms.steps.push((now_us(), skew_us));
        self.skew_us.store(skew_us, Ordering::Relaxed);
    }

    /// Notes that the last fault is over now.
    pub fn faults_over(&mut self) {
        self.terms.faults_over_us = Some(now_us());
    }

    /// Does something as a person by the API, and notes it unless it was refused. What may find nothing to change
    /// (`endpoint.…`) is not known to have happened.
    ///
    /// # Errors
    /// When it cannot be noted.
    pub async fn act(&self, path: &str, body: &Value, action: &str, subject: &str) -> Result<()> {
        let status = self.api()?.post(path, body).await.map_or(500, |answer| answer.status);
        if (200..300).contains(&status) || status >= 500 {
            let known = status < 300 && !action.starts_with("endpoint.");
            let (action, subject) = (action.to_owned(), subject.to_owned());
            self.acts.note(&Act { at_us: now_us(), known, action, subject })?;
        }
        Ok(())
    }

    /// How many deliveries are pending; nothing when the database has not been read since `since_us`.
    pub fn pending(&self, since_us: i64) -> Option<i64> {
        self.newest.borrow().filter(|reading| reading.at_us >= since_us).map(|reading| reading.pending)
    }
}

/// Notes five times a second how late deliveries are, and says every ten seconds how many are pending.
async fn read_on(source: Source, skew_us: Arc<AtomicI64>, log: Log, tell: watch::Sender<Option<Reading>>, room: Room) {
    let mut said = Instant::now();
    loop {
        // Without the database there is nothing to read.
        if let Ok(reading) = source.reading(skew_us.load(Ordering::Relaxed)).await {
            let _ = log.note(&reading);
            tell.send_replace(Some(reading));
            if said.elapsed() > SAY_EVERY {
                said = Instant::now();
                room.say(&format!(
                    "{} pending, the oldest due for {} ms",
                    reading.pending,
                    reading.oldest_due_us / 1_000
                ));
            }
        }
        sleep(READ_EVERY).await;
    }
}
