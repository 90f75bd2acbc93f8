//! Simulates lives by the hundred thousand. Progress goes to standard error, the result to standard output; a violation
//! is told as a story and ends the program with status 1.

use clap::Parser;
use paybell_simulation::{Failure, Summary, simulate_many};
use serde_json::json;
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[derive(Parser)]
#[command(about = "Simulates whole lives of deliveries, with all that goes wrong, and checks the invariants")]
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
        "faults": tally.faults,
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
    println!("{} faults, {} lost claims, {} fenced records", tally.faults, tally.lost_claims, tally.fenced_records);
    println!("{:.1} s, {} lives a second, {} violations", took.as_secs_f64(), rate(summary, took), summary.violations);
    if let Some(Failure { seed, violation, story }) = &summary.failure {
        println!("\n{violation}\n\nHow the world of seed {seed}, cut down, came to that:");
        story.iter().for_each(|line| println!("{line}"));
    }
}
