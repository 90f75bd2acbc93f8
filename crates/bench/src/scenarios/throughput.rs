//! Sustained throughput: everything on one machine, durable settings, 500-byte payments.

use crate::bench::Bench;
use crate::figures::{Figures, mean, ratio};
use crate::floor::Floor;
use crate::options::Options;
use crate::report::Target;
use crate::sink::Manner;
use crate::stack::{Layout, Stack};
use anyhow::Result;
use clap::{Args, ValueEnum};

/// Which engine is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Mode {
    Production,
    Embedded,
    Both,
}

#[derive(Args)]
pub(crate) struct Arguments {
    /// Which engine: PostgreSQL and Redis, or one process with SQLite.
    #[arg(long, value_enum, default_value = "both")]
    mode: Mode,
    /// Measures the floor before and after, and says what part of it the engine reaches.
    #[arg(long)]
    floor: bool,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Runs it.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let mut bench = Bench::start(arguments.options).await?;
    let floor = if arguments.floor { Some(Floor::start(&mut bench).await?) } else { None };
    if let Some(floor) = &floor {
        floor.run(&mut bench, "floor").await?;
    }
    if arguments.mode != Mode::Embedded {
        let stack = bench.production(Layout::One, &[]).await?;
        measure(&mut bench, "production", &stack).await?;
    }
    if arguments.mode != Mode::Production {
        let stack = bench.embedded().await?;
        measure(&mut bench, "embedded", &stack).await?;
    }
    if arguments.mode == Mode::Both {
        let stack = bench.production(Layout::One, &[]).await?;
        measure(&mut bench, "production again", &stack).await?;
    }
    if let Some(floor) = &floor {
        floor.run(&mut bench, "floor again").await?;
    }
    judge(&mut bench);
    bench.finish("throughput")
}

/// Measures an engine under as much load as it bears.
pub(crate) async fn measure(bench: &mut Bench, name: &str, stack: &Stack) -> Result<Figures> {
    let merchants = bench.merchants("healthy", Manner::AtOnce).create(stack).await?;
    let stream = bench.held_stream(&merchants);
    bench.run(name, stack, &stream).await
}

/// The targets of throughput, for what was measured of production, embedded and the floor.
pub(crate) fn judge(bench: &mut Bench) {
    set_floor_ratios(bench);
    let report = &mut bench.report;
    let floors = report.run("floor").map(Figures::rate).zip(report.run("floor again").map(Figures::rate));
    if let Some((first, again)) = floors {
        report.note("floor_again_to_floor", ratio(again, first), "");
    }
    let production = report.run("production").cloned();
    let embedded = report.run("embedded").cloned();
    // Of all measurements of production, before and after what lies between.
    let rate = report.mean_of("production", Figures::rate);
    if production.is_some() {
        let of_floor: Vec<f64> = report.named("production").filter_map(|run| run.floor_ratio).collect();
        if !of_floor.is_empty() {
            let of_floor = Some(mean(&of_floor));
            report.judge("floor_ratio", of_floor, "", Target::AtLeast(0.5));
            // Where the machine is all that limits both, this is the same, and others disturb it less.
            let [floor, cost] = ["floor", "production"].map(|name| report.mean_of(name, Figures::whole_cost_us));
            report.note("floor_ratio_by_processor_time", ratio(floor, cost), "");
        }
        report.note("deliveries", rate, "/s");
        let cost = report.mean_of("production", Figures::cost_us);
        report.judge("processor_time_per_delivery", cost, "µs", Target::AtMost(240.0));
    }
    if let (Some(embedded), Some(_)) = (embedded, production) {
        report.judge("embedded_to_production", ratio(embedded.rate(), rate), "", Target::AtLeast(0.8));
    }
}

/// Sets what part of the mean of all floors in this run each other measurement reaches.
fn set_floor_ratios(bench: &mut Bench) {
    let is_floor = |figures: &&Figures| figures.name.starts_with("floor");
    let floors: Vec<f64> = bench.report.runs.iter().filter(is_floor).map(Figures::rate).collect();
    let floor = mean(&floors);
    for figures in bench.report.runs.iter_mut().filter(|figures| !figures.name.starts_with("floor")) {
        figures.floor_ratio = ratio(figures.rate(), floor);
    }
}
