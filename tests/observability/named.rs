//! What the dashboards and alerts name: expressions, and in them metrics with their labels.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where dashboards and alerts are.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../dashboards")).join(name)
}

/// The files of a folder with this extension, by name.
pub(crate) fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.collect::<Result<Vec<_>, _>>()?.iter().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    files.sort();
    ensure!(!files.is_empty(), "nothing is in {}", folder.display());
    Ok(files)
}

/// A panel's query, as Prometheus would get it.
pub(crate) struct Query {
    /// Dashboard and panel, for people.
    pub(crate) place: String,
    /// The expression, with an interval in place of Grafana's variable.
    pub(crate) expression: String,
}

/// The panels of all dashboards that show something.
pub(crate) fn panels() -> Result<Vec<(String, Value)>> {
    let mut found = Vec::new();
    for file in files(&folder("grafana"), "json")? {
        let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(&file)?)
            .with_context(|| format!("{} is no JSON", file.display()))?;
        let title = dashboard["title"].as_str().context("a dashboard has a title")?.to_owned();
        let panels = dashboard["panels"].as_array().context("a dashboard has panels")?;
        let shown = panels.iter().filter(|panel| panel["type"] != "row");
        found.extend(shown.map(|panel| (format!("{title}: {}", panel["title"]), panel.clone())));
    }
    Ok(found)
}

/// All queries of all dashboards.
pub(crate) fn queries() -> Result<Vec<Query>> {
    let mut found = Vec::new();
    for (place, panel) in panels()? {
        for target in panel["targets"].as_array().with_context(|| format!("{place} asks for nothing"))? {
            let expression = target["expr"].as_str().with_context(|| format!("{place} has no expression"))?;
            let expression = expression.replace("$__rate_interval", "5m");
            found.push(Query { place: place.clone(), expression });
        }
    }
    Ok(found)
}

/// The texts of all rules, without their comments.
pub(crate) fn rules() -> Result<String> {
    let mut text = String::new();
    for file in files(&folder("alerts"), "yml")? {
        let rules = std::fs::read_to_string(&file)?;
        let lines = rules.lines().filter(|line| !line.trim_start().starts_with('#'));
        text.extend(lines.flat_map(|line| [line, "\n"]));
    }
    Ok(text)
}

/// A metric as an expression names it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Selector {
    /// Its name.
    pub(crate) metric: String,
    /// What it asks of labels: `(label, operator, value)`.
    pub(crate) matchers: Vec<(String, String, String)>,
}

/// What is named in a text of expressions by names that begin so.
pub(crate) fn selectors(text: &str, prefixes: &[&str]) -> BTreeSet<Selector> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = BTreeSet::new();
    let mut rest = text;
    while let Some(start) = rest.find(in_name) {
        let word_on = &rest[start..];
        let (word, after) = word_on.split_at(word_on.find(|c: char| !in_name(c)).unwrap_or(word_on.len()));
        if prefixes.iter().any(|prefix| word.starts_with(prefix)) {
            found.insert(Selector { metric: word.to_owned(), matchers: matchers(after) });
        }
        rest = after;
    }
    found
}

/// The matchers in braces at the beginning of a text.
fn matchers(text: &str) -> Vec<(String, String, String)> {
    let Some((inner, _)) = text.strip_prefix('{').and_then(|text| text.split_once("\"}")) else { return Vec::new() };
    inner
        .split("\",")
        .filter_map(|matcher| {
            let operator = matcher.find(['=', '!'])?;
            let (label, test) = matcher.split_at(operator);
            let (operator, value) = test.split_once('"')?;
            Some((label.trim().to_owned(), operator.to_owned(), value.to_owned()))
        })
        .collect()
}

#[test]
fn names_and_matchers_are_read_from_expressions() {
    let text = r#"sum by (le) (rate(paybell_a_bucket{le="5",route=~"/x(/y)?"}[5m])) / paybell:b:rate1h and pg_up == 0"#;
    let found: Vec<Selector> = selectors(text, &["paybell_", "pg_"]).into_iter().collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].metric, "paybell_a_bucket");
    let matcher = |label: &str, operator: &str, value: &str| (label.to_owned(), operator.to_owned(), value.to_owned());
    assert_eq!(found[0].matchers, [matcher("le", "=", "5"), matcher("route", "=~", "/x(/y)?")]);
    assert_eq!((found[1].metric.as_str(), found[1].matchers.len()), ("pg_up", 0));
}
