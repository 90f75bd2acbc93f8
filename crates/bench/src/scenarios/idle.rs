//! Nothing to do: processor time, memory and statements; and how soon a single payment is picked up all the same.

use crate::account::Reading;
use crate::bench::Bench;
use crate::database::Database;
use crate::ledger::Group;
use crate::options::Options;
use crate::processor_time::resident_bytes;
use crate::report::Target;
use crate::send_payments::Pace;
use crate::sink::Manner;
use crate::stack::Layout;
use anyhow::Result;
use clap::Args;
use std::time::Duration;

/// Single payments a second; each finds an idle engine.
const SINGLE_RATE: f64 = 2.0;

/// How long the engine is left alone before it is looked at, so that what its start brought is over.
const SETTLE: Duration = Duration::from_secs(10);

#[derive(Args)]
pub(crate) struct Arguments {
    /// Measures the embedded engine.
    #[arg(long)]
    embedded: bool,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Runs it.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let mut bench = Bench::start(arguments.options).await?;
    let stack = match arguments.embedded {
        true => bench.embedded().await?,
        false => bench.production(Layout::One, &[]).await?,
    };
    let merchants = bench.merchants("healthy", Manner::AtOnce).create(&stack).await?;
    let database = match arguments.embedded {
        true => None,
        false => Some(Database::connect(stack.postgres_url()?).await?),
    };
    eprintln!("idle: settling");
    tokio::time::sleep(SETTLE).await;

    eprintln!("idle: {} s", bench.options.seconds);
    let commits_before = commits(database.as_ref()).await?;
    let (first, begun) = (Reading::take(&stack, &bench.ledger).await, std::time::Instant::now());
    tokio::time::sleep(Duration::from_secs(bench.options.seconds)).await;
    let last = Reading::take(&stack, &bench.ledger).await;
    let commits_after = commits(database.as_ref()).await?;
    let memory = stack.last_pid().map_or(0, resident_bytes) as f64 / 1e6;
    let spent = first.until(&last, Group::Healthy);
    let report = &mut bench.report;
    report.judge("engine_share_of_a_core", spent.engine_share * 100.0, "%", Target::AtMost(0.5));
    report.note("with_servers_share_of_a_core", spent.all_share * 100.0, "%");
    report.judge("engine_memory", memory, "MB", Target::AtMost(40.0));
    report.note("others_share_of_busy_time", spent.others_share * 100.0, "%");
    if let Some((before, after)) = commits_before.zip(commits_after) {
        let per_s = (after - before) as f64 / begun.elapsed().as_secs_f64();
        report.judge("transactions", per_s, "/s", Target::AtMost(TRANSACTIONS_MAX));
    }

    let mut stream = bench.stream(Group::Healthy, &merchants, Pace::Fixed { rate: SINGLE_RATE });
    stream.connections = 2;
    let single = bench.run("single payments", &stack, &stream).await?;
    bench.report.note("pick_up_p50", single.latency_ms.p50, "ms");
    bench.report.judge("pick_up_p99", single.latency_ms.p99, "ms", Target::AtMost(10.0));
    bench.finish("idle")
}

/// One look of the dispatcher a second is a few statements: what is due, what comes next, what is released, and the
/// clock and the gauges from time to time. The three queries of this benchmark itself count too.
const TRANSACTIONS_MAX: f64 = 6.0;

async fn commits(database: Option<&Database>) -> Result<Option<i64>> {
    match database {
        Some(database) => Ok(Some(database.counters().await?.commits)),
        None => Ok(None),
    }
}
