//! The real benchmark for a second: it sets up, measures, reports and ends.

use serde_json::Value;
use std::process::Command;

#[test]
fn throughput_reports_what_it_measured_and_loses_nothing() {
    let paybell = paybell_testkit::paybell_binary().expect("the binary is built");
    let mut command = Command::new(env!("CARGO_BIN_EXE_paybell-bench"));
    command.args(["throughput", "--mode", "embedded", "--seconds", "1", "--connections", "4", "--merchants", "2"]);
    let output = command.args(["--under-way", "50", "--json"]).env("PAYBELL_BIN", paybell).output().expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("standard output is one JSON object");
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
