//! All planted bugs, some at a time, and a table of what caught each.

use crate::planted::{Mode, PLANTED, Planted, Trial, run_planted, run_unplanted};
use crate::report::Report;
use crate::run::Keeping;
use anyhow::{Result, ensure};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

/// How many trials run at a time: they mostly wait.
const AT_ONCE: usize = 3;

/// What came of the bugs, and of the scenario without one.
struct Table {
    trials: Vec<(Planted, Result<Trial>)>,
    controls: Vec<(Mode, Result<Report>)>,
}

/// Tries the bugs of these names, or all when none is given, and the scenario without a bug; prints what came of it.
/// Answers whether the right invariant caught each bug, and nothing was found where there is none.
///
/// # Errors
/// When there is no bug of a name.
pub async fn try_bugs(names: &[String], keeping: &Keeping, as_json: bool) -> Result<bool> {
    let unknown: Vec<_> = names.iter().filter(|name| PLANTED.iter().all(|bug| bug.name != **name)).collect();
    ensure!(unknown.is_empty(), "there is no such bug: {unknown:?}");
    let is_chosen = |bug: &&Planted| names.is_empty() || names.iter().any(|name| name == bug.name);
    let trials = stream::iter(PLANTED.iter().copied().filter(|bug| is_chosen(&bug))).map(async |bug| {
        let trial = run_planted(bug, keeping).await;
        eprintln!("{}", row(&bug, &trial));
        (bug, trial)
    });
    let mut table = Table { trials: trials.buffered(AT_ONCE).collect().await, controls: Vec::new() };
    for mode in [Mode::Embedded, Mode::Production] {
        table.controls.push((mode, run_unplanted(mode, keeping).await));
    }
    if as_json {
        println!("{:#}", table.to_json())
    } else {
        table.print()
    }
    Ok(table.is_good())
}

impl Table {
    fn caught(&self) -> usize {
        self.trials.iter().filter(|(_, trial)| trial.as_ref().is_ok_and(Trial::is_caught)).count()
    }

    fn is_good(&self) -> bool {
        self.caught() == self.trials.len() && self.controls.iter().all(|(_, control)| is_green(control))
    }

    fn print(&self) {
        for (bug, trial) in &self.trials {
            println!("{}", row(bug, trial));
        }
        for (mode, control) in &self.controls {
            let said = match control {
                Ok(report) if report.violations.is_empty() => "nothing found".to_owned(),
                Ok(report) => format!("FOUND {:?}", report.violations),
                Err(error) => format!("FAILED {error:#}"),
            };
            println!("{:<42} {:<4} {said}", format!("without a bug, {mode:?}").to_lowercase(), "");
        }
        let (caught, all) = (self.caught(), self.trials.len());
        println!("{caught} of {all} bugs were caught by the invariant that each breaks");
    }

    fn to_json(&self) -> Value {
        let trials = self.trials.iter().map(|(bug, trial)| match trial {
            Ok(trial) => json!({ "caught": trial.is_caught(), "trial": trial }),
            Err(error) => json!({ "caught": false, "bug": bug, "error": format!("{error:#}") }),
        });
        let controls = self.controls.iter().map(|(mode, control)| json!({ "mode": mode, "good": is_green(control) }));
        let (trials, controls): (Vec<_>, Vec<_>) = (trials.collect(), controls.collect());
        json!({ "good": self.is_good(), "caught": self.caught(), "bugs": trials, "without_a_bug": controls })
    }
}

fn is_green(control: &Result<Report>) -> bool {
    control.as_ref().is_ok_and(|report| report.violations.is_empty())
}

/// A line of the table: the bug, the invariant that must catch it, and its first offence.
fn row(bug: &Planted, trial: &Result<Trial>) -> String {
    let said = match trial {
        Ok(trial) => {
            let others: Vec<_> = trial.offences.keys().copied().filter(|found| *found != bug.caught_by).collect();
            let also = if others.is_empty() { String::new() } else { format!(" (also {})", others.join(", ")) };
            format!("{}{also}", trial.first.as_deref().unwrap_or("NOT CAUGHT"))
        }
        Err(error) => format!("FAILED {error:#}"),
    };
    format!("{:<42} {:<4} {said}", bug.name, bug.caught_by)
}
