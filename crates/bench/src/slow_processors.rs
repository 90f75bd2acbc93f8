//! When the processors were several times slower than they can be, as those of a virtual machine are while its host, or the
//! hardware under it, holds them back: tens of milliseconds each second or two. The kernel counts it as time that the programs
//! took, so only work of a known length shows it.

use crate::disturbances::{Period, Periods};
use crate::ledger::Ledger;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it looks.
const EVERY: Duration = Duration::from_millis(5);
/// One look's work: 13 to 20 µs of a fast processor, with one word of memory, so caches that others fill do not matter.
const STEPS: u32 = 10_000;
/// So many times as long as the fastest is slow. Neighbours on the same core and a changing clock make it up to twice as long.
const SLOW: u32 = 3;
/// A thread can lose its processor once in its work, but not each time.
const TRIES: u32 = 3;

/// Watches for as long as it is there.
pub(crate) struct SlowProcessors {
    periods: Periods,
}

impl SlowProcessors {
    /// A thread of its own looks, as it is to be late no more than it must.
    pub(crate) fn watch(ledger: Arc<Ledger>) -> Self {
        let periods = Periods::default();
        let seen = periods.clone();
        std::thread::spawn(move || {
            let (mut speed, mut from) = (Speed::default(), ledger.now_us());
            while seen.is_shared() {
                let is_slow = speed.is_slow(work);
                let to = ledger.now_us();
                if is_slow {
                    seen.note((from, to));
                }
                from = to;
                std::thread::sleep(EVERY);
            }
        });
        Self { periods }
    }

    /// The periods so far, in order.
    pub(crate) fn periods(&self) -> Vec<Period> {
        self.periods.so_far()
    }
}

/// Does the work and tells how long it took.
fn work() -> Duration {
    let begun = Instant::now();
    let mut value = black_box(1_u32);
    for _ in 0..STEPS {
        // A step needs the one before, and black_box keeps them from being folded into one.
        value = black_box(value.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    }
    begun.elapsed()
}

/// Knows the fastest that the processors have been.
struct Speed {
    fastest: Duration,
}

impl Default for Speed {
    fn default() -> Self {
        Self { fastest: Duration::MAX }
    }
}

impl Speed {
    /// Whether the work takes long each time it is tried.
    fn is_slow(&mut self, mut work: impl FnMut() -> Duration) -> bool {
        (0..TRIES).all(|_| {
            let took = work();
            self.fastest = self.fastest.min(took);
            took > self.fastest.saturating_mul(SLOW)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_slow_where_the_work_takes_long_each_time() {
        let mut speed = Speed::default();
        let mut look = |times_us: &[u64]| {
            let mut times = times_us.iter().map(|us| Duration::from_micros(*us));
            let is_slow = speed.is_slow(|| times.next().expect("a time"));
            (is_slow, times.count())
        };
        assert_eq!(look(&[300]), (false, 0), "the first look has nothing to compare with");
        assert_eq!(look(&[20]), (false, 0));
        assert_eq!(look(&[60, 1]), (false, 1), "not tried again where it is fast");
        assert_eq!(look(&[900, 500, 40]), (false, 0), "the thread lost its processor twice");
        assert_eq!(look(&[61, 61, 61]), (true, 0));
        assert_eq!(look(&[61, 61, 10]), (false, 0));
        assert_eq!(look(&[31, 31, 31]), (true, 0), "the fastest so far is what counts");
    }

    #[test]
    fn the_work_takes_as_long_as_it_has_steps() {
        let fastest = (0..50).map(|_| work()).min().expect("some");
        assert!(fastest >= Duration::from_micros(2), "{fastest:?}");
    }
}
