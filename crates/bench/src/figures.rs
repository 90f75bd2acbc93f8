//! The figures of one measurement.

use crate::account::Spent;
use crate::report::NOISE_MAX;
use serde::Serialize;
use std::sync::Arc;

/// One measurement.
#[derive(Clone, Serialize, Default, Debug)]
pub(crate) struct Figures {
    /// What was measured.
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) spent: Spent,
    /// From the gateway's sending to the merchant's receiving.
    pub(crate) latency_ms: Percentiles,
    /// From the gateway's sending to its 202.
    pub(crate) accept_ms: Percentiles,
    pub(crate) undisturbed: Undisturbed,
    /// What `latency_ms` is of.
    #[serde(skip)]
    pub(crate) times: Times,
    /// Deliveries a second, as a part of the floor's in the same run.
    pub(crate) floor_ratio: Option<f64>,
    /// Resident memory of all processes of the engine.
    pub(crate) engine_memory_mb: f64,
}

impl Figures {
    /// Deliveries recorded a second.
    pub(crate) fn rate(&self) -> f64 {
        self.spent.deliveries_per_s
    }

    /// Processor time of the engine and its servers for each delivery, in µs.
    pub(crate) fn cost_us(&self) -> f64 {
        self.spent.cpu_us_per_delivery.all
    }

    /// Whether others, such as a virtual machine's host, took no more than a figure bears.
    pub(crate) fn is_undisturbed(&self) -> bool {
        self.spent.others_share <= NOISE_MAX
    }

    /// Whether the undisturbed part is long enough to tell latencies, and nothing but the host disturbed. A host that slows the
    /// processors down for a moment each second and a half leaves less than half of the time.
    pub(crate) fn tells_latencies(&self) -> bool {
        self.undisturbed.share >= 1.0 / 3.0 && self.spent.others_share - self.spent.stolen_share <= NOISE_MAX
    }

    /// The same with the load generator and the sink: all that a delivery takes of the machine.
    pub(crate) fn whole_cost_us(&self) -> f64 {
        self.spent.cpu_us_per_delivery.all + self.spent.cpu_us_per_delivery.bench
    }

    /// The same as so many times what the load generator and the sink take, which do the same for each delivery however fast
    /// the machine is at the moment.
    pub(crate) fn whole_cost_at_one_speed(&self) -> f64 {
        ratio(self.whole_cost_us(), self.spent.cpu_us_per_delivery.bench).unwrap_or(0.0)
    }
}

/// What was measured while a virtual machine's host left it its processors (in no half second did it take more than a tenth of
/// the busy time, and none of them for 2 ms) at their speed (never less than a third of it), and its disk did not stand still.
#[derive(Clone, Copy, Serialize, Default, Debug)]
pub(crate) struct Undisturbed {
    /// What part of the time that was.
    pub(crate) share: f64,
    /// For what part of the time the processors were slow.
    pub(crate) processors_slow_share: f64,
    /// For what part of the time one processor or another was not run at all for 2 ms or longer; nothing where that is not seen.
    pub(crate) processors_paused_share: Option<f64>,
    /// Of the payments that were under way in no other.
    pub(crate) latency_ms: Percentiles,
}

/// How long each payment took from the gateway's sending to the merchant's receiving, in µs, sorted.
#[derive(Clone, Default, Debug)]
pub(crate) struct Times {
    pub(crate) all_us: Arc<[u64]>,
    /// Of the payments that were under way in no disturbed time.
    pub(crate) undisturbed_us: Arc<[u64]>,
}

/// Percentiles, in milliseconds.
#[derive(Clone, Copy, PartialEq, Serialize, Default, Debug)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

impl Percentiles {
    /// Of sorted times in µs; zeros when there are none.
    pub(crate) fn of_us(sorted: &[u64]) -> Self {
        let ms = |part| nearest_rank(sorted, part) as f64 / 1e3;
        Self { p50: ms(0.5), p99: ms(0.99), p999: ms(0.999) }
    }
}

/// The smallest value that so large a part of the sorted values does not exceed.
pub(crate) fn nearest_rank(sorted: &[u64], part: f64) -> u64 {
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// `a` as a part of `b`; nothing where there is no `b`.
pub(crate) fn ratio(a: f64, b: f64) -> Option<f64> {
    (b > 0.0).then(|| a / b)
}

/// The mean; zero of nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let hundred: Vec<u64> = (1..=100).collect();
        for (sorted, part, expected) in [
            (&hundred[..], 0.5, 50),
            (&hundred, 0.99, 99),
            (&hundred, 0.999, 100),
            (&hundred[..1], 0.99, 1),
            (&hundred[..2], 0.5, 1),
            (&[], 0.5, 0),
        ] {
            assert_eq!(nearest_rank(sorted, part), expected, "{part} of {} values", sorted.len());
        }
        assert_eq!(Percentiles::of_us(&[1_000, 2_000, 3_000]), Percentiles { p50: 2.0, p99: 3.0, p999: 3.0 });
    }

    #[test]
    fn a_third_of_a_span_tells_latencies_where_only_the_host_disturbed() {
        for (share, others_share, stolen_share, tells) in
            [(0.34, 0.4, 0.35, true), (1.0, 0.1, 0.0, true), (0.33, 0.4, 0.4, false), (1.0, 0.11, 0.0, false)]
        {
            let spent = Spent { others_share, stolen_share, ..Spent::default() };
            let undisturbed = Undisturbed { share, ..Undisturbed::default() };
            let figures = Figures { spent, undisturbed, ..Figures::default() };
            assert_eq!(figures.tells_latencies(), tells, "{figures:?}");
        }
    }

    #[test]
    fn ratios_and_means_of_nothing_are_none_and_zero() {
        assert_eq!((ratio(1.0, 2.0), ratio(1.0, 0.0)), (Some(0.5), None));
        assert_eq!((mean(&[1.0, 3.0]), mean(&[])), (2.0, 0.0));
    }
}
