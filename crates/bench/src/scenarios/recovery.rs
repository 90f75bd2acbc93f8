//! A merchant is back after an outage, with a hundred thousand deliveries waiting for it. How it drains is watched first. Then
//! the others are compared in turn, while it drains and while it is paused: so neither the machine's speed nor what the tables
//! have grown to is taken for what draining does.

use crate::account::Reading;
use crate::alternate::InTurn;
use crate::bench::Bench;
use crate::create_merchants::Merchants;
use crate::database::Database;
use crate::figures::{Figures, ratio};
use crate::generate::{Stock, StockState, generate, now_us, still_pending};
use crate::ledger::Group;
use crate::options::{Options, Rate};
use crate::report::Target;
use crate::send_payments::{Pace, Traffic};
use crate::sink::Manner;
use crate::stack::{Layout, Stack};
use crate::to_alone::ToAlone;
use anyhow::{Result, ensure};
use clap::Args;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Payments for the merchant go on as if what waits had come in this time.
const AN_HOUR_S: f64 = 3600.0;

/// As much traffic as while it drains is only measured where the merchant takes at most so many times what the others get: with a
/// quarter of the peak for them, more could be too much for the machine, and what it leaves behind would be in the others' way.
const MERCHANT_TO_OTHERS_MAX: f64 = 2.0;

/// How long to wait after the merchant is resumed, before the warm-up of three seconds: what waits is released in a ramp of ten
/// (`paybell_delivery::release_limit`).
const RAMP: Duration = Duration::from_secs(7);

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
    /// How long the draining is watched, with the ramp in which it begins.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    drain_seconds: u64,
    /// How many pairs of neighbouring spans of `--seconds` are compared then: one while it drains, one while it is paused.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pairs: u32,
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
    let to_others = bench.send(&stack.intake()?, &stream);
    let goes_on = Pace::Fixed { rate: arguments.waiting as f64 / AN_HOUR_S };
    let goes_on = bench.stream(Group::Troubled, &back, goes_on);
    let goes_on = arguments.retries_due_within.is_none().then(|| stack.intake().map(|to| bench.send(&to, &goes_on)));
    let goes_on = goes_on.transpose()?;
    bench.warm_up("others during the outage").await;
    bench.measure("others during the outage", &stack, arguments.outage_seconds, &[&to_others]).await;
    eprintln!("the merchant is back");
    bench.sink.take_held_max();
    bench.sink.set_door(true);
    let return_us = bench.ledger.now_us();
    let mut drained = watch(&mut bench, &stack, &arguments).await;
    let in_turn = InTurn {
        without: "others alone, it is paused",
        with: "others, it drains",
        pairs: arguments.pairs,
        counts: Figures::tells_latencies,
    };
    pause_in_turn(&mut bench, &stack, &to_others, (&back, &in_turn)).await?;
    drained.in_flight_max = drained.in_flight_max.max(bench.sink.take_held_max());
    drained.outlasts_pairs = arrived(&bench) + bench.options.cap < arguments.waiting;
    if !drained.outlasts_pairs {
        eprintln!("no verdict on draining: all had drained before the last pair; take more --waiting or fewer --pairs");
    }
    for traffic in [to_others].into_iter().chain(goes_on) {
        traffic.stop().await?;
    }
    bench.drain(Group::Healthy).await;
    judge(&mut bench, &arguments, return_us, &drained, &in_turn);
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

/// Measures the others in turn, while the merchant drains and while it is paused. It drains at first, and is paused at the end.
async fn pause_in_turn(
    bench: &mut Bench,
    stack: &Stack,
    others: &Traffic,
    (back, in_turn): (&[String], &InTurn),
) -> Result<()> {
    let switch = async |drains: bool| {
        let act = if drains { "resume" } else { "pause" };
        for merchant in back {
            let answer = stack.api().post(&format!("/v1/merchants/{merchant}/{act}"), &Value::Null).await?;
            ensure!(answer.status == 200, "{act} {merchant}: {} {}", answer.status, answer.body);
        }
        if drains {
            tokio::time::sleep(RAMP).await;
        }
        Ok(())
    };
    switch(false).await?;
    in_turn.measure(bench, stack, others, switch).await
}

/// How the merchant's deliveries drained.
struct Drained {
    seconds: Vec<Second>,
    in_flight_max: u64,
    /// How many arrived while it was watched, and how many a second from the first to the last of them.
    delivered: u64,
    rate: Option<f64>,
    /// Whether some waited still when the last pair was measured.
    outlasts_pairs: bool,
}

/// What was seen in each second of the draining.
struct Second {
    delivered: u64,
    in_flight_max: u64,
}

/// Watches until all is delivered, or the time is over. The others' figures are reported.
async fn watch(bench: &mut Bench, stack: &Stack, arguments: &Arguments) -> Drained {
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
    let rate =
        span(bench).and_then(|(first, last)| ratio(arrived(bench) as f64 * 1e6, last.saturating_sub(first) as f64));
    bench.measure_since("others while it is watched", stack, &first, Group::Healthy).await;
    let in_flight_max = seconds.iter().map(|second| second.in_flight_max).max().unwrap_or(0);
    Drained { seconds, in_flight_max, delivered: before, rate, outlasts_pairs: false }
}

/// When the first and the last of the merchant's deliveries arrived, in µs since the start.
fn span(bench: &Bench) -> Option<(u64, u64)> {
    bench.ledger.stock.span.get_us().or_else(|| bench.ledger.of(Group::Troubled).span.get_us())
}

fn judge(bench: &mut Bench, arguments: &Arguments, return_us: u64, drained: &Drained, in_turn: &InTurn) {
    let first_after = span(bench).map(|(first, _)| first.saturating_sub(return_us) as f64 / 1e6);
    let during = ToAlone::of(&bench.report, "others during the outage", "others alone, before");
    let undisturbed: fn(&Figures) -> &[u64] = |run| &run.times.undisturbed_us;
    let pool = |times, part| in_turn.pool(&bench.report, times, part).filter(|_| drained.outlasts_pairs);
    let [p50, p99] = [0.5, 0.99].map(|part| pool(undisturbed, part));
    let with_all_time = pool(|run| &run.times.all_us, 0.99);
    let to_as_much = ToAlone::of(&bench.report, in_turn.with, "as much traffic");
    let watched = ToAlone::of(&bench.report, "others while it is watched", "others alone, before");
    let cap = bench.options.cap as f64;
    let report = &mut bench.report;
    report.judge("first_delivery_after_return", first_after, "s", Target::AtMost(15.0));
    report.note("deliveries_drained_while_watched", drained.delivered as f64, "");
    report.note("drain_rate", drained.rate, "/s");
    report.note("rate_that_the_cap_allows", arguments.cap_allows(), "/s");
    report.judge("in_flight_max_to_cap", ratio(drained.in_flight_max as f64, cap), "", Target::AtMost(1.0));
    report.judge("others_p99_to_alone_during_outage", during.undisturbed, "", Target::AtMost(1.2));
    report.note("others_p99_to_alone_during_outage_with_all_time", during.with_all_time, "");
    report.judge("others_p99_to_alone_while_draining", p99.map(|it| it.ratio), "", Target::AtMost(1.2));
    report.note("others_p99_to_alone_while_draining_at_least", p99.map(|it| it.low), "with 95 % certainty");
    report.note("others_p99_to_alone_while_draining_at_most", p99.map(|it| it.high), "with 95 % certainty");
    report.note("others_p99_to_alone_while_draining_with_all_time", with_all_time.map(|it| it.ratio), "");
    report.note("others_p50_to_alone_while_draining", p50.map(|it| it.ratio), "");
    report.note("others_p99_while_draining_to_as_much_traffic", to_as_much.undisturbed, "");
    report.note("others_p99_to_alone_while_watched", watched.undisturbed, "");
    // How it begins shows whether there is a ramp.
    let all = |figure: fn(&Second) -> u64| drained.seconds.iter().map(|second| figure(second) as f64).collect();
    report.show("drained_in_each_second", all(|second| second.delivered));
    report.show("in_flight_max_in_each_second", all(|second| second.in_flight_max));
}
