//! Pages with ten million deliveries stored: how long each takes, and what ten people who look cost the deliveries.

use super::time_pages::time_pages;
use crate::alternate::InTurn;
use crate::bench::Bench;
use crate::create_merchants::Merchants;
use crate::database::Database;
use crate::figures::{Figures, Percentiles};
use crate::generate_history::generate_history;
use crate::ledger::Group;
use crate::look_on::{Looked, Onlookers};
use crate::options::{Options, Rate};
use crate::report::Target;
use crate::send_payments::{Pace, Stream};
use crate::sink::Manner;
use crate::stack::{Layout, Stack};
use anyhow::{Context, Result};
use clap::Args;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many deliveries are stored.
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    deliveries: u64,
    /// How many merchants they are for; one of 15 fails, and one of 15 is paused.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(15..=10_000))]
    stock_merchants: u64,
    /// How often each page is read; reading them all once takes some 13 s, as figures that are kept for two seconds are to be
    /// read anew.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    times: u32,
    /// How many people look.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=200))]
    people: u32,
    /// How many pairs of neighbouring spans of `--seconds` are compared: one while nobody looks, one while they do.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pairs: u32,
    /// Payments a second meanwhile, or a part of the peak; without it, as much as the engine bears.
    #[arg(long)]
    rate: Option<Rate>,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Runs it.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let mut bench = Bench::start(arguments.options.clone()).await?;
    let stack = bench.production(Layout::One, &[]).await?;
    let healthy = bench.merchants("healthy", Manner::AtOnce).create(&stack).await?;
    make_stock_merchants(&bench, &stack, arguments.stock_merchants).await?;
    let key = stack.operators_key()?;
    stack.stop()?;

    let database = Database::connect(stack.postgres_url()?).await?;
    generate_history(&database, arguments.deliveries).await?;
    stack.start_again().await?;
    bench.report.note("deliveries_stored", arguments.deliveries as f64, "");
    time_pages(&mut bench.report, stack.api(), &key, &database, arguments.times).await?;

    let stream = match arguments.rate {
        None => bench.held_stream(&healthy),
        Some(rate) => {
            let rate = bench.find_rate(rate, &stack, &healthy).await?;
            bench.stream(Group::Healthy, &healthy, Pace::Fixed { rate })
        }
    };
    let in_turn =
        InTurn { without: "alone", with: "looked at", pairs: arguments.pairs, counts: Figures::is_undisturbed };
    let looked = look(&mut bench, &stack, &stream, (&key, arguments.people), &in_turn).await?;
    judge(&mut bench, &in_turn, looked);
    bench.finish("pages")
}

/// Those of the history, and one for whom there is nothing.
async fn make_stock_merchants(bench: &Bench, stack: &Stack, count: u64) -> Result<()> {
    let some = (count / 15).max(1);
    for (name, manner, count) in [
        ("stock-well", Manner::AtOnce, count - 2 * some),
        ("stock-failing", Manner::Door(0), some),
        ("stock-paused", Manner::AtOnce, some),
        ("quiet", Manner::AtOnce, 1),
    ] {
        Merchants { count, ..bench.merchants(name, manner) }.create(stack).await?;
    }
    Ok(())
}

/// Measures in turn while nobody looks and while some do, with the same traffic going on.
async fn look(
    bench: &mut Bench,
    stack: &Stack,
    stream: &Stream,
    (key, people): (&str, u32),
    in_turn: &InTurn,
) -> Result<Looked> {
    let traffic = bench.send(&stack.intake()?, stream);
    let (mut onlookers, mut looked): (Option<Onlookers>, _) = (None, Looked::default());
    let switch = async |come: bool| {
        if come {
            onlookers = Some(Onlookers::come(stack.api().base(), key, people).await?);
        } else if let Some(onlookers) = onlookers.take() {
            looked.add(onlookers.go().await?);
        }
        Ok(())
    };
    in_turn.measure(bench, stack, &traffic, switch).await?;
    traffic.stop().await.with_context(|| format!("the engine's log:\n{}", stack.logs()))?;
    bench.drain(stream.group).await;
    Ok(looked)
}

fn judge(bench: &mut Bench, in_turn: &InTurn, mut looked: Looked) {
    let (throughput, cost) =
        (in_turn.compare(&bench.report, Figures::rate), in_turn.compare(&bench.report, Figures::cost_us));
    let p99 = in_turn.compare(&bench.report, |run| run.latency_ms.p99);
    // Where processors are the limit, throughput falls as a delivery's cost grows.
    let at_one_speed = in_turn.compare(&bench.report, |run| 1.0 / run.whole_cost_at_one_speed());
    looked.reloads_us.sort_unstable();
    let reloads = Percentiles::of_us(&looked.reloads_us);
    let report = &mut bench.report;
    report.note("pages_reloaded", looked.reloads_us.len() as f64, "");
    report.note("pages_sent_as_they_changed", looked.events as f64, "");
    report.note("reload_p50_beside_deliveries", reloads.p50, "ms");
    report.note("reload_p99_beside_deliveries", reloads.p99, "ms");
    report.judge("throughput_looked_at_to_alone", throughput.map(|it| it.ratio), "", Target::AtLeast(0.98));
    report.note("throughput_looked_at_to_alone_at_least", throughput.map(|it| it.low), "with 95 % certainty");
    report.note("throughput_looked_at_to_alone_at_most", throughput.map(|it| it.high), "with 95 % certainty");
    report.note("throughput_looked_at_to_alone_at_one_speed", at_one_speed.map(|it| it.ratio), "");
    report.note("throughput_at_one_speed_at_least", at_one_speed.map(|it| it.low), "with 95 % certainty");
    report.note("throughput_at_one_speed_at_most", at_one_speed.map(|it| it.high), "with 95 % certainty");
    report.note("cost_looked_at_to_alone", cost.map(|it| it.ratio), "");
    report.note("p99_looked_at_to_alone", p99.map(|it| it.ratio), "");
}
