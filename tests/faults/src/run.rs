//! Runs scenarios and plans, keeps their logs where they must be looked at, and says how far they are.

use crate::plan::Plan;
use crate::random::run_plan;
use crate::report::Report;
use crate::room::Room;
use crate::scenarios::{Length, Scenario};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;

/// Where logs go, and whether they stay.
#[derive(Clone, Debug)]
pub struct Keeping {
    /// The folder in which each run has one of its own.
    pub folder: PathBuf,
    /// Whether the logs of a good run stay, too.
    pub always: bool,
    /// Whether it is told on standard error how far a run is.
    pub talks: bool,
}

impl Keeping {
    /// In a new folder under the system's folder for temporary files; quiet.
    pub fn quiet() -> Keeping {
        Keeping { folder: default_folder(), always: false, talks: false }
    }
}

/// A folder of this process under the system's folder for temporary files.
pub fn default_folder() -> PathBuf {
    std::env::temp_dir().join(format!("paybell-faults-logs-{}", std::process::id()))
}

/// Runs a scenario.
///
/// # Errors
/// When it could not be carried through; its logs are kept then. Violations are in the report.
pub async fn run_scenario(scenario: &Scenario, keeping: &Keeping) -> Result<Report> {
    let bound = match scenario.length {
        Length::Short => Duration::from_secs(150),
        Length::Long => Duration::from_secs(1200),
    };
    let room = Room::open(scenario.name, keeping)?;
    room.say(scenario.about);
    let run = (scenario.run)(room.clone());
    finish(room, timeout(bound, run).await.unwrap_or_else(|_| bail!("it took longer than {bound:?}")), keeping)
}

/// Runs the plan of a seed.
///
/// # Errors
/// As for [`run_scenario`].
pub async fn run_random(seed: u64, length: Duration, keeping: &Keeping) -> Result<Report> {
    let plan = Plan::new(seed, length);
    let room = Room::open(&format!("random-{seed}"), keeping)?;
    room.say(&format!("{plan}"));
    std::fs::write(room.folder.join("plan.txt"), plan.to_string())?;
    let bound = length + Duration::from_secs(400);
    let run = run_plan(room.clone(), &plan);
    finish(room, timeout(bound, run).await.unwrap_or_else(|_| bail!("it took longer than {bound:?}")), keeping)
}

fn finish(room: Room, result: Result<Report>, keeping: &Keeping) -> Result<Report> {
    match result {
        Ok(mut report) => {
            if report.violations.is_empty() && !keeping.always {
                room.clear();
            } else {
                report.logs = Some(room.folder);
            }
            Ok(report)
        }
        Err(error) => {
            let offends = std::fs::read_to_string(room.folder.join("violations.txt")).unwrap_or_default();
            let place = room.folder.display();
            Err(error).with_context(|| format!("{} failed; its logs are in {place}\n{offends}", room.name))
        }
    }
}
