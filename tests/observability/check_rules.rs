//! promtool's own judgement of the rules and of the dashboards' expressions, and what each alert must say of itself.

use crate::named::{files, folder, panels, queries, rules};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// Runs promtool, which `tests/run` installs.
fn promtool(arguments: &[&str], files: &[impl AsRef<Path>]) -> Result<()> {
    let mut command = Command::new("promtool");
    command.args(arguments).args(files.iter().map(AsRef::as_ref));
    let output = command.output().context("run promtool, which ./tests/run installs (Debian's package prometheus)")?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "promtool {arguments:?}:\n{out}\n{err}");
    Ok(())
}

#[test]
fn promtool_accepts_the_rules() -> Result<()> {
    promtool(&["check", "rules"], &files(&folder("alerts"), "yml")?)
}

#[test]
fn every_alert_fires_and_stays_quiet_as_its_cases_say() -> Result<()> {
    let tests = files(&folder("alerts/tests"), "yml")?;
    promtool(&["test", "rules"], &tests)?;
    let mut cases = String::new();
    for file in tests {
        cases += &std::fs::read_to_string(file)?;
    }
    for alert in alerts()? {
        for case in ["fires", "stays quiet as"] {
            assert!(cases.contains(&format!("- name: {} {case}", alert.name)), "{} has no case: {case}", alert.name);
        }
        let fired = format!("'{{alertname=\"{}\"}}', value: 1", alert.name);
        assert!(cases.contains(&fired), "{} fires in no case", alert.name);
    }
    Ok(())
}

#[test]
fn promtool_reads_every_expression_of_the_dashboards() -> Result<()> {
    let mut text = "groups:\n  - name: dashboards\n    rules:\n".to_owned();
    let queries = queries()?;
    ensure!(queries.len() > 50, "the panels' expressions are found: {}", queries.len());
    for (number, query) in queries.iter().enumerate() {
        let expression = serde_json::Value::from(query.expression.as_str());
        write!(text, "      # {}\n      - record: panel:query{number}\n        expr: {expression}\n", query.place)?;
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("expressions.yml");
    std::fs::write(&file, &text)?;
    promtool(&["check", "rules"], &[file]).with_context(|| text)
}

#[test]
fn every_panel_has_a_description_a_unit_and_thresholds_and_takes_the_chosen_data_source() -> Result<()> {
    for (place, panel) in panels()? {
        let defaults = &panel["fieldConfig"]["defaults"];
        assert!(panel["description"].as_str().is_some_and(|words| words.len() > 10), "{place} has no description");
        assert!(defaults["unit"].is_string(), "{place} has no unit");
        assert!(defaults["thresholds"]["steps"].is_array(), "{place} has no thresholds");
        for target in panel["targets"].as_array().into_iter().flatten().chain([&panel]) {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{place}");
        }
    }
    Ok(())
}

#[test]
fn every_alert_has_its_words_and_a_section_to_read() -> Result<()> {
    let operations = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/OPERATIONS.md"))?;
    let anchors: BTreeSet<String> = operations.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
    let alerts = alerts()?;
    ensure!(alerts.len() >= 25, "the alerts are found: {}", alerts.len());
    for alert in alerts {
        let of = |key: &str| alert.value(key).with_context(|| format!("{} has no {key}", alert.name));
        assert!(["critical", "warning"].contains(&of("severity")?), "{}", alert.name);
        assert!(of("summary")?.len() > 10 && of("description")?.len() > 20, "{}", alert.name);
        let section = of("runbook")?.strip_prefix("docs/OPERATIONS.md#").context("a section of OPERATIONS.md")?;
        assert!(anchors.contains(section), "{}: there is no section {section}", alert.name);
    }
    Ok(())
}

/// The anchor of a heading: `### Alert: oldest due` has `alert-oldest-due`.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// An alert and its lines.
struct Alert {
    name: String,
    lines: Vec<String>,
}

impl Alert {
    /// What follows `key:` in one of its lines.
    fn value(&self, key: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": "))
    }
}

fn alerts() -> Result<Vec<Alert>> {
    let mut found: Vec<Alert> = Vec::new();
    for line in rules()?.lines() {
        match line.trim().strip_prefix("- alert: ") {
            Some(name) => found.push(Alert { name: name.to_owned(), lines: Vec::new() }),
            None => found.last_mut().into_iter().for_each(|alert| alert.lines.push(line.to_owned())),
        }
    }
    Ok(found)
}
