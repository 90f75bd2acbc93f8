//! The structure that ARCHITECTURE.md promises: which crate may import which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Each crate of ours with the crates of ours that it may import. Tests may import the testkit besides.
const MAY_IMPORT: &[(&str, &str, &[&str])] = &[
    ("crates/delivery", "paybell-delivery", &[]),
    ("crates/dialects", "paybell-dialects", &[]),
    ("crates/config", "paybell-config", &["delivery"]),
    ("crates/telemetry", "paybell-telemetry", &[]),
    ("crates/abort", "paybell-abort", &[]),
    ("crates/store", "paybell-store", &["abort", "delivery", "dialects"]),
    ("crates/queue", "paybell-queue", &["delivery"]),
    ("crates/outbound", "paybell-outbound", &["delivery", "dialects"]),
    ("api", "paybell-api", &["abort", "delivery", "dialects", "store", "queue", "outbound"]),
    ("workers", "paybell-workers", &["abort", "delivery", "dialects", "store", "queue", "outbound"]),
    ("dashboards", "paybell-dashboards", &["delivery", "dialects", "store", "outbound"]),
    (
        "crates/paybell",
        "paybell",
        &[
            "abort",
            "delivery",
            "dialects",
            "store",
            "queue",
            "outbound",
            "config",
            "telemetry",
            "api",
            "workers",
            "dashboards",
        ],
    ),
    ("crates/simulation", "paybell-simulation", &["delivery", "store"]),
    ("crates/hot-path", "paybell-hot-path", &["delivery", "dialects"]),
    ("crates/testkit", "paybell-testkit", &[]),
    ("crates/bench", "paybell-bench", &["testkit"]),
    ("tests", "paybell-tests", &[]),
    ("tests/faults", "paybell-faults", &["abort", "testkit"]),
];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn manifest(folder: &str) -> toml::Table {
    let path = root().join(folder).join("Cargo.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("reading {}: {e}", path.display()));
    text.parse().unwrap_or_else(|e| panic!("reading {}: {e}", path.display()))
}

fn ours(manifest: &toml::Table, section: &str) -> BTreeSet<String> {
    let dependencies = manifest.get(section).and_then(|value| value.as_table());
    let names = dependencies.into_iter().flat_map(|table| table.keys());
    names.filter_map(|name| name.strip_prefix("paybell-")).map(str::to_owned).collect()
}

#[test]
fn no_crate_imports_what_it_may_not() {
    let mut forbidden = Vec::new();
    for (folder, name, allowed) in MAY_IMPORT {
        let manifest = manifest(folder);
        assert_eq!(manifest["package"]["name"].as_str(), Some(*name), "the package in {folder}");
        for import in ours(&manifest, "dependencies").into_iter().chain(ours(&manifest, "build-dependencies")) {
            if !allowed.contains(&import.as_str()) {
                forbidden.push(format!("{name} imports paybell-{import}"));
            }
        }
    }
    assert!(forbidden.is_empty(), "forbidden imports: {forbidden:#?}");
}

#[test]
fn every_crate_has_its_rule() {
    let with_rule: BTreeSet<&str> = MAY_IMPORT.iter().map(|(folder, _, _)| *folder).collect();
    let crates = std::fs::read_dir(root().join("crates")).expect("crates/ can be listed");
    for entry in crates.flatten().filter(|entry| entry.path().join("Cargo.toml").exists()) {
        let folder = format!("crates/{}", entry.file_name().to_string_lossy());
        assert!(with_rule.contains(folder.as_str()), "{folder} has no rule in this test");
    }
}

#[test]
fn sql_redis_and_outgoing_http_have_one_home_each() {
    let homes: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("sqlx", ["paybell-store", "paybell-testkit", "paybell-faults", "paybell-bench"].as_slice()),
        ("redis", ["paybell-queue", "paybell-testkit"].as_slice()),
        ("reqwest", ["paybell-outbound"].as_slice()),
    ]);
    for (folder, name, _) in MAY_IMPORT {
        let manifest = manifest(folder);
        let dependencies = manifest.get("dependencies").and_then(|value| value.as_table());
        for import in dependencies.into_iter().flat_map(|table| table.keys()) {
            if let Some(home) = homes.get(import.as_str()) {
                assert!(home.contains(name), "{name} imports {import}, whose home is {home:?}");
            }
        }
    }
}

/// The metrics' names in a text: string literals that begin with `paybell_` and go on like a name of Prometheus.
fn metric_names(text: &str) -> BTreeSet<String> {
    let name = |rest: &str| {
        let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(rest.len());
        rest[end..].starts_with('"').then(|| format!("paybell_{}", &rest[..end]))
    };
    text.split("\"paybell_").skip(1).filter_map(name).collect()
}

fn sources(folder: &Path, found: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources can be listed").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push_str(&std::fs::read_to_string(&path).expect("a source can be read"));
        }
    }
}

#[test]
fn every_metric_is_described_and_every_description_has_its_metric() {
    let list = root().join("crates/telemetry/src/metric_list.rs");
    let described = metric_names(&std::fs::read_to_string(list).expect("the list of metrics can be read"));
    let mut text = String::new();
    let with_metrics = ["api", "workers", "crates/store", "crates/queue", "crates/outbound", "crates/paybell"];
    for folder in with_metrics.map(|folder| format!("{folder}/src")) {
        sources(&root().join(folder), &mut text);
    }
    let used = metric_names(&text);
    assert!(used.len() > 20, "the metrics are found: {used:?}");
    let (undescribed, unused): (Vec<_>, Vec<_>) =
        (used.difference(&described).collect(), described.difference(&used).collect());
    assert!(undescribed.is_empty(), "used, but not described: {undescribed:?}");
    assert!(unused.is_empty(), "described, but not used: {unused:?}");
}
