//! Sustained throughput: everything on one machine, durable settings, 500-byte payments.

use crate::load::{self, Gateway};
use crate::processor_time::{machine_busy_us, resident_bytes, tree_us};
use crate::sink::{self, Ledger};
use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use paybell_testkit::{Engine, Postgres, Redis};
use serde::Serialize;
use serde_json::json;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Which engine is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Mode {
    Production,
    Embedded,
    Both,
}

#[derive(Args)]
pub(crate) struct Options {
    /// How long to measure, after three seconds of warming up.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Which engine: PostgreSQL and Redis, or one process with SQLite.
    #[arg(long, value_enum, default_value = "both")]
    mode: Mode,
    /// How many requests the gateway has open at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1000))]
    connections: u64,
    /// How many merchants, with one endpoint each.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    merchants: u64,
    /// How many payments may be sent and not yet received by their merchant; it holds the gateway back.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    under_way: u64,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    mode: &'static str,
    seconds: f64,
    deliveries_per_s: f64,
    cpu_us_per_delivery: ProcessorTime,
    latency_ms: Percentiles,
    /// Processor time spent by neither Paybell, its servers nor this benchmark, as a part of the machine's busy time.
    others_share: f64,
    engine_memory_mb: f64,
    accepted: u64,
    received: u64,
    /// Accepted and never received.
    lost: u64,
    /// Notifications of payments that had been received before.
    repeated: u64,
}

#[derive(Serialize)]
struct ProcessorTime {
    engine: f64,
    postgres: f64,
    redis: f64,
    all: f64,
    /// The load generator's and the sink's own, not part of `all`.
    bench: f64,
}

/// From the gateway's sending to the merchant's receiving.
#[derive(Serialize)]
struct Percentiles {
    p50: f64,
    p99: f64,
}

/// Runs the benchmark in the modes that were asked for.
pub(crate) async fn run(options: Options) -> Result<()> {
    build_engine()?;
    let mut reports = Vec::new();
    if options.mode != Mode::Embedded {
        let postgres = Postgres::start()?;
        let redis = Redis::start()?;
        let engine = Engine::production(&postgres.create_database().await?, &redis.url()).start().await?;
        let servers = Servers { engine: &engine, postgres: postgres.pid(), redis: redis.pid() };
        reports.push(measure("production", &options, &servers).await?);
    }
    if options.mode != Mode::Production {
        let data = tempfile::tempdir()?;
        let engine = Engine::embedded(data.path()).start().await?;
        let servers = Servers { engine: &engine, postgres: None, redis: None };
        reports.push(measure("embedded", &options, &servers).await?);
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&json!({ "throughput": reports }))?);
    } else {
        reports.iter().for_each(print);
    }
    Ok(())
}

/// Builds the binary that is measured, optimised.
fn build_engine() -> Result<()> {
    if std::env::var_os("PAYBELL_BIN").is_some() {
        return Ok(());
    }
    eprintln!("building paybell");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(["build", "--release", "--quiet", "-p", "paybell"]).status()?;
    ensure!(status.success(), "paybell could not be built");
    Ok(())
}

struct Servers<'a> {
    engine: &'a Engine,
    postgres: Option<u32>,
    redis: Option<u32>,
}

/// A reading of all clocks and counters.
struct Reading {
    at: Instant,
    engine: u64,
    postgres: u64,
    redis: u64,
    bench: u64,
    machine: u64,
    received: u64,
    sent: u64,
}

impl Servers<'_> {
    fn read(&self, ledger: &Ledger) -> Reading {
        let spent = |pid: Option<u32>| pid.map_or(0, tree_us);
        Reading {
            at: Instant::now(),
            engine: spent(self.engine.pid()),
            postgres: spent(self.postgres),
            redis: spent(self.redis),
            bench: tree_us(std::process::id()),
            machine: machine_busy_us(),
            received: ledger.received.load(Ordering::Relaxed),
            sent: ledger.sent(),
        }
    }
}

async fn measure(mode: &'static str, options: &Options, servers: &Servers<'_>) -> Result<Report> {
    let ledger = Ledger::new(usize::try_from(options.under_way)?);
    let gateway = Arc::new(prepare(options, servers, ledger.clone()).await?);
    let senders: Vec<_> =
        (0..options.connections).map(|_| tokio::spawn(load::send(gateway.clone(), ledger.clone()))).collect();

    eprintln!("{mode}: warming up");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let first = servers.read(&ledger);
    for second in 1..=options.seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if second % 5 == 0 {
            eprintln!("{mode}: {second} s, {} received", ledger.received.load(Ordering::Relaxed) - first.received);
        }
    }
    let last = servers.read(&ledger);
    let memory = servers.engine.pid().map_or(0, resident_bytes);
    gateway.stop.store(true, Ordering::Relaxed);
    // Senders that wait for room are let go; what they then send is received like the rest.
    ledger.under_way.add_permits(usize::try_from(options.connections)?);
    for sender in senders {
        sender.await?.with_context(|| format!("the engine's log:\n{}", servers.engine.log()))?;
    }
    let accepted = gateway.accepted.load(Ordering::Relaxed);
    drain(&ledger, accepted).await;
    Ok(report(mode, &first, &last, &ledger, accepted, memory))
}

async fn prepare(options: &Options, servers: &Servers<'_>, ledger: Arc<Ledger>) -> Result<Gateway> {
    let sink = sink::start(ledger).await?;
    let api = servers.engine.api();
    let mut merchants = Vec::new();
    for number in 0..options.merchants {
        let merchant = format!("merchant-{number}");
        api.create_merchant(&merchant).await?;
        let url = format!("http://{sink}/{merchant}");
        api.create_endpoint(&merchant, &url, "standard", json!({ "concurrency_max": 100 })).await?;
        merchants.push(merchant);
    }
    Ok(Gateway {
        api: api.base().trim_start_matches("http://").parse()?,
        key: api.token().to_owned(),
        merchants,
        stop: AtomicBool::new(false),
        accepted: AtomicU64::new(0),
    })
}

/// Waits until all that was accepted is received, for at most a minute.
async fn drain(ledger: &Ledger, accepted: u64) {
    for _ in 0..600 {
        if ledger.received.load(Ordering::Relaxed) >= accepted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people, far below 2^52")]
fn report(mode: &'static str, first: &Reading, last: &Reading, ledger: &Ledger, accepted: u64, memory: u64) -> Report {
    let deliveries = (last.received - first.received).max(1) as f64;
    let each = |before: u64, after: u64| after.saturating_sub(before) as f64 / deliveries;
    let seconds = last.at.duration_since(first.at).as_secs_f64();
    let (engine, bench) = (each(first.engine, last.engine), each(first.bench, last.bench));
    let (postgres, redis) = (each(first.postgres, last.postgres), each(first.redis, last.redis));
    // The engine and its servers are children of this process, so its tree holds all of them.
    let ours = bench.max(engine + postgres + redis);
    let machine = each(first.machine, last.machine);
    let latencies = ledger.latencies_us(first.sent);
    let percentile = |part: f64| {
        let at = (latencies.len() as f64 * part) as usize;
        latencies.get(at.min(latencies.len().saturating_sub(1))).map_or(0.0, |us| *us as f64 / 1e3)
    };
    let received = ledger.received.load(Ordering::Relaxed);
    Report {
        mode,
        seconds,
        deliveries_per_s: deliveries / seconds,
        cpu_us_per_delivery: ProcessorTime {
            engine,
            postgres,
            redis,
            all: engine + postgres + redis,
            bench: ours - engine - postgres - redis,
        },
        latency_ms: Percentiles { p50: percentile(0.5), p99: percentile(0.99) },
        others_share: ((machine - ours) / machine.max(1.0)).max(0.0),
        engine_memory_mb: memory as f64 / 1e6,
        accepted,
        received,
        lost: accepted.saturating_sub(received),
        repeated: ledger.repeated.load(Ordering::Relaxed),
    }
}

fn print(report: &Report) {
    let cpu = &report.cpu_us_per_delivery;
    println!("{}, {:.0} s", report.mode, report.seconds);
    println!("  deliveries                 {:>10.0} /s", report.deliveries_per_s);
    println!(
        "  processor time, each       {:>10.0} µs  (engine {:.0}, PostgreSQL {:.0}, Redis {:.0})",
        cpu.all, cpu.engine, cpu.postgres, cpu.redis
    );
    println!(
        "  gateway → merchant         {:>10.1} ms p50, {:.1} ms p99",
        report.latency_ms.p50, report.latency_ms.p99
    );
    println!("  engine's memory            {:>10.0} MB", report.engine_memory_mb);
    println!("  accepted / received / lost {} / {} / {}", report.accepted, report.received, report.lost);
    println!("  others' processor time     {:>10.1} %", report.others_share * 100.0);
}
