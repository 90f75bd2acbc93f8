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

    /// Reads the database's clock and takes over its offset, corrected by half of the round trip.
    ///
    /// # Errors
    /// When the database does not answer; the offset stays as it was.
    pub async fn sync(&self, ledger: &dyn Ledger) -> Result<()> {
        let before = machine_now_us();
        let database = ledger.now().await?.0;
        let after = machine_now_us();
        self.offset_us.store(database - (before + after) / 2, Ordering::Relaxed);
        Ok(())
    }
}

pub(crate) fn machine_now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
