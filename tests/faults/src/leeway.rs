//! How much later than promised something may be, by what is known to have held it up at that very time.

use crate::checker::{Case, Terms};
use crate::evidence::{Seen, StoredAttempt};
use crate::troubles::Place;

/// After a step of the database's clock, its processes have read the new time after so long: they do so every 10 s.
const STEP_IS_KNOWN_US: i64 = 12_000_000;
/// A queue that is back is used again after so long: processes ask it every 3 s, and may wait for its answer.
const QUEUE_IS_USED_US: i64 = 5_000_000;

impl Terms {
    /// A moment of this machine's clock, by the database's.
    pub(crate) fn to_database_us(&self, at_us: i64) -> i64 {
        let before = self.steps.iter().rev().find(|(step_us, _)| *step_us <= at_us);
        at_us - before.map_or(self.skew_us, |(_, skew_us)| *skew_us)
    }

    /// How far the processes' ideas of the time may be apart between two moments of the database's clock.
    pub(crate) fn clock_us_at(&self, from_us: i64, until_us: i64) -> i64 {
        let mut skew_us = self.skew_us;
        let mut apart = self.clock_us;
        for &(step_us, after_us) in &self.steps {
            let (least, most) = (skew_us.min(after_us), skew_us.max(after_us));
            if until_us >= step_us - most && from_us <= step_us + STEP_IS_KNOWN_US - least {
                apart += most - least;
            }
            skew_us = after_us;
        }
        apart
    }

    /// For how long a worker was frozen between two moments of the database's clock.
    pub(crate) fn frozen_us(&self, from_us: i64, until_us: i64) -> i64 {
        self.troubles.overlap_us(Place::Worker, from_us + self.skew_us, until_us + self.skew_us)
    }

    /// For how long the way to the database was slow between two moments of its clock.
    pub(crate) fn slowed_us(&self, from_us: i64, until_us: i64) -> i64 {
        self.troubles.overlap_us(Place::Database, from_us + self.skew_us, until_us + self.skew_us)
    }

    /// Whether the queue may not know who is in flight, at a moment of this machine's clock: while it is in trouble, until
    /// all processes use it again, and for as long as an attempt may take that began in that time. So it is with a worker
    /// that was frozen: the queue gave up what it holds.
    pub(crate) fn forgets_who_is_in_flight(&self, at_us: i64) -> bool {
        let since = at_us - QUEUE_IS_USED_US - self.time_limit_us - self.tolerance_us;
        [Place::Queue, Place::Worker].into_iter().any(|place| self.troubles.touches(place, since, at_us))
    }
}

/// How late a POST may come: by what a busy machine takes, and by as long as its worker was frozen after it began.
pub(crate) fn may_be_late_us(case: &Case<'_>, post: &Seen, attempts: &[StoredAttempt]) -> i64 {
    let terms = case.terms;
    let at_us = terms.to_database_us(post.at_us);
    let shown = attempts.iter().find(|attempt| attempt.number == post.attempt);
    let started_us = shown.map_or(at_us - terms.visibility_us, |attempt| attempt.started_us);
    let apart = terms.clock_us_at(started_us.min(at_us), at_us) - terms.clock_us;
    terms.tolerance_us + terms.frozen_us(started_us, at_us) + apart
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;

    #[test]
    fn step_of_the_clock_holds_for_what_comes_after_it() {
        let terms = Terms { steps: vec![(100 * S, -300 * S), (200 * S, -270 * S)], ..Terms::default() };
        for (at, database) in [(99, 99), (100, 400), (199, 499), (200, 470)] {
            assert_eq!(terms.to_database_us(at * S), database * S, "{at}");
        }
    }

    #[test]
    fn processes_differ_by_a_step_only_until_they_have_read_the_new_time() {
        let terms = Terms { steps: vec![(100 * S, -300 * S)], ..Terms::default() };
        // The step leads from 100 to 400; who has not read it yet is at 112.
        for (from, until, apart) in [(50, 99, 0), (50, 100, 300), (405, 411, 300), (413, 500, 0)] {
            assert_eq!(terms.clock_us_at(from * S, until * S), terms.clock_us + apart * S, "{from} to {until}");
        }
    }

    #[test]
    fn queue_knows_who_is_in_flight_again_once_all_of_that_time_has_ended() {
        let mut terms = Terms::default();
        terms.troubles.begin(Place::Queue, "redis", 10 * S);
        terms.troubles.end("redis", 12 * S);
        for (at, forgets) in [(9, false), (10, true), (20, true), (21, false)] {
            assert_eq!(terms.forgets_who_is_in_flight(at * S), forgets, "{at}");
        }
    }
}
