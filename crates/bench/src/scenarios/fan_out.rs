//! Fan-out: one payment to ten endpoints, with a hundred thousand endpoints in all.

use crate::bench::Bench;
use crate::create_merchants::Merchants;
use crate::figures::{mean, ratio};
use crate::ledger::Group;
use crate::options::Options;
use crate::report::Target;
use crate::send_payments::Pace;
use crate::sink::Manner;
use crate::stack::Layout;
use anyhow::Result;
use clap::Args;
use std::sync::atomic::Ordering::Relaxed;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many endpoints there are in all.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    endpoints: u64,
    /// How many endpoints each merchant has.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(2..=16))]
    each: u16,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Runs it.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let mut bench = Bench::start(arguments.options).await?;
    let single = bench.production(Layout::One, &[]).await?;
    let merchants = bench.merchants("healthy", Manner::AtOnce).create(&single).await?;
    let stream = bench.held_stream(&merchants);
    bench.run("single", &single, &stream).await?;
    single.stop()?;

    let many = bench.production(Layout::One, &[]).await?;
    let count = (arguments.endpoints / u64::from(arguments.each)).max(1);
    let owners = bench.merchants("owner", Manner::AtOnce);
    let owners = Merchants { count, endpoints: arguments.each, ..owners }.create(&many).await?;
    bench.ledger.of(Group::Troubled).copies.store(arguments.each, Relaxed);
    // As many deliveries are under way as with single ones.
    let under_way = usize::try_from(bench.options.under_way / u64::from(arguments.each))?.max(1);
    let fanned = bench.stream(Group::Troubled, &owners, Pace::Held { under_way });
    bench.run("fan-out", &many, &fanned).await?;
    many.stop()?;

    single.start_again().await?;
    bench.run("single again", &single, &stream).await?;
    let cost = |name: &str| bench.report.run(name).map_or(0.0, |figures| figures.cost_us());
    let costs = ratio(cost("fan-out"), mean(&[cost("single"), cost("single again")]));
    let missing = bench.ledger.of(Group::Troubled).missing();
    bench.report.note("endpoints", (count * u64::from(arguments.each)) as f64, "");
    bench.report.note("fan_out_deliveries_missing", missing as f64, "");
    bench.report.judge("cost_to_single", costs, "", Target::AtMost(1.0));
    bench.finish("fan-out")
}
