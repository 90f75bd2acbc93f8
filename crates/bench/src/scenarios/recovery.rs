//! A merchant is back after an outage, with a hundred thousand deliveries waiting for it.

use crate::account::Reading;
use crate::bench::Bench;
use crate::create_merchants::Merchants;
use crate::database::Database;
use crate::figures::ratio;
use crate::generate::{Stock, StockState, generate, now_us, still_pending};
use crate::ledger::Group;
use crate::options::{Options, Rate};
use crate::report::Target;
use crate::send_payments::Pace;
use crate::sink::Manner;
use crate::stack::{Layout, Stack};
use crate::to_alone::ToAlone;
use anyhow::Result;
use clap::Args;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// What waits comes due within this time, while the merchant is down, and is tried in vain.
const COMES_DUE_WITHIN_US: i64 = 20_000_000;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many deliveries wait.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    waiting: u64,
    /// How long the merchant answers 503 while the engine runs.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=3600))]
    outage_seconds: u64,
    /// How long the draining is watched.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600))]
    drain_seconds: u64,
    /// How long the merchant takes to answer once it is back.
    #[arg(long, default_value_t = 20)]
    answer_ms: u64,
    /// Payments a second to the other merchants, or a part of the peak.
    #[arg(long, default_value = "quarter")]
    rate: Rate,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Runs it.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let mut bench = Bench::start(arguments.options.clone()).await?;
    let stack = bench.production(Layout::One, &[]).await?;
    let others = bench.merchants("healthy", Manner::AtOnce).create(&stack).await?;
    let back = bench.merchants("back", Manner::Door(arguments.answer_ms));
    Merchants { count: 1, ..back }.create(&stack).await?;
    let rate = bench.find_rate(arguments.rate, &stack, &others).await?;
    let stream = bench.stream(Group::Healthy, &others, Pace::Fixed { rate });
    bench.run("others alone, before", &stack, &stream).await?;

    stack.stop()?;
    let database = Database::connect(stack.postgres_url()?).await?;
    let from_us = now_us()?;
    let state = StockState::Due { from_us, until_us: from_us + COMES_DUE_WITHIN_US };
    generate(&database, &[Stock { numbers: 0..arguments.waiting, merchants: "back", state }]).await?;
    stack.start_again().await?;

    let traffic = bench.send(&stack.intake()?, &stream);
    bench.warm_up("others during the outage").await;
    bench.measure("others during the outage", &stack, arguments.outage_seconds, &[&traffic]).await;
    eprintln!("the merchant is back");
    bench.sink.take_held_max();
    bench.sink.set_door(true);
    let return_us = bench.ledger.now_us();
    let drained = drain(&mut bench, &stack, &arguments).await;
    traffic.stop().await?;
    bench.drain(Group::Healthy).await;
    // While it goes on draining the others are not alone.
    let is_drained = bench.ledger.stock.delivered.load(Relaxed) >= arguments.waiting;
    let name = if is_drained { "others alone, after" } else { "others, still draining" };
    bench.run(name, &stack, &stream).await?;
    judge(&mut bench, &arguments, return_us, &drained);
    bench.report.note("still_pending", still_pending(&database.pool).await? as f64, "");
    bench.finish("recovery")
}

/// What was seen in each second of the draining.
struct Second {
    delivered: u64,
    in_flight_max: u64,
}

/// Watches until all is delivered, or the time is over. The others' figures are reported.
async fn drain(bench: &mut Bench, stack: &Stack, arguments: &Arguments) -> Vec<Second> {
    let first = Reading::take(stack, &bench.ledger).await;
    let mut seconds = Vec::new();
    let (mut before, begun) = (bench.ledger.stock.delivered.load(Relaxed), Instant::now());
    while before < arguments.waiting && begun.elapsed() < Duration::from_secs(arguments.drain_seconds) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = bench.ledger.stock.delivered.load(Relaxed);
        seconds.push(Second { delivered: now - before, in_flight_max: bench.sink.take_held_max() });
        before = now;
        if seconds.len() % 5 == 0 {
            eprintln!("{now} of {} are delivered after {} s", arguments.waiting, seconds.len());
        }
    }
    bench.measure_since("others while it drains", stack, &first, Group::Healthy).await;
    seconds
}

fn judge(bench: &mut Bench, arguments: &Arguments, return_us: u64, drained: &[Second]) {
    let stock = &bench.ledger.stock;
    let delivered = stock.delivered.load(Relaxed);
    let span = stock.span_us();
    let first_after = span.map(|(first, _)| first.saturating_sub(return_us) as f64 / 1e6);
    let rate = span.and_then(|(first, last)| ratio(delivered as f64 * 1e6, last.saturating_sub(first) as f64));
    let in_flight = drained.iter().map(|second| second.in_flight_max).max().unwrap_or(0);
    let [during, draining] = ["others during the outage", "others while it drains"]
        .map(|name| ToAlone::of(&bench.report, name, "others alone"));
    let cap = bench.options.cap as f64;
    let could = cap * 1e3 / arguments.answer_ms.max(1) as f64;
    let report = &mut bench.report;
    report.judge("first_delivery_after_return", first_after, "s", Target::AtMost(15.0));
    report.note("deliveries_drained", delivered as f64, "");
    report.note("drain_rate", rate, "/s");
    report.note("rate_that_the_cap_allows", could, "/s");
    report.judge("in_flight_max_to_cap", ratio(in_flight as f64, cap), "", Target::AtMost(1.0));
    report.judge("others_p99_to_alone_during_outage", during.undisturbed, "", Target::AtMost(1.2));
    report.note("others_p99_to_alone_during_outage_with_all_time", during.with_all_time, "");
    report.judge("others_p99_to_alone_while_draining", draining.undisturbed, "", Target::AtMost(1.2));
    report.note("others_p99_to_alone_while_draining_with_all_time", draining.with_all_time, "");
    // How it begins shows whether there is a ramp.
    report.show("drained_in_each_second", drained.iter().map(|second| second.delivered as f64).collect());
    report.show("in_flight_max_in_each_second", drained.iter().map(|second| second.in_flight_max as f64).collect());
}
