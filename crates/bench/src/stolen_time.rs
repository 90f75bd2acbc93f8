//! When a virtual machine's host took its processors for something else, which nothing that is measured can help.

use crate::figures::ratio;
use crate::ledger::Ledger;
use crate::processor_time::Machine;
use crate::report::NOISE_MAX;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often it looks. The kernel counts in hundredths of a second, so shorter periods would tell less.
const PERIOD: Duration = Duration::from_millis(500);
/// What waited while processors or the disk were taken away is worked off this long afterwards.
pub(crate) const AFTER_US: u64 = 500_000;

/// A time from one moment to another, in µs since the run's start.
pub(crate) type Period = (u64, u64);

/// Watches for as long as it is there.
pub(crate) struct StolenTime {
    periods: Arc<Mutex<Vec<Period>>>,
    watching: JoinHandle<()>,
}

impl StolenTime {
    pub(crate) fn watch(ledger: Arc<Ledger>) -> Self {
        let periods = Arc::<Mutex<Vec<Period>>>::default();
        let seen = Arc::clone(&periods);
        let watching = tokio::spawn(async move {
            let (mut before, mut from) = (Machine::read(), ledger.now_us());
            loop {
                tokio::time::sleep(PERIOD).await;
                let (now, to) = (Machine::read(), ledger.now_us());
                if is_disturbed(&before, &now) {
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push((from, to + AFTER_US));
                }
                (before, from) = (now, to);
            }
        });
        Self { periods, watching }
    }

    /// The periods so far in which the host took more than figures bear, each with what comes of it.
    pub(crate) fn periods(&self) -> Vec<Period> {
        self.periods.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for StolenTime {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

fn is_disturbed(before: &Machine, after: &Machine) -> bool {
    let spent = |before: u64, after: u64| after.saturating_sub(before) as f64;
    let busy = spent(before.busy_us, after.busy_us);
    ratio(spent(before.stolen_us, after.stolen_us), busy).is_some_and(|share| share > NOISE_MAX)
}

/// All of the time that either has, in order, as periods that do not overlap.
pub(crate) fn union(mut periods: Vec<Period>, others: Vec<Period>) -> Vec<Period> {
    periods.extend(others);
    periods.sort_unstable();
    periods.dedup_by(|later, earlier| {
        let overlaps = later.0 <= earlier.1;
        if overlaps {
            earlier.1 = earlier.1.max(later.1);
        }
        overlaps
    });
    periods
}

/// Whether any of the periods, which are in order, has a part of this one.
pub(crate) fn overlaps(periods: &[Period], (from, to): Period) -> bool {
    let after = periods.partition_point(|period| period.1 < from);
    periods.get(after).is_some_and(|period| period.0 <= to)
}

/// What part of a time the periods, which are in order, leave.
pub(crate) fn share_left(periods: &[Period], (from, to): Period) -> f64 {
    let (mut taken, mut until) = (0, from);
    for &(begin, end) in periods {
        let (begin, end) = (begin.clamp(until, to), end.clamp(until, to));
        taken += end - begin;
        until = end;
    }
    1.0 - ratio(taken as f64, to.saturating_sub(from) as f64).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_tenth_of_the_busy_time_disturbs() {
        let before = Machine { busy_us: 100, stolen_us: 10 };
        for (busy_us, stolen_us, disturbed) in
            [(200, 20, false), (200, 21, true), (100, 10, false), (1_100, 100, false)]
        {
            assert_eq!(is_disturbed(&before, &Machine { busy_us, stolen_us }), disturbed, "{stolen_us} of {busy_us}");
        }
    }

    #[test]
    fn what_begins_or_ends_in_a_disturbed_period_or_lasts_through_it_overlaps() {
        let periods = [(10, 20), (15, 25), (40, 50)];
        for (time, expected) in [
            ((0, 9), false),
            ((0, 10), true),
            ((12, 13), true),
            ((25, 30), true),
            ((26, 39), false),
            ((30, 60), true),
            ((51, 60), false),
        ] {
            assert_eq!(overlaps(&periods, time), expected, "{time:?}");
        }
        assert!(!overlaps(&[], (0, 100)));
    }

    #[test]
    fn periods_of_both_kinds_become_one_where_they_overlap() {
        let both = union(vec![(10, 20), (15, 25), (40, 50)], vec![(0, 5), (18, 19), (25, 30), (45, 90), (95, 99)]);
        assert_eq!(both, [(0, 5), (10, 30), (40, 90), (95, 99)]);
        assert_eq!(union(Vec::new(), Vec::new()), []);
    }

    #[test]
    fn disturbed_periods_count_once_where_they_overlap() {
        let periods = [(10, 20), (15, 25), (40, 50)];
        for (time, left) in [((0, 100), 0.75), ((0, 20), 0.5), ((22, 42), 0.75), ((12, 18), 0.0), ((60, 70), 1.0)] {
            assert!((share_left(&periods, time) - left).abs() < 1e-9, "{time:?}");
        }
    }
}
