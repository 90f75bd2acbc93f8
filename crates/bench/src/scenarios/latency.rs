//! Latency at fixed rates: open loop, so that a slow engine cannot slow the gateway down and look fast.

use crate::bench::Bench;
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
    /// Payments a second, or a part of the peak; may be said several times. By default 200, and half of the peak.
    #[arg(long = "rate")]
    rates: Vec<Rate>,
    /// Measures the embedded engine.
    #[arg(long)]
    embedded: bool,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Runs it.
pub(crate) async fn run(mut arguments: Arguments) -> Result<()> {
    if arguments.rates.is_empty() {
        arguments.rates = vec![Rate::PerSecond(200.0), Rate::OfPeak(0.5)];
    }
    let mut bench = Bench::start(arguments.options).await?;
    let stack = match arguments.embedded {
        true => bench.embedded().await?,
        false => bench.production(Layout::One, &[]).await?,
    };
    let merchants = bench.merchants("healthy", Manner::AtOnce).create(&stack).await?;
    for rate in arguments.rates {
        let per_second = bench.find_rate(rate, &stack, &merchants).await?;
        let name = format!("{per_second:.0}/s");
        let stream = bench.stream(Group::Healthy, &merchants, Pace::Fixed { rate: per_second });
        let figures = bench.run(&name, &stack, &stream).await?;
        let (p50, p99) = bounds(rate);
        let (latency, accept) = (figures.latency_ms, figures.accept_ms);
        let undisturbed = figures.tells_latencies().then_some(figures.undisturbed.latency_ms);
        bench.report.add("latency_p50", &name, undisturbed.map(|it| it.p50), "ms", Some(Target::AtMost(p50)));
        bench.report.add("latency_p99", &name, undisturbed.map(|it| it.p99), "ms", Some(Target::AtMost(p99)));
        bench.report.add("latency_p50_with_all_time", &name, Some(latency.p50), "ms", None);
        bench.report.add("latency_p99_with_all_time", &name, Some(latency.p99), "ms", None);
        bench.report.add("latency_p99.9_with_all_time", &name, Some(latency.p999), "ms", None);
        bench.report.add("accept_p50", &name, Some(accept.p50), "ms", None);
        bench.report.add("accept_p99", &name, Some(accept.p99), "ms", None);
    }
    bench.finish("latency")
}

/// The targets for p50 and p99 in ms: those of a low rate, and those of a part of the peak.
fn bounds(rate: Rate) -> (f64, f64) {
    match rate {
        Rate::PerSecond(rate) if rate <= 200.0 => (1.5, 4.0),
        Rate::PerSecond(_) | Rate::OfPeak(_) => (3.0, 20.0),
    }
}
