//! Runs the fault scenarios: `list`, `run NAME`, `random --seed S --minutes M`, `all [--short]`, `bugs`.

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use paybell_faults::planted_table::try_bugs;
use paybell_faults::report::Report;
use paybell_faults::run::{Keeping, default_folder, run_random, run_scenario};
use paybell_faults::scenarios::{Length, SCENARIOS, by_name};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[derive(Parser)]
#[command(
    version,
    about = "Puts the real engine under faults and checks what it promises",
    after_help = "It runs the binary that $PAYBELL_BIN names, or the one beside its own executable; it must be built with the \
                  feature abort-points. Traffic stays on loopback. F8 and F26-dns need the right to mount. \
                  The exit code is 1 when an invariant was broken or a scenario failed."
)]
struct Arguments {
    #[command(subcommand)]
    act: Act,
    /// One JSON object on standard output.
    #[arg(long, global = true)]
    json: bool,
    /// The folder for logs; those of a run that offends stay there.
    #[arg(long, global = true)]
    logs: Option<PathBuf>,
    /// Keeps the logs of good runs, too.
    #[arg(long, global = true)]
    keep: bool,
}

#[derive(Subcommand)]
enum Act {
    /// All scenarios by name.
    List,
    /// One or more scenarios.
    Run {
        /// Their names.
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Faults at random, by a seed; the same seed gives the same plan.
    Random {
        /// The seed; one of the clock's when it is not given.
        #[arg(long)]
        seed: Option<u64>,
        /// For how long there are faults.
        #[arg(long, default_value_t = 5)]
        minutes: u64,
    },
    /// Bugs that are planted in the engine, each of which the checker must find.
    Bugs {
        /// Their names; all when none is given.
        names: Vec<String>,
    },
    /// All scenarios, one after the other.
    All {
        /// Only those of about 15 s.
        #[arg(long)]
        short: bool,
    },
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let folder = arguments.logs.clone().unwrap_or_else(default_folder);
    let keeping = Keeping { folder, always: arguments.keep, talks: true };
    let begun = Instant::now();
    let mut runs: Vec<(String, Result<Report>)> = Vec::new();
    match &arguments.act {
        Act::List => {
            list(arguments.json)?;
            return Ok(ExitCode::SUCCESS);
        }
        Act::Run { names } => {
            for name in names {
                let scenario = by_name(name).with_context(|| format!("there is no scenario {name}; see `list`"))?;
                runs.push((name.clone(), told(run_scenario(scenario, &keeping).await)));
            }
        }
        Act::Bugs { names } => {
            let quiet = Keeping { talks: false, ..keeping };
            let good = try_bugs(names, &quiet, arguments.json).await?;
            return Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Act::Random { seed, minutes } => {
            let seed = seed.unwrap_or_else(|| rand::random_range(1..1_000_000));
            let length = Duration::from_secs(minutes * 60);
            runs.push((format!("random-{seed}"), told(run_random(seed, length, &keeping).await)));
        }
        Act::All { short } => {
            for scenario in SCENARIOS.iter().filter(|scenario| !*short || scenario.length == Length::Short) {
                runs.push((scenario.name.to_owned(), told(run_scenario(scenario, &keeping).await)));
            }
        }
    }
    conclude(&runs, begun, arguments.json)
}

fn list(as_json: bool) -> Result<()> {
    if as_json {
        let all: Vec<_> =
            SCENARIOS.iter().map(|s| json!({ "name": s.name, "about": s.about, "length": s.length })).collect();
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    for scenario in SCENARIOS {
        let length = if scenario.length == Length::Short { "short" } else { "long" };
        println!("{:<15} {length:<6} {}", scenario.name, scenario.about);
    }
    Ok(())
}

/// Says what came of a run, at once.
fn told(result: Result<Report>) -> Result<Report> {
    match &result {
        Ok(report) => eprintln!("{}", report.in_words()),
        Err(error) => eprintln!("FAILED {error:#}"),
    }
    result
}

fn conclude(runs: &[(String, Result<Report>)], begun: Instant, as_json: bool) -> Result<ExitCode> {
    let reports: Vec<&Report> = runs.iter().filter_map(|(_, run)| run.as_ref().ok()).collect();
    let failed: Vec<_> = runs
        .iter()
        .filter_map(|(name, run)| Some(json!({ "name": name, "error": format!("{:#}", run.as_ref().err()?) })))
        .collect();
    let sum = |of: fn(&Report) -> usize| reports.iter().map(|report| of(report)).sum::<usize>();
    let offences = sum(|report| report.violations.len());
    let (payments, lost) = (sum(|report| report.counts.accepted), sum(|report| report.counts.lost));
    let kills: u64 = reports.iter().map(|report| report.kills).sum();
    let good = failed.is_empty() && offences == 0;
    let seconds = begun.elapsed().as_secs_f64();
    if as_json {
        let summary = json!({
            "good": good, "scenarios": runs.len(), "failed": failed, "payments": payments, "lost": lost,
            "kills": kills, "violations": offences, "seconds": seconds, "runs": reports,
        });
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        let (count, failed) = (runs.len(), failed.len());
        println!(
            "{count} run(s), {failed} failed, {payments} payments accepted, {lost} lost, {kills} kills, {offences} \
             violation(s), {seconds:.0} s"
        );
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
