//! The recorder of metrics.

use crate::{Kind, METRICS};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::time::Duration;

/// How often histograms are emptied into their buckets, so that their memory stays bounded.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Why metrics cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The list of metrics does not fit the recorder, or there is a recorder already.
    #[error("metrics cannot be recorded")]
    Build(#[from] BuildError),
    /// There is a recorder already.
    #[error("metrics were set up before")]
    Twice,
}

/// The recorded metrics; cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Records all metrics of this process from now on. Must be called within a Tokio runtime, which does the upkeep.
    ///
    /// # Errors
    /// When there is a recorder already.
    pub fn install() -> Result<Self, MetricsError> {
        let recorder = recorder()?;
        let metrics = Self { handle: recorder.handle() };
        metrics::set_global_recorder(recorder).map_err(|_| MetricsError::Twice)?;
        describe();
        let handle = metrics.handle.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(UPKEEP_EVERY);
            loop {
                ticks.tick().await;
                handle.run_upkeep();
            }
        });
        Ok(metrics)
    }

    /// A recorder for what `act` does alone, and what it recorded.
    ///
    /// # Errors
    /// When the list of metrics does not fit the recorder.
    pub fn of(act: impl FnOnce()) -> Result<Self, MetricsError> {
        let recorder = recorder()?;
        metrics::with_local_recorder(&recorder, || {
            describe();
            act();
        });
        Ok(Self { handle: recorder.handle() })
    }

    /// All that was recorded, in Prometheus's text format.
    pub fn render(&self) -> String {
        self.handle.render()
    }
}

fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for metric in METRICS {
        if let Kind::Histogram(buckets) = metric.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)?;
        }
    }
    Ok(builder.build_recorder())
}

fn describe() {
    for metric in METRICS {
        match metric.kind {
            Kind::Counter => {
                metrics::describe_counter!(metric.name, metric.unit, metric.help);
                if metric.labels.is_empty() {
                    metrics::counter!(metric.name).increment(0);
                }
            }
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.unit, metric.help),
            Kind::Histogram(_) => metrics::describe_histogram!(metric.name, metric.unit, metric.help),
        }
    }
}
