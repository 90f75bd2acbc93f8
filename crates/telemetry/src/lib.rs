//! What Paybell shows of itself: log lines and metrics.
//!
//! Cast:
//! - [`init_log`]: log lines on standard error, as text or JSON.
//! - [`METRICS`]: every metric with its kind, unit and words.
//! - [`Metrics`]: the recorder; it renders Prometheus's text format.

mod log;
mod metric_list;
mod record_metrics;

pub use log::{LogError, init_log};
pub use metric_list::{Kind, METRICS, MetricInfo};
pub use record_metrics::{Metrics, MetricsError};
