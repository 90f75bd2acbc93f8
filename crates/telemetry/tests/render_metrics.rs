//! What Prometheus reads.

use paybell_telemetry::{Kind, METRICS, Metrics};

#[test]
fn every_metric_that_was_touched_is_rendered_with_its_help_and_kind() {
    let touched = Metrics::of(|| {
        for metric in METRICS {
            match metric.kind {
                Kind::Counter => metrics::counter!(metric.name).increment(1),
                Kind::Gauge => metrics::gauge!(metric.name).set(1.0),
                Kind::Histogram(_) => metrics::histogram!(metric.name).record(0.3),
            }
        }
    });
    let text = touched.expect("the recorder is built").render();
    for metric in METRICS {
        let (kind, sample) = match metric.kind {
            Kind::Counter => ("counter", format!("\n{} 1\n", metric.name)),
            Kind::Gauge => ("gauge", format!("\n{} 1\n", metric.name)),
            Kind::Histogram(_) => ("histogram", format!("\n{}_bucket{{le=\"+Inf\"}} 1\n", metric.name)),
        };
        for line in
            [format!("# HELP {} {}\n", metric.name, metric.help), format!("# TYPE {} {kind}\n", metric.name), sample]
        {
            assert!(text.contains(&line), "{line:?} is missing in\n{text}");
        }
    }
}

#[test]
fn counters_without_labels_are_there_before_anything_is_counted() {
    let text = Metrics::of(|| ()).expect("the recorder is built").render();
    for metric in METRICS {
        let there = text.contains(&format!("\n{} 0\n", metric.name));
        assert_eq!(there, metric.kind == Kind::Counter && metric.labels.is_empty(), "{} in\n{text}", metric.name);
    }
}

#[test]
fn names_follow_the_conventions_of_prometheus() {
    for metric in METRICS {
        let rest = metric.name.strip_prefix("paybell_").expect(metric.name);
        assert!(rest.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{}", metric.name);
        assert_eq!(rest.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
        if let Kind::Histogram(buckets) = metric.kind {
            assert!(buckets.is_sorted(), "{}", metric.name);
        }
    }
}
