//! The floor, the engine, and the floor again, in one run; with the two limits that the floor itself is made of.

use crate::bench::Bench;
use crate::database::Database;
use crate::figures::ratio;
use crate::floor::{Floor, write_batch};
use crate::ledger::Group;
use crate::options::Options;
use crate::scenarios::throughput;
use crate::stack::Layout;
use anyhow::Result;
use clap::Args;
use std::sync::atomic::Ordering::Relaxed;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Measures the floor alone, without the engine.
    #[arg(long)]
    alone: bool,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Runs it.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let mut bench = Bench::start(arguments.options).await?;
    let floor = Floor::start(&mut bench).await?;
    let database = Database::connect(&floor.database_url).await?;
    let before = database.counters().await?.commits;
    floor.run(&mut bench, "floor").await?;
    let transactions = database.counters().await?.commits - before;
    let payments = bench.ledger.of(Group::Healthy).accepted.load(Relaxed);
    if !arguments.alone {
        let stack = bench.production(Layout::One, &[]).await?;
        throughput::measure(&mut bench, "production", &stack).await?;
        drop(stack);
        floor.run(&mut bench, "floor again").await?;
    }
    throughput::judge(&mut bench);
    // It must come near what a full transaction holds, else the floor is too low.
    bench.report.note("payments_per_transaction", ratio(payments as f64, transactions as f64), "");
    let exchanges = floor.run_bare(&mut bench).await?;
    bench.report.note("bare_http_exchanges", exchanges, "/s");
    eprintln!("writing rows");
    let rows = write_batch::measure_rows(&floor.database_url, bench.options.seconds).await?;
    bench.report.note("batched_insert_rows", rows, "/s");
    bench.finish("floor")
}
