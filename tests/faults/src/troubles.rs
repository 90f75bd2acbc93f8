//! When something was in trouble. A promise about time is loosened by what the trouble explains and by no more: a POST
//! may be as late as its worker was frozen, and a cap may be overrun while the queue had forgotten who is in flight.

use serde::Serialize;

/// What was in trouble.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A worker was stopped without its knowledge: what it had begun goes on when it wakes.
    Worker,
    /// The queue, or the way to it, was away, slow or lost: it forgets who is in flight.
    Queue,
    /// The way to the database was slow: an attempt begins later after its claim.
    Database,
}

/// One trouble.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Trouble {
    /// What was in trouble.
    pub place: Place,
    /// Which one: a process, a server or a link.
    pub name: String,
    /// When it began, in µs since 1970-01-01T00:00:00Z.
    pub from_us: i64,
    /// When it was over.
    pub until_us: i64,
}

/// All troubles of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Troubles(Vec<Trouble>);

impl Troubles {
    /// A trouble begins.
    pub fn begin(&mut self, place: Place, name: &str, at_us: i64) {
        self.0.push(Trouble { place, name: name.to_owned(), from_us: at_us, until_us: i64::MAX });
    }

    /// The troubles of this name end, if there are any.
    pub fn end(&mut self, name: &str, at_us: i64) {
        for trouble in self.0.iter_mut().filter(|trouble| trouble.name == name && trouble.until_us == i64::MAX) {
            trouble.until_us = at_us;
        }
    }

    /// For how long, in µs, a place was in trouble between two moments. Troubles at the same time count once.
    pub fn overlap_us(&self, place: Place, from_us: i64, until_us: i64) -> i64 {
        let mut parts: Vec<(i64, i64)> =
            self.of(place).map(|t| (t.from_us.max(from_us), t.until_us.min(until_us))).collect();
        parts.sort_unstable();
        let (mut sum, mut counted) = (0, from_us);
        for (from, until) in parts {
            let from = from.max(counted);
            if until > from {
                sum += until - from;
                counted = until;
            }
        }
        sum
    }

    /// Whether a place was in trouble at any moment between two.
    pub fn touches(&self, place: Place, from_us: i64, until_us: i64) -> bool {
        self.of(place).any(|trouble| trouble.from_us <= until_us && trouble.until_us >= from_us)
    }

    fn of(&self, place: Place) -> impl Iterator<Item = &Trouble> {
        self.0.iter().filter(move |trouble| trouble.place == place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn troubles() -> Troubles {
        let mut troubles = Troubles::default();
        troubles.begin(Place::Worker, "worker-1", 100);
        troubles.begin(Place::Worker, "worker-2", 150);
        troubles.end("worker-1", 200);
        troubles.end("worker-2", 300);
        troubles.begin(Place::Worker, "worker-1", 400);
        troubles
    }

    #[test]
    fn troubles_at_the_same_time_count_once() {
        let troubles = troubles();
        for (from, until, overlap) in [(0, 90, 0), (0, 120, 20), (0, 350, 200), (180, 250, 70), (0, 500, 300)] {
            assert_eq!(troubles.overlap_us(Place::Worker, from, until), overlap, "{from} to {until}");
        }
        assert_eq!(troubles.overlap_us(Place::Queue, 0, 500), 0);
    }

    #[test]
    fn trouble_is_touched_from_its_beginning_to_its_end_and_for_ever_while_it_lasts() {
        let troubles = troubles();
        for (from, until, touches) in
            [(0, 99, false), (0, 100, true), (300, 310, true), (301, 399, false), (900, 901, true)]
        {
            assert_eq!(troubles.touches(Place::Worker, from, until), touches, "{from} to {until}");
        }
        assert!(!troubles.touches(Place::Queue, 0, 900));
    }
}
