//! Production, embedded, and several processes, with the floor before and after, in one run.

use crate::bench::Bench;
use crate::figures::ratio;
use crate::floor::Floor;
use crate::options::Options;
use crate::scenarios::throughput;
use crate::stack::Layout;
use anyhow::Result;
use clap::Args;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Leaves the floor out.
    #[arg(long)]
    no_floor: bool,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// The numbers of worker processes, each beside two processes with the API.
const WORKERS: [usize; 3] = [1, 2, 4];

/// Runs it.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let mut bench = Bench::start(arguments.options).await?;
    let floor = if arguments.no_floor { None } else { Some(Floor::start(&mut bench).await?) };
    if let Some(floor) = &floor {
        floor.run(&mut bench, "floor").await?;
    }
    measure(&mut bench, "production", Some(Layout::One)).await?;
    measure(&mut bench, "embedded", None).await?;
    for workers in WORKERS {
        let name = format!("2 APIs, {workers} workers");
        measure(&mut bench, &name, Some(Layout::Split { apis: 2, workers })).await?;
    }
    if let Some(floor) = &floor {
        floor.run(&mut bench, "floor again").await?;
    }
    throughput::judge(&mut bench);
    let production = bench.report.run("production").map_or(0.0, |figures| figures.rate());
    for workers in WORKERS {
        let name = format!("2 APIs, {workers} workers");
        let rate = bench.report.run(&name).map_or(0.0, |figures| figures.rate());
        bench.report.add("throughput_to_production", &name, ratio(rate, production), "", None);
    }
    bench.finish("compare")
}

async fn measure(bench: &mut Bench, name: &str, layout: Option<Layout>) -> Result<()> {
    let stack = match layout {
        Some(layout) => bench.production(layout, &[]).await?,
        None => bench.embedded().await?,
    };
    throughput::measure(bench, name, &stack).await?;
    Ok(())
}
