//! The database's time, kept by an offset to this machine's clock, so that processes on machines whose clocks differ
//! agree on what is due.

use crate::{Ledger, Result};
use paybell_delivery::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// This machine's clock, corrected to the database's.
#[derive(Debug, Default)]
pub struct Clock {
    offset_us: AtomicI64,
}

impl Clock {
    /// Now, by the database's clock as of the last [`Clock::sync`].
    pub fn now(&self) -> Timestamp {
        Timestamp(machine_now_us() + self.offset_us.load(Ordering::Relaxed))
    }

    /// How far the database's clock is ahead of this machine's, in microseconds.
    pub fn offset_us(&self) -> i64 {
        self.offset_us.load(Ordering::Relaxed)
    }

    /// Reads the database's clock and takes over its offset, corrected by half of the round trip. A slow answer that
    /// agrees with the offset as far as it can tell changes nothing.
    ///
    /// # Errors
    /// When the database does not answer; the offset stays as it was.
    pub async fn sync(&self, ledger: &dyn Ledger) -> Result<()> {
        let before = machine_now_us();
        let database = ledger.now().await?.0;
        let after = machine_now_us();
        let offset = offset_us(self.offset_us(), (before, database, after));
        self.offset_us.store(offset, Ordering::Relaxed);
        Ok(())
    }
}

/// An answer that took longer, in microseconds, may be wrong by more than is to be had from it.
const ROUND_TRIP_MAX_US: i64 = 200_000;

/// The offset, after the database showed `database` between `before` and `after` of this machine's clock.
fn offset_us(known: i64, (before, database, after): (i64, i64, i64)) -> i64 {
    let possible = database - after..=database - before;
    if after - before > ROUND_TRIP_MAX_US && possible.contains(&known) {
        known
    } else {
        database - (before + after) / 2
    }
}

pub(crate) fn machine_now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::offset_us;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn a_slow_answer_changes_only_an_offset_that_it_contradicts() {
        let known = 3 * SECOND;
        assert_eq!(offset_us(known, (0, 3 * SECOND + 700, 1_000)), known + 200, "a quick answer is taken over");
        assert_eq!(offset_us(known, (0, 3 * SECOND, 8 * SECOND)), known, "all of it passed on the way back");
        assert_eq!(offset_us(known, (0, 11 * SECOND, 8 * SECOND)), known, "all of it passed on the way there");
        assert_eq!(offset_us(known, (0, 300 * SECOND, 8 * SECOND)), 296 * SECOND, "the clock was set");
    }
}
