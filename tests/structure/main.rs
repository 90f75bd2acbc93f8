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
    ("crates/testkit", "paybell-testkit", &[]),
    ("crates/bench", "paybell-bench", &["testkit"]),
    ("tests", "paybell-tests", &[]),
    ("tests/faults", "paybell-faults", &["testkit"]),
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
        ("sqlx", ["paybell-store", "paybell-testkit", "paybell-faults"].as_slice()),
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
