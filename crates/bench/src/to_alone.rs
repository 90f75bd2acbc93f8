//! What a measurement's p99 is to that of the same traffic alone.

use crate::figures::{Figures, ratio};
use crate::report::Report;

/// The ratio to the geometric mean of the measurements alone.
pub(crate) struct ToAlone {
    /// Where all of the measurements have enough undisturbed time to tell latencies.
    pub(crate) undisturbed: Option<f64>,
    pub(crate) with_all_time: Option<f64>,
}

impl ToAlone {
    /// Of the measurements whose names begin with `name`, to those that begin with `alone`.
    pub(crate) fn of(report: &Report, name: &str, alone: &str) -> Self {
        let to_alone = |p99| ratio(report.mean_of(name, p99), report.mean_of(alone, p99));
        let tell = report.named(name).chain(report.named(alone)).all(Figures::tells_latencies);
        Self {
            undisturbed: to_alone(|run| run.undisturbed.latency_ms.p99).filter(|_| tell),
            with_all_time: to_alone(|run| run.latency_ms.p99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Percentiles, Undisturbed};

    #[test]
    fn undisturbed_times_are_compared_where_all_measurements_have_enough() {
        let run = |name: &str, all, undisturbed, share| {
            let ms = |p99| Percentiles { p99, ..Percentiles::default() };
            let undisturbed = Undisturbed { share, latency_ms: ms(undisturbed), ..Undisturbed::default() };
            Figures { name: name.to_owned(), latency_ms: ms(all), undisturbed, ..Figures::default() }
        };
        let alone = [run("alone, before", 1.0, 1.0, 1.0), run("alone, after", 4.0, 1.0, 0.5)];
        let others = [run("beside", 6.0, 1.5, 0.6), run("later", 2.0, 1.0, 0.3)];
        let report = Report { runs: [alone, others].concat(), ..Report::default() };
        let [beside, later] = ["beside", "later"].map(|name| ToAlone::of(&report, name, "alone"));
        assert_eq!((beside.undisturbed, beside.with_all_time), (Some(1.5), Some(3.0)));
        assert_eq!((later.undisturbed, later.with_all_time), (None, Some(1.0)));
    }
}
