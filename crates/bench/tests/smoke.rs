//! The real benchmark for a second: it sets up, measures, reports and ends.

use serde_json::Value;
use std::process::Command;

/// What a benchmark reports that is run with these words.
fn report_of(words: &str) -> Value {
    let paybell = paybell_testkit::paybell_binary().expect("the binary is built");
    let mut command = Command::new(env!("CARGO_BIN_EXE_paybell-bench"));
    command.args(words.split(' ')).args(["--seconds", "1", "--connections", "4", "--merchants", "2"]);
    let output = command.args(["--under-way", "50", "--json"]).env("PAYBELL_BIN", paybell).output().expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).expect("standard output is one JSON object")
}

#[test]
fn throughput_reports_what_it_measured_and_loses_nothing() {
    let report = report_of("throughput --mode embedded");
    let run = &report["runs"][0];
    assert_eq!(run["name"], "embedded", "{report:#}");
    for figure in ["/deliveries_per_s", "/cpu_us_per_delivery/engine", "/cpu_us_per_delivery/all", "/latency_ms/p50"] {
        let value = run.pointer(figure).and_then(Value::as_f64);
        assert!(value.is_some_and(|value| value > 0.0), "{figure} of {run:#}");
    }
    for figure in ["/cpu_us_per_delivery/postgres", "/cpu_us_per_delivery/redis", "/latency_ms/p99", "/others_share"] {
        assert!(run.pointer(figure).is_some_and(Value::is_number), "{figure} of {run:#}");
    }
    assert_eq!(report["counts"]["missing"], 0, "{report:#}");
    assert_eq!(report["counts"]["accepted"], report["counts"]["received"], "{report:#}");
}

#[test]
fn pages_reports_every_page_and_what_onlookers_cost() {
    let report = report_of("pages --deliveries 2000 --stock-merchants 15 --times 1 --pairs 2");
    let pages = report["pages"].as_array().expect("a table of pages");
    assert!(pages.len() > 40, "{report:#}");
    for page in pages {
        let time = page["worst_ms"].as_f64();
        assert!(time.is_some_and(|time| time > 0.0) && page["read"] == 1, "{page}");
    }
    let found = |name: &str| report["findings"].as_array()?.iter().find(|is| is["name"] == name)?["value"].as_f64();
    for name in ["pages_reloaded", "pages_sent_as_they_changed"] {
        assert!(found(name).is_some_and(|value| value > 0.0), "{name} of {report:#}");
    }
    let others_of = |called: &'static str| {
        let runs = report["runs"].as_array().expect("its runs").iter();
        let spans = runs.filter(move |run| run["name"].as_str().is_some_and(|name| name.starts_with(called)));
        spans.map(|run| run["others_share"].as_f64().expect("a share"))
    };
    // How many pairs count is up to what else the machine does meanwhile; that a verdict needs them all is not.
    let pairs = others_of("looked at").zip(others_of("alone"));
    let verdict = found("throughput_looked_at_to_alone");
    if pairs.filter(|(with, without)| with.max(*without) <= 0.1).count() < 2 {
        assert_eq!(verdict, None, "{report:#}");
    } else {
        assert!(verdict.is_some_and(|value| value > 0.0), "{report:#}");
    }
    assert_eq!(report["counts"]["missing"], 0, "{report:#}");
}
