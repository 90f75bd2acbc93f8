//! Indifference to the backlog: millions of deliveries wait for later retries, and intake and delivery go on as if they
//! did not.

use super::due;
use crate::bench::Bench;
use crate::database::{Database, redis_memory_mb};
use crate::figures::{mean, ratio};
use crate::generate::{Stock, StockState, generate, now_us};
use crate::options::Options;
use crate::report::Target;
use crate::sink::Manner;
use crate::stack::{Layout, Stack};
use crate::watch_dispatch::DispatchWatch;
use anyhow::Result;
use clap::Args;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many deliveries wait. By default ten million; a hundred thousand with --due.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    waiting: Option<u64>,
    /// All that waits comes due at one instant.
    #[arg(long)]
    due: bool,
    /// How many of those that wait come due in each second meanwhile.
    #[arg(long, default_value_t = 100)]
    trickle: u64,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Runs it.
pub(crate) async fn run(mut arguments: Arguments) -> Result<()> {
    if arguments.due {
        return due::run(arguments.options, arguments.waiting.unwrap_or(100_000)).await;
    }
    arguments.options.postgres_settings.push("shared_preload_libraries=pg_stat_statements".to_owned());
    let mut bench = Bench::start(arguments.options).await?;
    let count = arguments.waiting.unwrap_or(10_000_000);

    let empty = bench.production(Layout::One, &[]).await?;
    let merchants = bench.merchants("healthy", Manner::AtOnce).create(&empty).await?;
    let stream = bench.held_stream(&merchants);
    bench.run("empty", &empty, &stream).await?;
    empty.stop()?;

    let full = bench.production(Layout::One, &[]).await?;
    bench.merchants("healthy", Manner::AtOnce).create(&full).await?;
    full.stop()?;
    let database = Database::connect(full.postgres_url()?).await?;
    fill(&bench, &database, count, arguments.trickle).await?;
    full.start_again().await?;
    let watch = DispatchWatch::start(full.postgres_url()?).await?;
    bench.run("backlog", &full, &stream).await?;
    let dispatch = watch.stop().await?;
    report_redis(&mut bench, &full)?;
    full.stop()?;

    empty.start_again().await?;
    bench.run("empty again", &empty, &stream).await?;

    let rate = |name: &str| bench.report.run(name).map_or(0.0, |figures| figures.rate());
    let cost = |name: &str| bench.report.run(name).map_or(0.0, |figures| figures.cost_us());
    let part = ratio(rate("backlog"), mean(&[rate("empty"), rate("empty again")]));
    let costs = ratio(cost("backlog"), mean(&[cost("empty"), cost("empty again")]));
    let report = &mut bench.report;
    report.note("deliveries_waiting", count as f64, "");
    report.judge("throughput_to_empty", part, "", Target::AtLeast(0.9));
    report.note("cost_to_empty", costs, "");
    report.note("dispatch_passes", dispatch.passes as f64, "");
    report.judge("dispatch_p99", dispatch.p99_ms, "ms", Target::AtMost(50.0));
    report.note("dispatch_max", dispatch.max_ms, "ms");
    bench.finish("backlog")
}

/// Most of it waits for hours; a little comes due while it is measured.
async fn fill(bench: &Bench, database: &Database, count: u64, trickle: u64) -> Result<()> {
    // The set-up of the engine and the warming up come before what is measured.
    let seconds = bench.options.seconds + 30;
    let soon = (trickle * seconds).min(count / 2);
    let later = Stock { numbers: soon..count, merchants: "healthy", state: StockState::later()? };
    generate(database, &[later]).await?;
    let from_us = now_us()?;
    let state = StockState::Due { from_us, until_us: from_us + i64::try_from(seconds)? * 1_000_000 };
    generate(database, &[Stock { numbers: 0..soon, merchants: "healthy", state }]).await
}

/// The memory of Redis.
fn report_redis(bench: &mut Bench, stack: &Stack) -> Result<()> {
    if let Some(servers) = &stack.servers {
        bench.report.judge("redis_memory", redis_memory_mb(servers.redis.port())?, "MB", Target::AtMost(64.0));
    }
    Ok(())
}
