//! A hundred thousand deliveries come due at one instant.

use crate::bench::Bench;
use crate::database::Database;
use crate::figures::ratio;
use crate::generate::{Stock, StockState, generate, now_us};
use crate::options::Options;
use crate::report::Target;
use crate::sink::Manner;
use crate::stack::Layout;
use anyhow::Result;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// From the end of generating to the instant; the engine is started meanwhile.
const LEAD: Duration = Duration::from_secs(15);

/// How long the draining may take.
const DRAIN_WITHIN: Duration = Duration::from_secs(600);

/// Measures the sustained rate, then how fast `count` deliveries are drained.
pub(crate) async fn run(options: Options, count: u64) -> Result<()> {
    let mut bench = Bench::start(options).await?;
    let stack = bench.production(Layout::One, &[]).await?;
    let merchants = bench.merchants("healthy", Manner::AtOnce).create(&stack).await?;
    let stream = bench.held_stream(&merchants);
    let sustained = bench.run("sustained", &stack, &stream).await?;
    stack.stop()?;

    let database = Database::connect(stack.postgres_url()?).await?;
    // It takes about 20 µs to generate each.
    let generating = Duration::from_micros(count * 40);
    let at_us = now_us()? + i64::try_from((LEAD + generating).as_micros())?;
    let state = StockState::Due { from_us: at_us, until_us: at_us };
    generate(&database, &[Stock { numbers: 0..count, merchants: "healthy", state }]).await?;
    stack.start_again().await?;
    let early = now_us()? < at_us && bench.ledger.stock.delivered.load(Relaxed) == 0;
    anyhow::ensure!(early, "the set-up took longer than was planned, so the instant has passed");
    let wait = u64::try_from(at_us - now_us()?).unwrap_or(0);
    let due_us = bench.ledger.now_us() + wait;
    tokio::time::sleep(Duration::from_micros(wait)).await;

    let begun = std::time::Instant::now();
    let delivered = || bench.ledger.stock.delivered.load(Relaxed);
    let mut told = 0;
    while delivered() < count && begun.elapsed() < DRAIN_WITHIN {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if begun.elapsed().as_secs() / 5 > told {
            told = begun.elapsed().as_secs() / 5;
            eprintln!("{} of {count} are delivered after {} s", delivered(), told * 5);
        }
    }
    let (first_us, last_us) = bench.ledger.stock.span.get_us().unwrap_or_default();
    let rate = ratio(delivered() as f64 * 1e6, last_us.saturating_sub(due_us) as f64);
    let (count, delivered) = (count as f64, delivered() as f64);
    let part = rate.and_then(|rate| ratio(rate, sustained.rate()));
    let report = &mut bench.report;
    report.note("deliveries_due", count, "");
    report.note("deliveries_drained", delivered, "");
    report.note("first_after", first_us.saturating_sub(due_us) as f64 / 1e3, "ms");
    report.note("drain_rate", rate, "/s");
    report.judge("drain_rate_to_sustained", part, "", Target::AtLeast(0.8));
    bench.finish("backlog --due")
}
