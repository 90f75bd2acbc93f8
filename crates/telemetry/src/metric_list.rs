//! Every metric of Paybell. None has a label by merchant, endpoint or URL: those figures come from the database.

use metrics::Unit;

/// What a metric is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Observations, counted in buckets with these upper bounds.
    Histogram(&'static [f64]),
}

/// A metric and its words.
#[derive(Clone, Copy, Debug)]
pub struct MetricInfo {
    /// Its name in Prometheus.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The names of its labels. A counter without any is there from the start, at zero: the first event of a counter that
    /// is born with it is no increase to Prometheus.
    pub labels: &'static [&'static str],
    /// Its unit.
    pub unit: Unit,
    /// What it says.
    pub help: &'static str,
}

/// Seconds of an exchange or a statement: 0.5 ms to 30 s.
const SHORT: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0];
/// Seconds from acceptance: 1 ms to 72 h.
const LONG: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
    10_800.0, 43_200.0, 86_400.0, 172_800.0, 259_200.0,
];
/// Callers in a batch.
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 500.0, 1_000.0, 5_000.0];

/// Defines [`METRICS`] as a table.
macro_rules! metrics {
    ($($name:literal $([$($label:literal),+])?, $kind:expr, $unit:ident, $help:literal;)+) => {
        /// Every metric of Paybell.
        pub const METRICS: &[MetricInfo] = &[$(MetricInfo {
            name: $name,
            kind: $kind,
            labels: &[$($($label),+)?],
            unit: Unit::$unit,
            help: $help,
        }),+];
    };
}

metrics! {
    "paybell_process_info" ["mode", "role", "version"], Kind::Gauge, Count,
        "1 for each role of this process, with the mode and the version in which it runs.";
    "paybell_intake_requests_total" ["result"], Kind::Counter, Count,
        "Payments handed in, by result.";
    "paybell_intake_duration_seconds", Kind::Histogram(SHORT), Seconds,
        "How long an intake request took, commit included.";
    "paybell_checks_total" ["answer"], Kind::Counter, Count,
        "Checks before payments, by answer.";
    "paybell_check_duration_seconds", Kind::Histogram(SHORT), Seconds,
        "How long a check took that a merchant was to be asked for, up to its answer.";
    "paybell_checks_in_flight", Kind::Gauge, Count,
        "Checks that wait for their merchant's answer in this process.";
    "paybell_checks_turned_away_total", Kind::Counter, Count,
        "Checks that found no place, so that they were answered as unavailable at once.";
    "paybell_http_requests_total" ["method", "route", "status"], Kind::Counter, Count,
        "Requests to the API, by route, method and status.";
    "paybell_attempts_total" ["outcome"], Kind::Counter, Count,
        "Attempts recorded, by outcome; not those whose worker died before it could.";
    "paybell_handler_panics_total", Kind::Counter, Count,
        "Attempts at which the worker panicked; after the third of a delivery it is undelivered.";
    "paybell_attempt_duration_seconds", Kind::Histogram(SHORT), Seconds,
        "How long an attempt took.";
    "paybell_first_attempt_delay_seconds", Kind::Histogram(LONG), Seconds,
        "From the acceptance of a payment to the first attempt of its delivery.";
    "paybell_acknowledgement_latency_seconds", Kind::Histogram(LONG), Seconds,
        "From the acceptance of a payment to its acknowledgement.";
    "paybell_deliveries" ["state"], Kind::Gauge, Count,
        "Deliveries that are pending or undelivered, by state, counted to 100000.";
    "paybell_deliveries_finished_total" ["state", "reason"], Kind::Counter, Count,
        "Deliveries that came to their end, by state and reason.";
    "paybell_oldest_due_seconds", Kind::Gauge, Seconds,
        "How long the oldest due delivery has been due; above the visibility time, nobody dispatches.";
    "paybell_queue_away", Kind::Gauge, Count,
        "1 while this process goes on without the queue, which does not answer.";
    "paybell_queue_last_turn_seconds", Kind::Gauge, Seconds,
        "How long ago a worker last asked the queue for work; infinite when none did.";
    "paybell_earliest_deadline_seconds", Kind::Gauge, Seconds,
        "How long until the earliest deadline of a pending delivery; infinite when none is pending.";
    "paybell_deliveries_expiring", Kind::Gauge, Count,
        "Pending deliveries whose deadline comes within an hour, counted to 100000.";
    "paybell_expired_total", Kind::Counter, Count,
        "Deliveries whose deadline passed.";
    "paybell_queue_depth", Kind::Gauge, Count,
        "Deliveries waiting in the queue.";
    "paybell_intake_jobs_left_to_dispatcher_total", Kind::Counter, Count,
        "New deliveries that the queue did not take at once; the dispatcher finds them after the grace time.";
    "paybell_queue_errors_total" ["act"], Kind::Counter, Count,
        "Failures of the queue, by act.";
    "paybell_claims_total" ["result"], Kind::Counter, Count,
        "Claims, by result; a lost claim is normal, a late one was not tried: its job had waited too long. Those won ahead \
        were claimed as they were accepted; those given back found no room, or no place in time.";
    "paybell_reply_signature_warnings_total", Kind::Counter, Count,
        "Acknowledgements that counted although their own signature was wrong.";
    "paybell_records_fenced_total", Kind::Counter, Count,
        "Attempts recorded after their claim had run out.";
    "paybell_dispatched_total", Kind::Counter, Count,
        "Due deliveries handed to the queue by the dispatcher.";
    "paybell_dispatch_recovered_total", Kind::Counter, Count,
        "Deliveries that a queue or a worker had forgotten, found by the dispatcher.";
    "paybell_dispatch_parked_total", Kind::Counter, Count,
        "Deliveries parked as their endpoint is paused, failing, deleted or has more in the queue than finds room.";
    "paybell_dispatch_released_total", Kind::Counter, Count,
        "Parked deliveries handed out again, as their endpoint takes deliveries.";
    "paybell_endpoints_failing", Kind::Gauge, Count,
        "Endpoints that do not answer and are only probed, counted to 100000.";
    "paybell_endpoint_health_changes_total" ["to"], Kind::Counter, Count,
        "Endpoints that began to fail or answered again, by their new health.";
    "paybell_probes_total" ["result"], Kind::Counter, Count,
        "Attempts that probed a failing endpoint, by result.";
    "paybell_batch_size" ["act"], Kind::Histogram(SIZES), Count,
        "Callers served by one statement, by act.";
    "paybell_in_flight", Kind::Gauge, Count,
        "Attempts in flight in this process.";
    "paybell_attempt_partitions_made_total", Kind::Counter, Count,
        "Days for which a partition of attempts was made, on PostgreSQL.";
    "paybell_attempt_partitions_dropped_total", Kind::Counter, Count,
        "Days whose partition of attempts was dropped as it was old, on PostgreSQL.";
    "paybell_old_attempts_deleted_total", Kind::Counter, Count,
        "Old attempts deleted one by one: on SQLite, and of those that fit in no day's partition.";
    "paybell_old_checks_deleted_total", Kind::Counter, Count,
        "Old checks deleted.";
    "paybell_keep_attempts_errors_total", Kind::Counter, Count,
        "Passes of the retention of attempts in which something failed; the log says what to do.";
    "paybell_clock_offset_seconds", Kind::Gauge, Seconds,
        "How far the database's clock is ahead of this machine's.";
}
