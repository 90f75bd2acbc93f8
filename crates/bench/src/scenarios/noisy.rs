//! Fairness: half of the traffic goes to receivers that hang. The healthy half is compared with the same rate alone, and
//! with as much traffic of which nothing hangs, which tells what a busier machine does from what hanging receivers do.

use super::slow;
use crate::bench::Bench;
use crate::create_merchants::Merchants;
use crate::figures::ratio;
use crate::ledger::Group;
use crate::options::{Options, Rate};
use crate::report::Target;
use crate::send_payments::Pace;
use crate::sink::Manner;
use crate::stack::Layout;
use anyhow::Result;
use clap::Args;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Payments a second to the healthy merchants, or a part of the peak; those that hang get as many.
    #[arg(long, default_value = "quarter")]
    rate: Rate,
    /// How many merchants hang.
    #[arg(long, default_value_t = 20)]
    hanging: u64,
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
    // Before what the ratios are taken of, so that what the search for the peak left to be written is over by then.
    let twice = bench.stream(Group::Healthy, &healthy, Pace::Fixed { rate: 2.0 * rate });
    let twice = bench.run("twice as much, none hangs", &stack, &twice).await?;
    let alone = bench.run("healthy alone", &stack, &stream).await?;
    if arguments.slow {
        let load = slow::Load { cap: arguments.slow_cap, seconds: arguments.minutes * 60 };
        slow::run(&mut bench, &stack, &stream, &alone, &load).await?;
        return bench.finish("noisy --slow");
    }

    let hanging = bench.merchants("hanging", Manner::Hangs);
    let hanging = Merchants { count: arguments.hanging, ..hanging }.create(&stack).await?;
    let hanging = bench.stream(Group::Troubled, &hanging, Pace::Fixed { rate });
    let intake = stack.intake()?;
    let traffic = [bench.send(&intake, &stream), bench.send(&intake, &hanging)];
    bench.warm_up("half of it hangs").await;
    let seconds = bench.options.seconds;
    let beside = bench.measure("half of it hangs", &stack, seconds, &[&traffic[0], &traffic[1]]).await;
    for traffic in traffic {
        traffic.stop().await?;
    }
    bench.drain(Group::Healthy).await;

    let throughput = ratio(beside.spent.received_per_s, alone.spent.received_per_s);
    let p99 = ratio(beside.latency_ms.p99, alone.latency_ms.p99);
    let same = ratio(beside.latency_ms.p99, twice.latency_ms.p99);
    bench.report.note("rate_of_each_half", rate, "/s");
    bench.report.judge("healthy_throughput_to_alone", throughput, "", Target::AtLeast(0.95));
    bench.report.judge("healthy_p99_to_alone", p99, "", Target::AtMost(1.2));
    bench.report.note("healthy_p99_to_as_much_traffic_of_which_nothing_hangs", same, "");
    bench.finish("noisy")
}
