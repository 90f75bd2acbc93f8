//! What came of a scenario, and what is kept of it.

use crate::checker::{Counts, Violation, history};
use crate::evidence::{Evidence, Seen, Sent, read_log};
use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What came of a scenario.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// The scenario.
    pub name: String,
    /// The seed that made its plan, of a random run.
    pub seed: Option<u64>,
    /// How long it took.
    pub seconds: f64,
    /// The faults, and how often each struck.
    pub fired: Vec<(String, u64)>,
    /// How many processes and servers were killed.
    pub kills: u64,
    /// How many POSTs came after their delivery had been acknowledged once, for each kill; nothing without kills.
    pub repeated_per_kill: Option<f64>,
    /// The longest that any delivery had been due after the last fault, in seconds.
    pub longest_due_s: f64,
    /// How long after the last fault the last delivery ended, in seconds.
    pub settled_s: Option<f64>,
    /// The slowest answer with a 5xx, in seconds.
    pub slowest_refusal_s: f64,
    /// What was counted.
    pub counts: Counts,
    /// What offends, with all that is known of it in the folder of the logs.
    pub violations: Vec<Violation>,
    /// The folder of the logs, where they were kept.
    pub logs: Option<PathBuf>,
}

impl Report {
    /// How many of these there were for each kill.
    #[expect(clippy::cast_precision_loss, reason = "both are far below 2^52")]
    pub(crate) fn per_kill(count: usize, kills: u64) -> Option<f64> {
        (kills > 0).then(|| count as f64 / kills as f64)
    }

    /// What matters of it, in words.
    pub fn in_words(&self) -> String {
        let counts = &self.counts;
        let verdict = if self.violations.is_empty() { "ok" } else { "VIOLATED" };
        let seed = self.seed.map(|seed| format!(" (seed {seed})")).unwrap_or_default();
        let per_kill = self.repeated_per_kill.map(|ratio| format!(" ({ratio:.2} per kill)")).unwrap_or_default();
        let mut words = format!(
            "{verdict} {}{seed}: {:.1} s, {} kills, {} accepted, {} lost, deliveries {:?}, attempts {:?}, {} POSTs, \
             {} repeated{per_kill}, {} late, settled {:.1} s after the last fault, longest delay of a due delivery after \
             it {:.1} s, slowest refusal {:.1} s",
            self.name,
            self.seconds,
            self.kills,
            counts.accepted,
            counts.lost,
            counts.deliveries,
            counts.attempts,
            counts.posts,
            counts.repeated,
            counts.late,
            self.settled_s.unwrap_or(f64::NAN),
            self.longest_due_s,
            self.slowest_refusal_s,
        );
        for violation in self.violations.iter().take(10) {
            words += &format!("\n  {violation}");
        }
        if self.violations.len() > 10 {
            words += &format!("\n  and {} more", self.violations.len() - 10);
        }
        if let Some(logs) = &self.logs {
            words += &format!("\n  logs, and the offenders' histories: {}", logs.display());
        }
        words
    }
}

/// Writes the violations and the history of the first offenders beside the logs.
pub(crate) fn keep_offenders(folder: &Path, evidence: &Evidence, violations: &[Violation]) -> Result<()> {
    let mut text = String::new();
    for violation in violations {
        writeln!(text, "{violation}")?;
    }
    for violation in violations.iter().take(20) {
        writeln!(text, "\nhistory of {violation}")?;
        for line in history(evidence, &violation.id) {
            writeln!(text, "  {line}")?;
        }
    }
    if !text.is_empty() {
        std::fs::write(folder.join("violations.txt"), text)?;
    }
    Ok(())
}

/// The 99th percentile of how long a merchant's payments, sent in this time, took to their first POST, in µs.
///
/// # Errors
/// When none was.
pub(crate) fn latency_p99_us(folder: &Path, merchant: &str, from_us: i64, until_us: i64) -> Result<i64> {
    let sent: Vec<Sent> = read_log(&folder.join("sender.jsonl"))?;
    let seen: Vec<Seen> = read_log(&folder.join("receiver.jsonl"))?;
    let mut first: HashMap<&str, i64> = HashMap::new();
    for seen in seen.iter().filter(|seen| seen.attempt == 1) {
        first.entry(&seen.message_id).or_insert(seen.at_us);
    }
    let within = sent.iter().filter(|s| s.status == Some(202) && s.merchant == merchant);
    let within = within.filter(|sent| (from_us..until_us).contains(&sent.at_us));
    let mut latencies: Vec<i64> =
        within.filter_map(|sent| Some(first.get(sent.payment_id.as_deref()?)? - sent.at_us)).collect();
    latencies.sort_unstable();
    latencies.get(latencies.len() * 99 / 100).copied().context("no payment was sent in that time")
}
