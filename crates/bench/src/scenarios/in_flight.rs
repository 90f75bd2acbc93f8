//! Receivers that take their time: how many attempts one worker process has in flight, and what each costs in memory.

use crate::bench::Bench;
use crate::ledger::Group;
use crate::options::{Options, Setting};
use crate::processor_time::resident_bytes;
use crate::report::Target;
use crate::send_payments::Pace;
use crate::sink::Manner;
use crate::stack::Layout;
use anyhow::{Context, Result};
use clap::Args;
use std::time::{Duration, Instant};

/// The throughput is measured after the most in flight was looked for.
const MEASURED_SECONDS: u64 = 5;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How long the receivers take to answer; may be said several times. By default 200 and 3000 ms: at 200 ms, 10,000 in
    /// flight would be 50,000 deliveries a second.
    #[arg(long = "answer-ms")]
    answers_ms: Vec<u64>,
    /// The worker's setting `in_flight_max`.
    #[arg(long, default_value_t = 12_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    in_flight_max: u64,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Runs it.
pub(crate) async fn run(mut arguments: Arguments) -> Result<()> {
    if arguments.answers_ms.is_empty() {
        arguments.answers_ms = vec![200, 3000];
    }
    // All endpoints together take a tenth more than the worker.
    arguments.options.merchants = (arguments.in_flight_max * 11 / 10).div_ceil(arguments.options.cap).max(1);
    let mut bench = Bench::start(arguments.options).await?;
    for answer_ms in arguments.answers_ms {
        measure(&mut bench, answer_ms, arguments.in_flight_max).await?;
    }
    bench.finish("in-flight")
}

async fn measure(bench: &mut Bench, answer_ms: u64, in_flight_max: u64) -> Result<()> {
    let name = format!("{answer_ms} ms");
    let settings = [Setting::new("PAYBELL_IN_FLIGHT_MAX", in_flight_max)];
    let stack = bench.production(Layout::Split { apis: 1, workers: 1 }, &settings).await?;
    let merchants = bench.merchants("healthy", Manner::After(answer_ms)).create(&stack).await?;
    let worker = stack.last_pid().context("the worker does not run")?;
    let idle = resident_bytes(worker);

    let under_way = usize::try_from(in_flight_max * 2)?;
    let stream = bench.stream(Group::Healthy, &merchants, Pace::Held { under_way });
    let traffic = bench.send(&stack.intake()?, &stream);
    bench.warm_up(&name).await;
    let most = watch(worker, bench).await;
    bench.measure(&name, &stack, MEASURED_SECONDS, &[&traffic]).await;
    traffic.stop().await?;
    bench.drain(Group::Healthy).await;

    let each_kb = most.memory.saturating_sub(idle) as f64 / 1024.0 / most.in_flight.max(1) as f64;
    let report = &mut bench.report;
    let target = (in_flight_max >= 10_000).then_some(Target::AtLeast(10_000.0));
    report.add("in_flight_max", &name, Some(most.in_flight as f64), "", target);
    report.add("worker_memory_idle", &name, Some(idle as f64 / 1e6), "MB", None);
    report.add("worker_memory_max", &name, Some(most.memory as f64 / 1e6), "MB", None);
    // What a worker needs for itself is no part of it where little is in flight.
    let target = (most.in_flight * 2 >= in_flight_max).then_some(Target::AtMost(40.0));
    report.add("memory_each", &name, Some(each_kb), "KB", target);
    Ok(())
}

/// The most that was seen.
#[derive(Default)]
struct Most {
    in_flight: u64,
    memory: u64,
}

async fn watch(worker: u32, bench: &Bench) -> Most {
    let (mut most, begun) = (Most::default(), Instant::now());
    while begun.elapsed() < Duration::from_secs(bench.options.seconds) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        most.in_flight = most.in_flight.max(bench.sink.take_held_max());
        most.memory = most.memory.max(resident_bytes(worker));
    }
    most
}
