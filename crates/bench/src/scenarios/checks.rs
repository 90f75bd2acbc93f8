//! Questions before payments at a fixed rate, a tenth of them to merchants that hang, beside deliveries: what an answer
//! takes beyond the merchant's own time, and what it costs the deliveries.

use crate::ask_checks::Asking;
use crate::bench::Bench;
use crate::create_merchants::make_asked;
use crate::ledger::Group;
use crate::options::{Options, Rate};
use crate::send_payments::Pace;
use crate::sink::Manner;
use crate::stack::Layout;
use anyhow::Result;
use clap::Args;

/// How long a merchant thinks before it answers a question.
const THINKS_MS: u64 = 20;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Checks a second.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    rate: u64,
    /// How many of a hundred merchants hang when they are asked.
    #[arg(long, default_value = "10", value_parser = parse_percent)]
    hanging: u64,
    /// Deliveries a second meanwhile, or a part of the peak.
    #[arg(long, default_value = "half")]
    deliveries: Rate,
    #[command(flatten)]
    pub(crate) options: Options,
}

fn parse_percent(text: &str) -> Result<u64, String> {
    let number = text.trim_end_matches('%').parse().ok().filter(|percent| *percent <= 100);
    number.ok_or_else(|| "it must be a percentage, such as 10%".to_owned())
}

/// Runs it.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let mut bench = Bench::start(arguments.options).await?;
    let stack = bench.production(Layout::One, &[]).await?;
    let merchants = bench.merchants("healthy", Manner::AtOnce).create(&stack).await?;
    let asked = make_asked(&stack, bench.sink.address, arguments.hanging, Manner::Asked(THINKS_MS)).await?;
    let rate = bench.find_rate(arguments.deliveries, &stack, &merchants).await?;
    let stream = bench.stream(Group::Healthy, &merchants, Pace::Fixed { rate });
    let alone = bench.run("deliveries alone", &stack, &stream).await?;

    let traffic = bench.send(&stack.intake()?, &stream);
    let asking = Asking::start(stack.api(), &bench.ledger.checks, &asked, arguments.rate as f64);
    bench.warm_up("deliveries beside checks").await;
    let first = bench.ledger.checks.sent();
    let beside = bench.measure("deliveries beside checks", &stack, bench.options.seconds, &[&traffic]).await;
    traffic.stop().await?;
    asking.stop().await?;
    bench.drain(Group::Healthy).await;

    let answers = bench.ledger.checks.since(first);
    let report = &mut bench.report;
    for (answer, count) in &answers.counts {
        report.add("checks", answer, Some(*count as f64), "", None);
    }
    report.note("check_overhead_p50", answers.overhead_ms.p50, "ms");
    report.note("check_overhead_p99", answers.overhead_ms.p99, "ms");
    report.add("deliveries_p99", "alone", Some(alone.latency_ms.p99), "ms", None);
    report.add("deliveries_p99", "beside checks", Some(beside.latency_ms.p99), "ms", None);
    bench.finish("checks")
}
