//! A scenario's stage: the cluster, the merchants' server, the gateway's loads, the logs; and at the end the checker.

use crate::behaviour::Behaviour;
use crate::checker::{Terms, check};
use crate::cluster::Cluster;
use crate::evidence::{Act, Evidence, Log, Reading, now_us, read_log};
use crate::layout::Layout;
use crate::receiver::Receiver;
use crate::report::{Report, keep_offenders};
use crate::sender::{Load, Sender, Tally};
use anyhow::{Context, Result, ensure};
use paybell_testkit::Api;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Where a scenario works, and whom it tells how far it is.
#[derive(Clone, Debug)]
pub struct Room {
    /// Its name.
    pub name: String,
    /// The folder of its logs.
    pub folder: PathBuf,
    /// Whether it says on standard error how far it is.
    pub talks: bool,
}

impl Room {
    /// Says how far it is.
    pub fn say(&self, words: &str) {
        if self.talks {
            eprintln!("{}: {words}", self.name);
        }
    }
}

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
    begun: Instant,
    loads: Vec<Sender>,
    tallies: Vec<Tally>,
    fired: Vec<(String, u64)>,
    acts: Log,
    newest: watch::Receiver<Option<Reading>>,
    reader: JoinHandle<()>,
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
        std::fs::create_dir_all(&room.folder)?;
        let cluster = Cluster::start(layout, &room.folder).await?;
        let receiver = Receiver::start(&room.folder.join("receiver.jsonl")).await?;
        let acts = Log::open(&room.folder.join("acts.jsonl"))?;
        let readings = Log::open(&room.folder.join("readings.jsonl"))?;
        let (tell, newest) = watch::channel(None);
        let (source, skew_us) = (cluster.source().clone(), terms.skew_us);
        let reader = tokio::spawn(async move {
            loop {
                // Without the database there is nothing to read.
                if let Ok(reading) = source.reading(skew_us).await {
                    let _ = readings.note(&reading);
                    tell.send_replace(Some(reading));
                }
                sleep(Duration::from_millis(200)).await;
            }
        });
        let stage = Stage {
            cluster,
            receiver,
            terms,
            settle_within: Duration::from_secs(60),
            begun,
            loads: Vec::new(),
            tallies: Vec::new(),
            fired: Vec::new(),
            acts,
            newest,
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
        let api = self.api()?;
        let path = format!("/{name}");
        api.create_merchant(name).await?;
        let (id, secret) = api.create_endpoint(name, &self.receiver.url(&path), dialect, extra).await?;
        self.receiver.place(&path, dialect, &secret, behaviour);
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

    /// How many payments are accepted so far.
    pub fn accepted(&self) -> u64 {
        let ended: u64 = self.tallies.iter().map(|tally| tally.accepted).sum();
        ended + self.loads.iter().map(Sender::accepted).sum::<u64>()
    }

    /// How many requests were refused with a 5xx so far.
    pub fn refused(&self) -> u64 {
        self.loads.iter().map(|load| load.tally().refused).sum()
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

    /// Waits for the loads and for the last delivery, ends the engine, and checks all.
    ///
    /// # Errors
    /// When a fault never struck, or the intake did not recover. What the checker finds is no error, but in the report.
    pub async fn finish(mut self) -> Result<Report> {
        self.loads_end().await?;
        self.terms.faults_over_us.get_or_insert_with(now_us);
        self.room.say(&format!("{} accepted; waiting for the last delivery", self.accepted()));
        self.settle().await;
        self.reader.abort();
        self.cluster.terminate_all();
        let evidence = self.gather().await?;
        let verdict = check(&evidence, &self.terms);
        let seconds = |us: i64| Duration::from_micros(u64::try_from(us).unwrap_or(0)).as_secs_f64();
        let over = self.terms.faults_over_us.unwrap_or(0);
        let slowest = self.tallies.iter().map(|tally| tally.slowest_refusal_us).max().unwrap_or(0);
        let report = Report {
            name: self.room.name.clone(),
            seconds: self.begun.elapsed().as_secs_f64(),
            kills: self.cluster.kills(),
            settled_s: self.terms.settled_us.map(|at| seconds(at - over)),
            slowest_refusal_s: seconds(slowest),
            counts: verdict.counts,
            violations: verdict.violations,
            fired: self.fired,
            logs: None,
        };
        keep_offenders(&self.room.folder, &evidence, &report.violations)?;
        for (what, count) in &report.fired {
            ensure!(*count > 0, "the fault never struck: {what}");
        }
        ensure!(!report.fired.is_empty(), "the scenario names no fault that struck");
        Ok(report)
    }

    async fn settle(&mut self) {
        let since = now_us();
        let give_up = Instant::now() + self.settle_within;
        while Instant::now() < give_up {
            if self.pending(since) == Some(0) {
                self.terms.settled_us = Some(now_us());
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn gather(&self) -> Result<Evidence> {
        let folder = &self.room.folder;
        let dump = self.cluster.source().dump().await.context("dump the database")?;
        self.cluster.source().close().await;
        std::fs::write(folder.join("dump.json"), serde_json::to_vec_pretty(&dump)?)?;
        Ok(Evidence {
            sent: read_log(&folder.join("sender.jsonl"))?,
            seen: read_log(&folder.join("receiver.jsonl"))?,
            acts: read_log(&folder.join("acts.jsonl"))?,
            readings: read_log(&folder.join("readings.jsonl"))?,
            dump,
        })
    }
}
