//! Fairness: half of the traffic goes to receivers that hang. The healthy half is compared with the same rate alone, and
//! with as much traffic of which nothing hangs, which tells what a busier machine does from what hanging receivers do.

use super::slow;
use crate::alternate::InTurn;
use crate::bench::Bench;
use crate::create_merchants::Merchants;
use crate::figures::{Figures, ratio};
use crate::ledger::Group;
use crate::options::{Options, Rate};
use crate::report::Target;
use crate::send_payments::{Pace, Stream, Traffic};
use crate::sink::Manner;
use crate::stack::{Layout, Stack};
use anyhow::{Context, Result};
use clap::Args;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Payments a second to the healthy merchants, or a part of the peak; those that hang get as many.
    #[arg(long, default_value = "quarter")]
    rate: Rate,
    /// How many merchants hang.
    #[arg(long, default_value_t = 20)]
    hanging: u64,
    /// How many pairs of neighbouring spans of `--seconds` are compared: one of the healthy alone, one beside those that hang.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pairs: u32,
    /// In place of those that hang: one endpoint answers in 2 s and gets 20 times its capacity.
    #[arg(long)]
    slow: bool,
    /// How long the slow endpoint is overloaded.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    minutes: u64,
    /// How many attempts the slow endpoint takes at once.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
    slow_cap: u64,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Runs it.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let mut bench = Bench::start(arguments.options).await?;
    let stack = bench.production(Layout::One, &[]).await?;
    let healthy = bench.merchants("healthy", Manner::AtOnce).create(&stack).await?;
    let rate = bench.find_rate(arguments.rate, &stack, &healthy).await?;
    let stream = bench.stream(Group::Healthy, &healthy, Pace::Fixed { rate });
    if arguments.slow {
        let load = slow::Load { cap: arguments.slow_cap, seconds: arguments.minutes * 60 };
        slow::run(&mut bench, &stack, &stream, &load).await?;
        return bench.finish("noisy --slow");
    }
    let twice = bench.stream(Group::Healthy, &healthy, Pace::Fixed { rate: 2.0 * rate });
    let twice = bench.run("twice as much, none hangs", &stack, &twice).await?;

    let hanging = bench.merchants("hanging", Manner::Hangs);
    let hanging = Merchants { count: arguments.hanging, ..hanging }.create(&stack).await?;
    let hanging = bench.stream(Group::Troubled, &hanging, Pace::Fixed { rate });
    let in_turn = InTurn {
        without: "healthy alone",
        with: "half of it hangs",
        pairs: arguments.pairs,
        counts: Figures::tells_latencies,
    };
    beside(&mut bench, &stack, (&stream, &hanging), &in_turn).await?;
    bench.report.note("rate_of_each_half", rate, "/s");
    judge(&mut bench, &in_turn, &twice);
    bench.finish("noisy")
}

/// Measures the healthy stream in turn, alone and beside the one that hangs.
async fn beside(
    bench: &mut Bench,
    stack: &Stack,
    (healthy, hanging): (&Stream, &Stream),
    in_turn: &InTurn,
) -> Result<()> {
    let intake = stack.intake()?;
    let (ledger, mut hangs) = (bench.ledger.clone(), None);
    let traffic = bench.send(&intake, healthy);
    let switch = async |come: bool| {
        if come {
            hangs = Some(Traffic::start(&ledger, &intake, hanging));
        } else if let Some(hangs) = hangs.take() {
            hangs.stop().await?;
        }
        Ok(())
    };
    in_turn.measure(bench, stack, &traffic, switch).await?;
    traffic.stop().await.with_context(|| format!("the engine's log:\n{}", stack.logs()))?;
    bench.drain(Group::Healthy).await;
    Ok(())
}

fn judge(bench: &mut Bench, in_turn: &InTurn, twice: &Figures) {
    let throughput = in_turn.compare(&bench.report, |run| run.spent.received_per_s);
    let undisturbed: fn(&Figures) -> &[u64] = |run| &run.times.undisturbed_us;
    let [p50, p99] = [0.5, 0.99].map(|part| in_turn.pool(&bench.report, undisturbed, part));
    let in_all = in_turn.pool(&bench.report, |run| &run.times.all_us, 0.99);
    let of_pairs = in_turn.compare(&bench.report, |run| run.undisturbed.latency_ms.p99);
    let same = ratio(bench.report.mean_of(in_turn.with, |run| run.latency_ms.p99), twice.latency_ms.p99);
    let report = &mut bench.report;
    report.judge("healthy_throughput_to_alone", throughput.map(|it| it.ratio), "", Target::AtLeast(0.95));
    report.judge("healthy_p99_to_alone", p99.map(|it| it.ratio), "", Target::AtMost(1.2));
    report.note("healthy_p99_to_alone_at_least", p99.map(|it| it.low), "with 95 % certainty");
    report.note("healthy_p99_to_alone_at_most", p99.map(|it| it.high), "with 95 % certainty");
    report.note("healthy_p99_to_alone_with_all_time", in_all.map(|it| it.ratio), "");
    report.note("healthy_p99_to_alone_as_the_mean_of_the_pairs", of_pairs.map(|it| it.ratio), "");
    report.note("healthy_p50_to_alone", p50.map(|it| it.ratio), "");
    report.note("healthy_p99_to_as_much_traffic_of_which_nothing_hangs", same, "");
}
