//! How far back the dispatcher looks for what is due. The index of it keeps an entry of each delivery that was due until
//! the next vacuum; a pass that goes through all of them takes longer the more was delivered, dispatched or parked since.

use paybell_delivery::Timestamp;
use paybell_store::engine::Dispatched;
use std::time::Duration;
use tokio::time::Instant;

/// How often everything is looked at: what was locked when it was its turn, or is due at a moment long past.
const WHOLE_EVERY: Duration = Duration::from_secs(1);
/// What became due this long before the last pass is looked at again: a commit may be a little late.
const AGAIN: Duration = Duration::from_secs(1);

/// Where the next pass begins.
#[derive(Default)]
pub(crate) struct LookBack {
    whole_at: Option<Instant>,
    after: Option<Timestamp>,
}

impl LookBack {
    /// The `due_at` after which the next pass looks; nothing where it looks at everything.
    pub(crate) fn next(&self, at: Instant) -> Option<Timestamp> {
        self.after.filter(|_| self.whole_at.is_some_and(|whole| at.duration_since(whole) < WHOLE_EVERY))
    }

    /// Notes what a pass found that began `at` and looked at what was due `now`.
    pub(crate) fn note(&mut self, after: Option<Timestamp>, at: Instant, now: Timestamp, found: &Dispatched) {
        if after.is_none() {
            self.whole_at = Some(at);
        }
        self.after = match found.last_due_at {
            // Others may be due at the same moment.
            Some(last) if found.more => Some(last.before(Duration::from_micros(1))),
            _ => Some(now.before(AGAIN)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn pass(look_back: &mut LookBack, at: Instant, now: i64, found: &Dispatched) -> Option<i64> {
        let after = look_back.next(at);
        look_back.note(after, at, Timestamp(now), found);
        after.map(|after| after.0)
    }

    #[test]
    fn everything_is_looked_at_once_a_second_and_the_last_second_between() {
        let (mut look_back, begin) = (LookBack::default(), Instant::now());
        let none = Dispatched::default();
        let passes: [(u64, i64); 6] = [(0, 100), (400, 140), (999, 199), (1_000, 200), (1_500, 250), (2_000, 300)];
        let after = passes.map(|(ms, now)| {
            pass(&mut look_back, begin + Duration::from_millis(ms), now * SECOND, &none).map(|after| after / SECOND)
        });
        assert_eq!(after, [None, Some(99), Some(139), None, Some(199), None]);
    }

    #[test]
    fn pass_after_one_that_reached_its_limit_goes_on_where_that_ended() {
        let (mut look_back, begin) = (LookBack::default(), Instant::now());
        let some = Dispatched { more: true, last_due_at: Some(Timestamp(50)), ..Dispatched::default() };
        assert_eq!(pass(&mut look_back, begin, 100 * SECOND, &some), None);
        assert_eq!(pass(&mut look_back, begin, 100 * SECOND, &Dispatched::default()), Some(49));
        assert_eq!(pass(&mut look_back, begin, 100 * SECOND, &some), Some(99 * SECOND));
    }
}
