//! When what the machine did says nothing of what is measured: its host took the processors away, for long or for a moment, or
//! slowed them down, or its disk stood still.

use crate::figures::ratio;
use crate::ledger::Ledger;
use crate::paused_processors::PausedProcessors;
use crate::slow_processors::SlowProcessors;
use crate::stalled_disk::StalledDisk;
use crate::stolen_time::StolenTime;
use std::sync::{Arc, Mutex, PoisonError};

/// What waited meanwhile is worked off this long afterwards.
const AFTER_US: u64 = 500_000;
/// What waited while a processor was paused is worked off within so many times as long: a queue whose server is busy for four
/// fifths of the time has worked off a pause after four times its length.
const AFTER_PAUSE: u64 = 5;

/// A time from one moment to another, in µs since the run's start.
pub(crate) type Period = (u64, u64);

/// What a watch has seen so far, in order; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Periods(Arc<Mutex<Vec<Period>>>);

impl Periods {
    pub(crate) fn note(&self, period: Period) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(period);
    }

    pub(crate) fn so_far(&self) -> Vec<Period> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether somebody else has it.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

/// Watches for as long as it is there.
pub(crate) struct Disturbances {
    stolen: StolenTime,
    slow: SlowProcessors,
    paused: PausedProcessors,
    disk: StalledDisk,
}

impl Disturbances {
    pub(crate) fn watch(ledger: &Arc<Ledger>) -> Self {
        Self {
            stolen: StolenTime::watch(ledger.clone()),
            slow: SlowProcessors::watch(ledger.clone()),
            paused: PausedProcessors::watch(ledger),
            disk: StalledDisk::watch(ledger.clone()),
        }
    }

    /// The periods so far, in order, each with what comes of it.
    pub(crate) fn periods(&self) -> Vec<Period> {
        let all = [self.stolen.periods(), self.slow.periods(), self.disk.periods()].concat();
        let all = all.into_iter().map(|(from, to)| (from, to + AFTER_US));
        let paused = self.paused.periods().into_iter().map(|(from, to)| (from, to + AFTER_PAUSE * (to - from)));
        union(all.chain(paused).collect())
    }

    /// For what part of a time one processor or another was paused; nothing where that is not seen.
    pub(crate) fn paused_share(&self, time: Period) -> Option<f64> {
        self.paused.sees().then(|| 1.0 - share_left(&union(self.paused.periods()), time))
    }

    /// For what part of a time the processors were slow.
    pub(crate) fn slow_share(&self, time: Period) -> f64 {
        1.0 - share_left(&self.slow.periods(), time)
    }
}

/// All of their time, in order, as periods that do not overlap.
fn union(mut periods: Vec<Period>) -> Vec<Period> {
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
    fn periods_become_one_where_they_overlap() {
        let all = vec![(10, 20), (15, 25), (40, 50), (0, 5), (18, 19), (25, 30), (45, 90), (95, 99)];
        assert_eq!(union(all), [(0, 5), (10, 30), (40, 90), (95, 99)]);
        assert_eq!(union(Vec::new()), []);
    }

    #[test]
    fn disturbed_periods_count_once_where_they_overlap() {
        let periods = [(10, 20), (15, 25), (40, 50)];
        for (time, left) in [((0, 100), 0.75), ((0, 20), 0.5), ((22, 42), 0.75), ((12, 18), 0.0), ((60, 70), 1.0)] {
            assert!((share_left(&periods, time) - left).abs() < 1e-9, "{time:?}");
        }
    }
}
