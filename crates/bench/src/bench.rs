//! The one piece that all benchmarks share: it sets up, runs traffic, measures, settles and reports.

use crate::account::{Measured, Reading};
use crate::create_merchants::Merchants;
use crate::disturbances::{Disturbances, share_left};
use crate::figures::{Figures, Percentiles, Times, Undisturbed};
use crate::ledger::{Group, Ledger};
use crate::options::{Options, Rate, Setting};
use crate::processor_time::resident_bytes;
use crate::report::{Counts, Report};
use crate::send_payments::{Intake, Pace, Stream, Traffic};
use crate::sink::{Manner, Sink};
use crate::stack::{Layout, Servers, Stack, build_engine};
use anyhow::{Context, Result};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Before a measurement, so that connections, caches and batches are as they stay.
const WARM_UP: Duration = Duration::from_secs(3);

/// How long what was accepted may take to arrive after the traffic has ended.
const DRAIN_WITHIN: Duration = Duration::from_secs(60);

/// A benchmark that runs.
pub(crate) struct Bench {
    pub(crate) options: Options,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) sink: Sink,
    pub(crate) report: Report,
    disturbances: Disturbances,
    servers: Option<Arc<Servers>>,
}

impl Bench {
    /// Builds the engine where that is needed, and starts the sink.
    pub(crate) async fn start(options: Options) -> Result<Self> {
        build_engine()?;
        let ledger = Ledger::new();
        let sink = Sink::start(ledger.clone()).await?;
        let disturbances = Disturbances::watch(&ledger);
        Ok(Self { options, ledger, sink, report: Report::default(), disturbances, servers: None })
    }

    /// The private servers, started at the first call.
    pub(crate) async fn servers(&mut self) -> Result<Arc<Servers>> {
        if let Some(servers) = &self.servers {
            return Ok(servers.clone());
        }
        let settings: Vec<&str> = self.options.postgres_settings.iter().map(String::as_str).collect();
        Ok(self.servers.insert(Servers::start(&settings).await?).clone())
    }

    /// An engine in production mode with a database of its own. The settings of the command line win over `settings`.
    pub(crate) async fn production(&mut self, layout: Layout, settings: &[Setting]) -> Result<Stack> {
        let servers = self.servers().await?;
        Stack::production(&servers, layout, &[settings, &self.options.settings].concat()).await
    }

    /// An embedded engine.
    pub(crate) async fn embedded(&self) -> Result<Stack> {
        Stack::embedded(&self.options.settings).await
    }

    /// Merchants as the options say, which answer in this manner: so many, with one endpoint each.
    pub(crate) fn merchants(&self, name: &'static str, manner: Manner) -> Merchants {
        let Options { merchants: count, cap, .. } = self.options;
        Merchants { name, manner, count, endpoints: 1, cap, sink: self.sink.address }
    }

    /// A stream to healthy merchants that is held back by what is under way.
    pub(crate) fn held_stream(&self, merchants: &Arc<Vec<String>>) -> Stream {
        let pace = Pace::Held { under_way: usize::try_from(self.options.under_way).unwrap_or(usize::MAX) };
        self.stream(Group::Healthy, merchants, pace)
    }

    /// A stream with as many connections as the options say.
    pub(crate) fn stream(&self, group: Group, merchants: &Arc<Vec<String>>, pace: Pace) -> Stream {
        let connections = usize::try_from(self.options.connections).unwrap_or(1);
        Stream { group, merchants: merchants.clone(), pace, connections }
    }

    /// Starts a stream.
    pub(crate) fn send(&self, intake: &Intake, stream: &Stream) -> Traffic {
        Traffic::start(&self.ledger, intake, stream)
    }

    /// Runs a stream alone: warms up, measures for as long as the options say, stops and drains. The figures are
    /// reported.
    pub(crate) async fn run(&mut self, name: &str, stack: &Stack, stream: &Stream) -> Result<Figures> {
        let traffic = self.send(&stack.intake()?, stream);
        self.warm_up(name).await;
        let figures = self.measure(name, stack, self.options.seconds, &[&traffic]).await;
        traffic.stop().await.with_context(|| format!("the engine's log:\n{}", stack.logs()))?;
        self.drain(stream.group).await;
        Ok(figures)
    }

    /// Lets what has just begun come to its steady state.
    pub(crate) async fn warm_up(&self, name: &str) {
        eprintln!("{name}: warming up");
        tokio::time::sleep(WARM_UP).await;
    }

    /// Measures for so many seconds and reports the figures; the latencies are those of the first stream. It ends early
    /// when the traffic fails, which shows when that is stopped.
    pub(crate) async fn measure(
        &mut self,
        name: &str,
        measured: &impl Measured,
        seconds: u64,
        traffic: &[&Traffic],
    ) -> Figures {
        let group = traffic.first().map_or(Group::Healthy, |traffic| traffic.group());
        let first = Reading::take(measured, &self.ledger).await;
        let begun = tokio::time::Instant::now();
        for second in 1..=seconds {
            tokio::time::sleep_until(begun + Duration::from_secs(second)).await;
            if traffic.iter().any(|traffic| traffic.has_failed()) {
                break;
            }
            if second % 5 == 0 {
                let received = self.ledger.of(group).delivered.load(Relaxed);
                eprintln!("{name}: {second} of {seconds} s, {received} received so far");
            }
        }
        self.measure_since(name, measured, &first, group).await
    }

    /// Reports the figures since a reading.
    pub(crate) async fn measure_since(
        &mut self,
        name: &str,
        measured: &impl Measured,
        first: &Reading,
        group: Group,
    ) -> Figures {
        let last = Reading::take(measured, &self.ledger).await;
        // What was sent last has time to arrive; what has not arrived then counts with the time so far.
        tokio::time::sleep(Duration::from_millis(250)).await;
        let (accepted, received) = self.ledger.times_us(group, first.sent, last.sent, &[]);
        let disturbed = self.disturbances.periods();
        let undisturbed_us = self.ledger.times_us(group, first.sent, last.sent, &disturbed).1;
        let undisturbed = Undisturbed {
            share: share_left(&disturbed, (first.at_us, last.at_us)),
            processors_slow_share: self.disturbances.slow_share((first.at_us, last.at_us)),
            processors_paused_share: self.disturbances.paused_share((first.at_us, last.at_us)),
            latency_ms: Percentiles::of_us(&undisturbed_us),
        };
        let memory: u64 = measured.pids().engine.iter().map(|pid| resident_bytes(*pid)).sum();
        let figures = Figures {
            name: name.to_owned(),
            spent: first.until(&last, group),
            latency_ms: Percentiles::of_us(&received),
            accept_ms: Percentiles::of_us(&accepted),
            undisturbed,
            times: Times { all_us: received.into(), undisturbed_us: undisturbed_us.into() },
            floor_ratio: None,
            engine_memory_mb: memory as f64 / 1e6,
        };
        self.report.runs.push(figures.clone());
        figures
    }

    /// The rate in payments a second; where it is a part of the peak, that is found first.
    pub(crate) async fn find_rate(&mut self, rate: Rate, stack: &Stack, merchants: &Arc<Vec<String>>) -> Result<f64> {
        let part = match rate {
            Rate::PerSecond(rate) => return Ok(rate),
            Rate::OfPeak(part) => part,
        };
        if let Some(peak) = self.report.run("peak") {
            return Ok((peak.rate() * part).max(1.0));
        }
        let stream = self.held_stream(merchants);
        let traffic = self.send(&stack.intake()?, &stream);
        self.warm_up("peak").await;
        let peak = self.measure("peak", stack, self.options.find_seconds, &[&traffic]).await;
        traffic.stop().await.with_context(|| format!("the engine's log:\n{}", stack.logs()))?;
        self.drain(stream.group).await;
        Ok((peak.rate() * part).max(1.0))
    }

    /// Waits until all that was accepted of a group is received, for at most a minute.
    pub(crate) async fn drain(&self, group: Group) {
        let begun = tokio::time::Instant::now();
        while self.ledger.of(group).missing() > 0 {
            if begun.elapsed() > DRAIN_WITHIN {
                eprintln!("not all that was accepted was received within a minute");
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Prints the report.
    pub(crate) fn finish(mut self, benchmark: &str) -> Result<()> {
        let tally = self.ledger.of(Group::Healthy);
        let (accepted, received) = (tally.accepted.load(Relaxed), tally.delivered.load(Relaxed));
        let repeated = self.ledger.repeated.load(Relaxed);
        self.report.counts = Counts { accepted, received, missing: tally.missing(), repeated };
        if self.options.json {
            println!("{}", serde_json::to_string_pretty(&self.report.to_json(benchmark))?);
        } else {
            self.report.print(benchmark);
        }
        Ok(())
    }
}
