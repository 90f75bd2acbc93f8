//! Counting what happens in this process, for charts: in memory as it happens, in the database every few seconds.
//!
//! Cast:
//! - [`Counter`]: counts what passes through [`crate::Coalesced`], and writes it.
//! - [`Counts`]: the numbers since the last write; to count costs a few relaxed additions.

use crate::engine::{Accepted, RecordAttempt, Recorded};
use crate::ids::time_of;
use crate::manage::Figures;
use crate::{Clock, Ledger};
use paybell_delivery::{Decision, Outcome, Reason};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How often what was counted is written, when there is something.
const WRITE_EVERY: Duration = Duration::from_secs(5);

/// Counts, and writes what it has counted.
pub(crate) struct Counter {
    ledger: Arc<dyn Ledger>,
    clock: Arc<Clock>,
    pub(crate) counts: Counts,
}

impl Counter {
    /// Writes every few seconds until nobody else holds it.
    pub(crate) fn start(ledger: Arc<dyn Ledger>, clock: Arc<Clock>) -> Arc<Self> {
        let counter = Arc::new(Self { ledger, clock, counts: Counts::default() });
        let weak = Arc::downgrade(&counter);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(WRITE_EVERY).await;
                let Some(counter) = weak.upgrade() else { return };
                counter.flush().await;
            }
        });
        counter
    }

    /// Writes what was counted since the last time. What could not be written is kept for the next.
    pub(crate) async fn flush(&self) {
        let figures = self.counts.take();
        if figures == Figures::default() {
            return;
        }
        if let Err(error) = self.ledger.add_figures(self.clock.now(), &figures).await {
            tracing::debug!(error = &error as &dyn Error, "figures were not written; trying again");
            self.counts.add(&figures);
        }
    }
}

/// What was counted and is not written yet.
pub(crate) struct Counts {
    accepted: AtomicU64,
    delivered: AtomicU64,
    undelivered: AtomicU64,
    expired: AtomicU64,
    attempts: AtomicU64,
    first_attempts: AtomicU64,
    first_acknowledged: AtomicU64,
    acknowledged_within: [AtomicU64; Figures::BUCKETS],
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            accepted: AtomicU64::default(),
            delivered: AtomicU64::default(),
            undelivered: AtomicU64::default(),
            expired: AtomicU64::default(),
            attempts: AtomicU64::default(),
            first_attempts: AtomicU64::default(),
            first_acknowledged: AtomicU64::default(),
            acknowledged_within: std::array::from_fn(|_| AtomicU64::default()),
        }
    }
}

impl Counts {
    /// Counts the new ones of payments that were to be accepted.
    pub(crate) fn note_accepted(&self, answers: &[Accepted]) {
        let new = answers.iter().filter(|answer| matches!(answer, Accepted::New { .. })).count();
        self.accepted.fetch_add(new as u64, Relaxed);
    }

    /// Counts deliveries that the dispatcher ended.
    pub(crate) fn note_expired(&self, count: u64) {
        self.expired.fetch_add(count, Relaxed);
    }

    /// Counts attempts, and what became of their deliveries where they moved them.
    pub(crate) fn note_recorded(&self, records: &[RecordAttempt], answers: &[Recorded]) {
        self.attempts.fetch_add(records.len() as u64, Relaxed);
        for (record, answer) in records.iter().zip(answers) {
            if record.attempt.number == 1 {
                self.first_attempts.fetch_add(1, Relaxed);
                let acknowledged = record.attempt.outcome == Outcome::Acknowledged;
                self.first_acknowledged.fetch_add(u64::from(acknowledged), Relaxed);
            }
            match answer {
                Recorded::Applied => self.note_applied(record),
                Recorded::Fenced => {}
            }
        }
    }

    fn note_applied(&self, record: &RecordAttempt) {
        match record.decision {
            Decision::Delivered => {
                self.delivered.fetch_add(1, Relaxed);
                // The id of a delivery is made when its payment is accepted, or when it is resent.
                let took = record.now.since(time_of(record.attempt.delivery_id.0));
                self.acknowledged_within[Figures::bucket_of(took)].fetch_add(1, Relaxed);
            }
            Decision::Undelivered(Reason::Expired) => self.note_expired(1),
            Decision::Undelivered(Reason::Refused | Reason::RefusedAfterUnknown | Reason::Panicked) => {
                self.undelivered.fetch_add(1, Relaxed);
            }
            Decision::RetryAt(_) => {}
        }
    }

    fn take(&self) -> Figures {
        let take = |count: &AtomicU64| if count.load(Relaxed) == 0 { 0 } else { count.swap(0, Relaxed) };
        Figures {
            accepted: take(&self.accepted),
            delivered: take(&self.delivered),
            undelivered: take(&self.undelivered),
            expired: take(&self.expired),
            attempts: take(&self.attempts),
            first_attempts: take(&self.first_attempts),
            first_acknowledged: take(&self.first_acknowledged),
            acknowledged_within: self.acknowledged_within.iter().map(take).collect(),
        }
    }

    fn add(&self, figures: &Figures) {
        self.accepted.fetch_add(figures.accepted, Relaxed);
        self.delivered.fetch_add(figures.delivered, Relaxed);
        self.undelivered.fetch_add(figures.undelivered, Relaxed);
        self.expired.fetch_add(figures.expired, Relaxed);
        self.attempts.fetch_add(figures.attempts, Relaxed);
        self.first_attempts.fetch_add(figures.first_attempts, Relaxed);
        self.first_acknowledged.fetch_add(figures.first_acknowledged, Relaxed);
        for (bucket, count) in self.acknowledged_within.iter().zip(&figures.acknowledged_within) {
            bucket.fetch_add(*count, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_back_is_counted_once_more() {
        let counts = Counts::default();
        counts.note_expired(3);
        let taken = counts.take();
        assert_eq!((taken.expired, counts.take()), (3, Figures::default()), "each is taken once");
        counts.note_expired(2);
        counts.add(&taken);
        assert_eq!(counts.take(), Figures { expired: 5, ..Figures::default() });
    }
}
