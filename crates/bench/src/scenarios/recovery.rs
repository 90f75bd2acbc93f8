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
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Payments for the merchant go on as if what waits had come in this time.
const AN_HOUR_S: f64 = 3600.0;

/// As much traffic as while it drains is only measured where the merchant takes at most so many times what the others get: with a
/// quarter of the peak for them, more could be too much for the machine, and what it leaves behind would be in the others' way.
const MERCHANT_TO_OTHERS_MAX: f64 = 2.0;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many payments are accepted for the merchant while it is down, before the others are measured. Then they go on, one
    /// in 3,600 of them a second, as in an outage of an hour.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    waiting: u64,
    /// Instead of these payments, so many retries are written straight into the database and come due within so many seconds,
    /// as after an outage of the engine's own.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    retries_due_within: Option<u64>,
    /// How long the merchant answers 503 while the others are measured.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=3600))]
    outage_seconds: u64,
    /// How long the draining is watched.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600))]
    drain_seconds: u64,
    /// How long the merchant takes to answer once it is back.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    answer_ms: u64,
    /// Payments a second to the other merchants, or a part of the peak.
    #[arg(long, default_value = "quarter")]
    rate: Rate,
    #[command(flatten)]
    pub(crate) options: Options,
}

impl Arguments {
    /// How many deliveries a second the merchant takes once it is back.
    fn cap_allows(&self) -> f64 {
        self.options.cap as f64 * 1e3 / self.answer_ms as f64
    }
}

/// Runs it.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let mut bench = Bench::start(arguments.options.clone()).await?;
    let stack = bench.production(Layout::One, &[]).await?;
    let others = bench.merchants("healthy", Manner::AtOnce).create(&stack).await?;
    let back = bench.merchants("back", Manner::Door(arguments.answer_ms));
    let back = Merchants { count: 1, ..back }.create(&stack).await?;
    let rate = bench.find_rate(arguments.rate, &stack, &others).await?;
    let stream = bench.stream(Group::Healthy, &others, Pace::Fixed { rate });
    if arguments.cap_allows() <= MERCHANT_TO_OTHERS_MAX * rate {
        let as_much = Pace::Fixed { rate: rate + arguments.cap_allows() };
        let as_much = bench.stream(Group::Healthy, &others, as_much);
        bench.run("as much traffic as while it drains", &stack, &as_much).await?;
    }
    bench.run("others alone, before", &stack, &stream).await?;

    match arguments.retries_due_within {
        Some(seconds) => generate_retries(&stack, arguments.waiting, seconds).await?,
        None => accept_in_vain(&bench, &stack, &back, arguments.waiting).await?,
    }
    let mut all_traffic = vec![bench.send(&stack.intake()?, &stream)];
    if arguments.retries_due_within.is_none() {
        let goes_on = Pace::Fixed { rate: arguments.waiting as f64 / AN_HOUR_S };
        all_traffic.push(bench.send(&stack.intake()?, &bench.stream(Group::Troubled, &back, goes_on)));
    }
    bench.warm_up("others during the outage").await;
    let measured: Vec<_> = all_traffic.iter().collect();
    bench.measure("others during the outage", &stack, arguments.outage_seconds, &measured).await;
    eprintln!("the merchant is back");
    bench.sink.take_held_max();
    bench.sink.set_door(true);
    let return_us = bench.ledger.now_us();
    let drained = drain(&mut bench, &stack, &arguments).await;
    for traffic in all_traffic {
        traffic.stop().await?;
    }
    bench.drain(Group::Healthy).await;
    // While it goes on draining the others are not alone.
    let is_drained = arrived(&bench) >= arguments.waiting;
    let name = if is_drained { "others alone, after" } else { "others, still draining" };
    bench.run(name, &stack, &stream).await?;
    judge(&mut bench, &arguments, return_us, &drained);
    let database = Database::connect(stack.postgres_url()?).await?;
    bench.report.note("still_pending", still_pending(&database.pool).await? as f64, "");
    bench.finish("recovery")
}

/// Sends so many payments for the merchant that is down, as fast as they are accepted.
async fn accept_in_vain(bench: &Bench, stack: &Stack, back: &Arc<Vec<String>>, count: u64) -> Result<()> {
    let under_way = usize::try_from(count)?;
    let traffic = bench.send(&stack.intake()?, &bench.stream(Group::Troubled, back, Pace::Held { under_way }));
    let accepted = || bench.ledger.of(Group::Troubled).accepted.load(Relaxed);
    while accepted() < count && !traffic.has_failed() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        eprintln!("{} of {count} payments were accepted while the merchant is down", accepted());
    }
    traffic.stop().await
}

/// Writes so many deliveries that come due within so many seconds from now.
async fn generate_retries(stack: &Stack, count: u64, within_seconds: u64) -> Result<()> {
    stack.stop()?;
    let database = Database::connect(stack.postgres_url()?).await?;
    let from_us = now_us()?;
    let state = StockState::Due { from_us, until_us: from_us + i64::try_from(within_seconds * 1_000_000)? };
    generate(&database, &[Stock { numbers: 0..count, merchants: "back", state }]).await?;
    stack.start_again().await
}

/// How many of the merchant's deliveries have arrived.
fn arrived(bench: &Bench) -> u64 {
    bench.ledger.stock.delivered.load(Relaxed) + bench.ledger.of(Group::Troubled).delivered.load(Relaxed)
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
    let (mut before, begun) = (arrived(bench), Instant::now());
    while before < arguments.waiting && begun.elapsed() < Duration::from_secs(arguments.drain_seconds) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = arrived(bench);
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
    let delivered = arrived(bench);
    let span = bench.ledger.stock.span.get_us().or_else(|| bench.ledger.of(Group::Troubled).span.get_us());
    let first_after = span.map(|(first, _)| first.saturating_sub(return_us) as f64 / 1e6);
    let rate = span.and_then(|(first, last)| ratio(delivered as f64 * 1e6, last.saturating_sub(first) as f64));
    let in_flight = drained.iter().map(|second| second.in_flight_max).max().unwrap_or(0);
    let [during, draining] = ["others during the outage", "others while it drains"]
        .map(|name| ToAlone::of(&bench.report, name, "others alone"));
    let to_as_much = ToAlone::of(&bench.report, "others while it drains", "as much traffic");
    let cap = bench.options.cap as f64;
    let report = &mut bench.report;
    report.judge("first_delivery_after_return", first_after, "s", Target::AtMost(15.0));
    report.note("deliveries_drained", delivered as f64, "");
    report.note("drain_rate", rate, "/s");
    report.note("rate_that_the_cap_allows", arguments.cap_allows(), "/s");
    report.judge("in_flight_max_to_cap", ratio(in_flight as f64, cap), "", Target::AtMost(1.0));
    report.judge("others_p99_to_alone_during_outage", during.undisturbed, "", Target::AtMost(1.2));
    report.note("others_p99_to_alone_during_outage_with_all_time", during.with_all_time, "");
    report.judge("others_p99_to_alone_while_draining", draining.undisturbed, "", Target::AtMost(1.2));
    report.note("others_p99_to_alone_while_draining_with_all_time", draining.with_all_time, "");
    report.note("others_p99_while_draining_to_as_much_traffic", to_as_much.undisturbed, "");
    // How it begins shows whether there is a ramp.
    report.show("drained_in_each_second", drained.iter().map(|second| second.delivered as f64).collect());
    report.show("in_flight_max_in_each_second", drained.iter().map(|second| second.in_flight_max as f64).collect());
}
