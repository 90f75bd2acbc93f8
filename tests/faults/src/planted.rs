//! The checker on trial: each deliberate defect of a test build of the engine must turn it red, by the invariant that the
//! defect breaks; and the same scenario without a defect must be green.
//!
//! Cast: [`PLANTED`]: the defects with what must catch each. `planted_scene`: what is played. [`run_planted`]: plays it
//! with a defect or with none; [`Trial`]: what came of it. [`known_to_binary`]: the defects that the binary has.

use crate::layout::Layout;
use crate::planted_scene::play;
use crate::report::Report;
use crate::room::Room;
use crate::run::Keeping;
use anyhow::{Context, Result, bail};
use paybell_testkit::paybell_binary;
use serde::Serialize;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::timeout;

/// The variable that names a defect to the binary.
const VARIABLE: &str = "PAYBELL_TEST_PLANTED_BUG";
/// A trial that takes longer has failed.
const TRIAL_MAX: Duration = Duration::from_secs(120);
/// What is pending after the last payment may take so long; a defect may keep it pending for ever.
const PATIENCE: Duration = Duration::from_secs(60);
const PATIENCE_WITH_A_BUG: Duration = Duration::from_secs(8);

/// Which engine a defect is planted in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// One process on SQLite.
    Embedded,
    /// Several processes on PostgreSQL and Redis.
    Production,
}

/// A deliberate defect of the binary.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Planted {
    /// Its name.
    pub name: &'static str,
    /// The invariant that must catch it.
    pub caught_by: &'static str,
    /// Where it is planted.
    pub mode: Mode,
}

/// All of them, in the order of the invariants.
pub const PLANTED: &[Planted] = &[
    planted("accept-forgets-every-seventh", "I1", Mode::Embedded),
    planted("delivery-is-given-up-at-the-first-failure", "I1", Mode::Embedded),
    planted("deadline-is-forgotten", "I2", Mode::Embedded),
    planted("finished-delivery-is-attempted-again", "I3", Mode::Production),
    planted("claim-skips-a-number", "I4", Mode::Embedded),
    planted("attempt-is-recorded-under-the-next-number", "I5", Mode::Embedded),
    planted("lost-claim-is-taken-for-won", "I5", Mode::Production),
    planted("second-attempt-has-another-body", "I6", Mode::Embedded),
    planted("requests-are-signed-by-another-secret", "I6", Mode::Embedded),
    planted("request-goes-to-another-merchant", "I7", Mode::Embedded),
    planted("list-forgets-its-merchant", "I7", Mode::Embedded),
    planted("known-id-is-accepted-as-new", "I8", Mode::Embedded),
    planted("other-content-is-taken-for-the-same", "I8", Mode::Embedded),
    planted("dispatch-drops-every-job", "I9", Mode::Production),
    planted("retry-is-due-at-once", "I10", Mode::Embedded),
    planted("cap-of-requests-is-lost", "I10", Mode::Production),
    planted("wrong-body-counts-as-acknowledgement", "I11", Mode::Embedded),
    planted("attempt-counts-twice-in-metrics", "I12", Mode::Production),
    planted("gauge-sees-nothing-undelivered", "I12", Mode::Embedded),
    planted("settle-is-only-said", "I13", Mode::Embedded),
    planted("resend-acts-twice", "I13", Mode::Embedded),
];

const fn planted(name: &'static str, caught_by: &'static str, mode: Mode) -> Planted {
    Planted { name, caught_by, mode }
}

/// What came of a scenario with a defect.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Trial {
    /// The defect.
    pub bug: Planted,
    /// How many offences of each invariant the checker found.
    pub offences: BTreeMap<&'static str, usize>,
    /// The first offence of the invariant that must catch it.
    pub first: Option<String>,
    /// How long it took.
    pub seconds: f64,
}

impl Trial {
    /// Whether the right invariant caught it.
    pub fn is_caught(&self) -> bool {
        self.first.is_some()
    }
}

/// The defect of this name.
pub fn by_name(name: &str) -> Option<Planted> {
    PLANTED.iter().find(|bug| bug.name == name).copied()
}

/// Plays the scenario with a defect. Its logs stay when the defect was not caught.
///
/// # Errors
/// When the binary has no defects, or the scenario could not be carried through.
pub async fn run_planted(bug: Planted, keeping: &Keeping) -> Result<Trial> {
    if !known_to_binary()?.iter().any(|name| name == bug.name) {
        bail!("the binary does not know the bug {}", bug.name);
    }
    let layout = layout(bug.mode).setting(VARIABLE, bug.name);
    let room = Room::open(&format!("bug-{}", bug.name), keeping)?;
    let awaits_gauges = bug.name.starts_with("gauge");
    let report = play_within(room.clone(), layout, PATIENCE_WITH_A_BUG, awaits_gauges).await?;
    let mut offences: BTreeMap<&'static str, usize> = BTreeMap::new();
    for violation in &report.violations {
        *offences.entry(violation.invariant).or_default() += 1;
    }
    let first = report.violations.iter().find(|violation| violation.invariant == bug.caught_by);
    let trial = Trial { bug, offences, first: first.map(ToString::to_string), seconds: report.seconds };
    if trial.is_caught() && !keeping.always {
        room.clear();
    }
    Ok(trial)
}

/// Plays the scenario without a defect.
///
/// # Errors
/// When it could not be carried through. What the checker finds is in the report.
pub async fn run_unplanted(mode: Mode, keeping: &Keeping) -> Result<Report> {
    known_to_binary()?;
    let room = Room::open(&format!("no-bug-{mode:?}").to_lowercase(), keeping)?;
    let mut report = play_within(room.clone(), layout(mode), PATIENCE, true).await?;
    if report.violations.is_empty() && !keeping.always {
        room.clear();
    } else {
        report.logs = Some(room.folder);
    }
    Ok(report)
}

/// The names of the defects that the binary has: asked for one that is none, it says which there are.
///
/// # Errors
/// When it has none at all; with how to build one that has.
pub fn known_to_binary() -> Result<Vec<String>> {
    let binary = paybell_binary()?;
    let mut command = Command::new(&binary);
    command.args(["config", "--reference"]).env(VARIABLE, "?").stdin(Stdio::null());
    let output = command.output().with_context(|| format!("run {}", binary.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let names = said.split_once("there are: ").map(|(_, names)| names).with_context(|| {
        let binary = binary.display();
        format!(
            "{binary} has no planted bugs: build it with `cargo build -p paybell --features abort-points,planted-bugs`"
        )
    })?;
    Ok(names.split_whitespace().map(str::to_owned).collect())
}

async fn play_within(room: Room, layout: Layout, patience: Duration, awaits_gauges: bool) -> Result<Report> {
    let (name, folder) = (room.name.clone(), room.folder.display().to_string());
    let played = timeout(TRIAL_MAX, play(room, layout, patience, awaits_gauges)).await;
    let played = played.unwrap_or_else(|_| bail!("it took longer than {TRIAL_MAX:?}"));
    played.with_context(|| format!("{name} failed; its logs are in {folder}"))
}

fn layout(mode: Mode) -> Layout {
    match mode {
        Mode::Embedded => Layout::embedded(),
        Mode::Production => Layout::production(),
    }
}
