//! How much the dispatcher looks at in one pass. A statement for a thousand deliveries keeps one of the database's processors
//! busy for the tenth of a second, and all payments of that time wait for the others. So what comes due is taken in passes of a
//! few milliseconds with rests as long between them, and in large ones, which cost less for each delivery, only where the
//! dispatcher does not keep up.

use paybell_delivery::Timestamp;
use paybell_store::engine::Dispatched;
use std::time::Duration;

/// How much longer than one that finds next to nothing a pass may take.
const LONGEST: Duration = Duration::from_millis(4);
/// What is found by such a pass.
const NEXT_TO_NOTHING: usize = 5;
/// The least that is looked at, and what it begins with.
const LEAST: u32 = 25;
const FIRST: u32 = 100;
/// What has been due for so long is late: the dispatcher does not keep up.
const LATE: Duration = Duration::from_secs(1);

/// The size of the next pass, by how long the last ones took.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct PassSize {
    limit: u32,
    /// What a pass takes that finds next to nothing.
    least_time: Duration,
    is_late: bool,
}

impl Default for PassSize {
    fn default() -> Self {
        Self { limit: FIRST, least_time: Duration::ZERO, is_late: false }
    }
}

impl PassSize {
    /// The most deliveries that the next pass looks at, of at most `max`.
    pub(crate) fn next(&self, max: u32) -> u32 {
        if self.is_late { max } else { self.limit.min(max) }
    }

    /// Whether the dispatcher is behind, so that it should not rest.
    pub(crate) fn is_late(&self) -> bool {
        self.is_late
    }

    /// Notes what a pass found that looked at what was due `now`, and how long that took.
    pub(crate) fn note(&mut self, found: &Dispatched, took: Duration, now: Timestamp) {
        self.is_late = found.more && found.last_due_at.is_some_and(|due| due + LATE < now);
        if found.found <= NEXT_TO_NOTHING {
            self.least_time = took;
        }
        let took = took.saturating_sub(self.least_time);
        if took > LONGEST {
            self.limit = (self.limit / 2).max(LEAST);
        } else if found.more && took < LONGEST / 3 {
            self.limit = self.limit.saturating_mul(2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u32 = 1_000;
    const SECOND: i64 = 1_000_000;

    /// What a pass found that handed nothing out: all were claimed, and put off.
    fn found(found: usize, more: bool, last_due_at: Timestamp) -> Dispatched {
        Dispatched { found, more, last_due_at: Some(last_due_at), ..Dispatched::default() }
    }

    #[test]
    fn passes_grow_and_shrink_to_the_time_they_should_take() {
        let (mut size, now) = (PassSize::default(), Timestamp(0));
        let ms = Duration::from_millis;
        // What a pass took, whether it reached its limit, and the next one's limit. The first finds next to nothing.
        for (count, took, more, next) in [
            (0, ms(1), false, FIRST),
            (100, ms(2), true, 200),
            (200, ms(2), true, 400),
            (400, ms(5), true, 400),
            (400, ms(6), true, 200),
            (200, ms(6), false, 100),
            (20, ms(2), false, 100),
            (100, ms(6), true, 50),
            (50, ms(6), true, LEAST),
            (25, ms(6), true, LEAST),
        ] {
            size.note(&found(count, more, now), took, now);
            assert_eq!(size.next(MAX), next, "after {count} in {took:?}");
        }
        assert_eq!(size.next(10), 10, "no more than it may");
    }

    #[test]
    fn a_database_far_away_does_not_make_passes_small() {
        let (mut size, now) = (PassSize::default(), Timestamp(0));
        size.note(&found(0, false, now), Duration::from_millis(30), now);
        size.note(&found(100, true, now), Duration::from_millis(31), now);
        assert_eq!(size.next(MAX), 2 * FIRST);
    }

    #[test]
    fn who_does_not_keep_up_takes_large_passes() {
        let (mut size, now) = (PassSize::default(), Timestamp(10 * SECOND));
        let long = Duration::from_secs(1);
        for (due, more, late) in
            [(8, true, true), (8, false, false), (9, true, false), (8, true, true), (10, true, false)]
        {
            size.note(&found(25, more, Timestamp(due * SECOND)), long, now);
            assert_eq!((size.is_late(), size.next(MAX) == MAX), (late, late), "due at {due}, more: {more}");
        }
    }
}
