//! Simulates lives by the hundred thousand. Progress goes to standard error, the result to standard output; a violation
//! is told as a story and ends the program with status 1.

use clap::Parser;
use paybell_simulation::plan::Fault;
use paybell_simulation::{Failure, Summary, Tally, simulate_many};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[derive(Parser)]
#[command(
    about = "Simulates whole lives of deliveries, with all that goes wrong, and checks the invariants",
    after_help = "\
A world has some 40 payments, a few merchants, workers and dispatchers, and virtual time. Queues lose, repeat, delay and
refuse jobs; workers die, stop and panic; the database goes away and its clock is set; people pause, settle and resend.
The first violation is cut down to the few payments and mishaps that it needs, told line by line, and ends with status 1.

  paybell-simulation                                  a hundred thousand lives, some seconds
  paybell-simulation --seed 7 --lives 1000000 --json  a million other ones, for a program"
)]
struct Arguments {
    /// The seed; the same seed gives the same worlds.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many lives, about.
    #[arg(long, default_value_t = 100_000)]
    lives: u64,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let Arguments { seed, lives, json } = Arguments::parse();
    let begun = Instant::now();
    let summary = simulate_many(seed, lives, None, |so_far| eprint!("\r{so_far} lives"));
    eprintln!();
    let took = begun.elapsed();
    if json {
        print_json(seed, &summary, took)
    } else {
        print_text(seed, &summary, took)
    }
    if summary.violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn rate(summary: &Summary, took: Duration) -> f64 {
    (summary.tally.lives as f64 / took.as_secs_f64()).round()
}

fn by_kind(tally: &Tally) -> serde_json::Map<String, Value> {
    Fault::KINDS.iter().zip(tally.mishaps).map(|(kind, count)| ((*kind).to_owned(), count.into())).collect()
}

fn print_json(seed: u64, summary: &Summary, took: Duration) {
    let tally = summary.tally;
    let failure = summary.failure.as_ref().map(|failure| {
        let Failure { seed, violation, story } = failure;
        json!({"world_seed": seed, "invariant": violation.invariant, "violation": violation.to_string(), "story": story})
    });
    let result = json!({
        "seed": seed,
        "worlds": summary.worlds,
        "lives": tally.lives,
        "attempts": tally.attempts,
        "lost_claims": tally.lost_claims,
        "fenced_records": tally.fenced_records,
        "refused_jobs": tally.refused_jobs,
        "people": {
            "settled": tally.settled,
            "resent": tally.resent,
            "resent_in_bulk": tally.resent_in_bulk,
            "paused": tally.paused,
        },
        "health": {
            "marked_failing": tally.marked,
            "probes": tally.probes,
            "reopened": tally.reopened,
            "parked_as_crowded": tally.crowded,
            "released": tally.released,
        },
        "mishaps": by_kind(&tally),
        "seconds": took.as_secs_f64(),
        "lives_per_second": rate(summary, took),
        "violations": summary.violations,
        "digest": format!("{:016x}", summary.digest),
        "failure": failure,
    });
    println!("{result}");
}

fn print_text(seed: u64, summary: &Summary, took: Duration) {
    let tally = summary.tally;
    println!("seed {seed}, digest {:016x}", summary.digest);
    println!("{} lives of up to 72 hours in {} worlds, {} attempts", tally.lives, summary.worlds, tally.attempts);
    println!(
        "{} lost claims, {} fenced records, {} refused jobs",
        tally.lost_claims, tally.fenced_records, tally.refused_jobs
    );
    println!(
        "people settled {}, resent {} and in bulk {}, paused {} endpoints",
        tally.settled, tally.resent, tally.resent_in_bulk, tally.paused
    );
    println!(
        "endpoints were marked as failing {} times, probed {} times, reopened {} times",
        tally.marked, tally.probes, tally.reopened
    );
    println!("{} deliveries were parked as their endpoint was crowded, {} released", tally.crowded, tally.released);
    println!("{} mishaps:", tally.faults());
    Fault::KINDS.iter().zip(tally.mishaps).for_each(|(kind, count)| println!("  {kind:<22} {count:>10}"));
    println!("{:.1} s, {} lives a second, {} violations", took.as_secs_f64(), rate(summary, took), summary.violations);
    if let Some(Failure { seed, violation, story }) = &summary.failure {
        println!("\n{violation}\n\nHow the world of seed {seed}, cut down, came to that:");
        story.iter().for_each(|line| println!("{line}"));
    }
}
