//! The cost of a delivery at first, and after millions of payments were delivered.

use crate::bench::Bench;
use crate::database::Database;
use crate::figures::ratio;
use crate::generate::{Stock, StockState, generate};
use crate::options::Options;
use crate::report::Target;
use crate::sink::Manner;
use crate::stack::Layout;
use anyhow::Result;
use clap::Args;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many payments were delivered before, in millions.
    #[arg(long, default_value_t = 5.0)]
    millions: f64,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Runs it. Both measurements take as long as the options say, which is some 100,000 deliveries; the first is repeated
/// at the end on another, fresh database, as the machine may have changed meanwhile.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let mut bench = Bench::start(arguments.options).await?;
    let count = (arguments.millions * 1e6) as u64;
    let stack = bench.production(Layout::One, &[]).await?;
    let merchants = bench.merchants("healthy", Manner::AtOnce).create(&stack).await?;
    let stream = bench.held_stream(&merchants);
    let young = bench.run("young", &stack, &stream).await?;
    stack.stop()?;

    let database = Database::connect(stack.postgres_url()?).await?;
    generate(&database, &[Stock { numbers: 0..count, merchants: "healthy", state: StockState::Delivered }]).await?;
    stack.start_again().await?;
    let grown = bench.run("grown", &stack, &stream).await?;
    stack.stop()?;

    let fresh = bench.production(Layout::One, &[]).await?;
    bench.merchants("healthy", Manner::AtOnce).create(&fresh).await?;
    let again = bench.run("young again", &fresh, &stream).await?;
    let cost = (young.cost_us() + again.cost_us()) / 2.0;
    bench.report.note("payments_delivered_before", count as f64, "");
    bench.report.judge("cost_to_young", ratio(grown.cost_us(), cost), "", Target::AtMost(1.15));
    bench.report.note("throughput_to_young", ratio(grown.rate(), (young.rate() + again.rate()) / 2.0), "");
    bench.finish("growth")
}
