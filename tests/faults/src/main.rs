//! Runs the fault scenarios: `list`, `run NAME`, `random --seed S --minutes M`, `all [--short]`.

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
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
    after_help = "It runs the binary that $PAYBELL_BIN names, or the one beside its own executable. Traffic stays on \
                  loopback. The exit code is 1 when an invariant was broken or a scenario failed."
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
        Ok(report) => eprintln!("{}", in_words(report)),
        Err(error) => eprintln!("FAILED {error:#}"),
    }
    result
}

fn in_words(report: &Report) -> String {
    let counts = &report.counts;
    let verdict = if report.violations.is_empty() { "ok" } else { "VIOLATED" };
    let mut words = format!(
        "{verdict} {}: {:.1} s, {} accepted, {} lost, deliveries {:?}, attempts {:?}, {} POSTs, {} repeated, {} late, {} kills, \
         settled {:.1} s after the last fault, oldest due {:.1} s, slowest refusal {:.1} s",
        report.name,
        report.seconds,
        counts.accepted,
        counts.lost,
        counts.deliveries,
        counts.attempts,
        counts.posts,
        counts.repeated,
        counts.late,
        report.kills,
        report.settled_s.unwrap_or(f64::NAN),
        Duration::from_micros(u64::try_from(counts.oldest_due_us).unwrap_or(0)).as_secs_f64(),
        report.slowest_refusal_s,
    );
    for violation in report.violations.iter().take(10) {
        words += &format!("\n  {violation}");
    }
    if report.violations.len() > 10 {
        words += &format!("\n  and {} more", report.violations.len() - 10);
    }
    if let Some(logs) = &report.logs {
        words += &format!("\n  logs, and the offenders' histories: {}", logs.display());
    }
    words
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
