//! Clocks: the database's, which may be set, and the processes', which follow it by an offset as `store/src/clock.rs`
//! keeps it, read anew every ten seconds.

use crate::Bug;
use crate::dice::Dice;
use crate::plan::{Fault, Plan, Span};
use paybell_delivery::Timestamp;
use std::time::Duration;

/// How often a process reads the database's clock.
const SYNC_EVERY: Duration = Duration::from_secs(10);
/// An answer that took longer is taken over only where it contradicts what is known; in microseconds.
const ROUND_TRIP_MAX_US: i64 = 200_000;

/// Offsets to the true time, in microseconds, each from a moment on; none before the first.
#[derive(Clone, Default)]
struct Offsets(Vec<(Timestamp, i64)>);

/// The time from which clocks disagree by so much, until all follow.
#[derive(Clone, Copy)]
pub(crate) struct Unsure {
    pub(crate) span: Span,
    pub(crate) size: Duration,
}

/// All clocks of a world.
#[derive(Clone, Default)]
pub(crate) struct Clocks {
    database: Offsets,
    workers: Vec<Offsets>,
    dispatchers: Vec<Offsets>,
    /// When they disagree.
    pub(crate) unsure: Vec<Unsure>,
}

impl Offsets {
    fn at(&self, now: Timestamp) -> i64 {
        self.0.iter().rev().find(|(from, _)| *from <= now).map_or(0, |(_, offset)| *offset)
    }
}

impl Clocks {
    pub(crate) fn new(plan: &Plan, bug: Option<Bug>) -> Self {
        let mut steps: Vec<(Timestamp, i64)> = plan.faults.iter().filter_map(step_of).collect();
        steps.sort_unstable();
        let mut clocks = Self {
            workers: vec![Offsets::default(); plan.workers.len()],
            dispatchers: vec![Offsets::default(); plan.dispatchers.len()],
            ..Self::default()
        };
        let mut sum = 0;
        for (at, by) in steps {
            sum += by;
            clocks.database.0.push((at, sum));
        }
        let down = plan.faults.iter().filter(|fault| matches!(fault, Fault::DatabaseDown(_)));
        let down: Vec<Span> = down.filter_map(Fault::span).collect();
        let (database, dice) = (clocks.database.clone(), Dice(plan.seed).of(&[7]));
        let mut ends: Vec<Timestamp> = database.0.iter().map(|(at, _)| *at).collect();
        for (n, offsets) in (0..).zip(clocks.workers.iter_mut().chain(&mut clocks.dispatchers)) {
            follow(&database, &down, offsets, &mut ends, dice.of(&[n]), bug);
        }
        clocks.unsure = unsure(&database, &ends);
        clocks
    }

    /// Whether there is but one dispatcher, whose clock agrees with itself.
    pub(crate) fn one_dispatches(&self) -> bool {
        self.dispatchers.len() == 1
    }

    /// The database's time.
    pub(crate) fn database(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0 + self.database.at(now))
    }

    /// A worker's time, but for what its clock is ahead by the plan.
    pub(super) fn worker(&self, worker: usize, now: Timestamp) -> Timestamp {
        Timestamp(now.0 + self.workers[worker].at(now))
    }

    /// A dispatcher's time, but for what its clock is ahead by the plan.
    pub(super) fn dispatcher(&self, dispatcher: usize, now: Timestamp) -> Timestamp {
        Timestamp(now.0 + self.dispatchers[dispatcher].at(now))
    }

    /// The first moment from `now` on at which a dispatcher's clock, so much ahead, has come to `wanted`.
    pub(super) fn when(&self, dispatcher: usize, ahead_us: i64, wanted: Timestamp, now: Timestamp) -> Timestamp {
        let offsets = &self.dispatchers[dispatcher].0;
        let mut begin = now;
        let mut offset = self.dispatchers[dispatcher].at(now);
        for (until, next) in offsets.iter().filter(|(from, _)| *from > now) {
            let at = Timestamp(wanted.0 - ahead_us - offset).max(begin);
            if at < *until {
                return at;
            }
            (begin, offset) = (*until, *next);
        }
        Timestamp(wanted.0 - ahead_us - offset).max(begin)
    }
}

fn step_of(fault: &Fault) -> Option<(Timestamp, i64)> {
    if let Fault::ClockSteps(at, by) = fault { Some((*at, *by)) } else { None }
}

/// When clocks disagree: from each step on until the last process has followed.
fn unsure(database: &Offsets, ends: &[Timestamp]) -> Vec<Unsure> {
    let mut before = 0;
    let mut all = Vec::new();
    for ((from, offset), until) in database.0.iter().zip(ends) {
        let size = Duration::from_micros(offset.abs_diff(before));
        all.push(Unsure { span: Span { from: *from, until: *until }, size });
        before = *offset;
    }
    all
}

/// The offsets of a process: after each step, what its readings of the database's clock make of it.
fn follow(
    database: &Offsets,
    down: &[Span],
    offsets: &mut Offsets,
    ends: &mut [Timestamp],
    mut dice: Dice,
    bug: Option<Bug>,
) {
    let mut known = 0;
    for (n, (stepped_at, _)) in database.0.iter().enumerate() {
        let next_step = database.0.get(n + 1).map(|(at, _)| *at);
        let mut at = *stepped_at + dice.between(Duration::ZERO, SYNC_EVERY);
        loop {
            while let Some(span) = down.iter().find(|span| span.has(at)) {
                at = span.until + dice.between(Duration::ZERO, SYNC_EVERY);
            }
            if let Some(next) = next_step.filter(|next| at + SYNC_EVERY >= *next) {
                // The reading after that step sees both.
                ends[n] = ends[n].max(next + SYNC_EVERY * 3);
                break;
            }
            let slow = dice.chance(10);
            let longest = if slow { Duration::from_secs(6) } else { Duration::from_millis(50) };
            let (there, back) = (dice.between(Duration::ZERO, longest), dice.between(Duration::ZERO, longest));
            let after = at + there + back;
            let offset = offset_us(known, (at.0, database.at(at + there) + (at + there).0, after.0));
            let ignored = match bug {
                Some(Bug::ClockNotFollowed) => true,
                Some(Bug::ClockOnlyForward) => offset < known,
                _ => false,
            };
            if !ignored && offset != known {
                known = offset;
                offsets.0.push((after, known));
            }
            ends[n] = ends[n].max(after);
            if !slow {
                break;
            }
            at = after + SYNC_EVERY;
        }
    }
}

/// The offset after an answer, as `store/src/clock.rs` has it.
fn offset_us(known: i64, (before, database, after): (i64, i64, i64)) -> i64 {
    let possible = database - after..=database - before;
    if after - before > ROUND_TRIP_MAX_US && possible.contains(&known) {
        known
    } else {
        database - (before + after) / 2
    }
}
