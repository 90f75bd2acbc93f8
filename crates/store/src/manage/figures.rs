//! What happened in each minute, for charts.

use std::time::Duration;

/// How fine the figures of a chart are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FigureSpan {
    /// One minute each, kept for two days.
    Minute,
    /// A quarter of an hour each, kept for thirty days.
    QuarterHour,
}

impl FigureSpan {
    /// Both.
    pub const ALL: [FigureSpan; 2] = [FigureSpan::Minute, FigureSpan::QuarterHour];

    /// Its length.
    pub const fn length(self) -> Duration {
        match self {
            FigureSpan::Minute => Duration::from_secs(60),
            FigureSpan::QuarterHour => Duration::from_secs(900),
        }
    }

    /// For how long its figures are kept.
    pub const fn kept_for(self) -> Duration {
        match self {
            FigureSpan::Minute => Duration::from_secs(2 * 86_400),
            FigureSpan::QuarterHour => Duration::from_secs(30 * 86_400),
        }
    }
}

/// What happened in a span of time, counted by the processes and added up in the database every few seconds; a process
/// that dies takes what it has counted since with it, so these are for charts and not for accounts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Figures {
    /// Payments accepted.
    pub accepted: u64,
    /// Deliveries acknowledged.
    pub delivered: u64,
    /// Deliveries that ended undelivered, other than by expiry.
    pub undelivered: u64,
    /// Deliveries that expired.
    pub expired: u64,
    /// Attempts recorded.
    pub attempts: u64,
    /// Of these, the first of their delivery.
    pub first_attempts: u64,
    /// Of these, the acknowledged ones.
    pub first_acknowledged: u64,
    /// Times from acceptance to acknowledgement: how many fell in each of [`Figures::BUCKETS`] buckets. Bucket `n` ends at
    /// [`Figures::bucket_end`]`(n)`.
    pub acknowledged_within: Vec<u64>,
}

impl Figures {
    /// The number of buckets: two for each doubling from 1 ms to more than 72 hours.
    pub const BUCKETS: usize = 57;

    /// Where a bucket ends: 1 ms for the first, 2^(n/2) ms for bucket n.
    pub fn bucket_end(n: usize) -> Duration {
        let halves = i32::try_from(n.min(Self::BUCKETS)).unwrap_or(i32::MAX);
        Duration::from_secs_f64(0.001 * std::f64::consts::SQRT_2.powi(halves))
    }

    /// The bucket into which a time falls; the last one for whatever is longer.
    pub fn bucket_of(time: Duration) -> usize {
        let halves = (time.as_secs_f64() / 0.001).log2() * 2.0;
        // Logarithms are not exact, so the neighbours are looked at.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a small bucket's number")]
        let near = halves.clamp(0.0, 1_000.0) as usize;
        let fits = (near.saturating_sub(1)..).find(|n| *n + 1 >= Self::BUCKETS || time <= Self::bucket_end(*n));
        fits.unwrap_or(near).min(Self::BUCKETS - 1)
    }

    /// What is not zero, each with the number by which it is stored.
    pub(crate) fn measures(&self) -> Vec<(i16, u64)> {
        let Self { accepted, delivered, undelivered, expired, attempts, .. } = *self;
        let (first_attempts, first_acknowledged) = (self.first_attempts, self.first_acknowledged);
        let plain = [accepted, delivered, undelivered, expired, attempts, first_attempts, first_acknowledged];
        let buckets = (FIRST_BUCKET..).zip(self.acknowledged_within.iter().copied().take(Self::BUCKETS));
        (0..).zip(plain).chain(buckets).filter(|(_, count)| *count > 0).collect()
    }

    /// Adds to what is stored by this number; one that is not known comes from a later version and is passed over.
    pub(crate) fn add(&mut self, measure: i16, count: u64) {
        let bucket = measure.checked_sub(FIRST_BUCKET).and_then(|n| usize::try_from(n).ok());
        let place = match (measure, bucket) {
            (0, _) => &mut self.accepted,
            (1, _) => &mut self.delivered,
            (2, _) => &mut self.undelivered,
            (3, _) => &mut self.expired,
            (4, _) => &mut self.attempts,
            (5, _) => &mut self.first_attempts,
            (6, _) => &mut self.first_acknowledged,
            (_, Some(bucket)) => match self.acknowledged_within.get_mut(bucket) {
                Some(place) => place,
                None => return,
            },
            (_, None) => return,
        };
        *place = place.saturating_add(count);
    }
}

/// The number by which the first bucket is stored.
const FIRST_BUCKET: i16 = 100;

impl Default for Figures {
    fn default() -> Self {
        Self {
            accepted: 0,
            delivered: 0,
            undelivered: 0,
            expired: 0,
            attempts: 0,
            first_attempts: 0,
            first_acknowledged: 0,
            acknowledged_within: vec![0; Self::BUCKETS],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_falls_into_the_first_bucket_that_ends_at_or_after_it() {
        for (micros, bucket) in [(0, 0), (1, 0), (1_000, 0), (1_001, 1), (1_414, 1), (1_415, 2), (2_000, 2), (2_001, 3)]
        {
            assert_eq!(Figures::bucket_of(Duration::from_micros(micros)), bucket, "{micros} µs");
        }
        for n in 0..Figures::BUCKETS - 1 {
            let end = Figures::bucket_end(n);
            assert_eq!(Figures::bucket_of(end), n);
            assert_eq!(Figures::bucket_of(end + Duration::from_micros(1)), n + 1, "just after bucket {n}");
        }
        let (last, three_days) = (Figures::BUCKETS - 1, Duration::from_secs(72 * 3_600));
        assert!(Figures::bucket_end(last) > three_days, "a whole life has its bucket");
        assert_eq!(Figures::bucket_of(Duration::MAX), last);
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let mut within: Vec<u64> = vec![0; Figures::BUCKETS];
        (within[0], within[9], within[Figures::BUCKETS - 1]) = (8, 9, 10);
        let figures = Figures {
            accepted: 1,
            delivered: 2,
            undelivered: 3,
            expired: 4,
            attempts: 5,
            first_attempts: 6,
            first_acknowledged: 7,
            acknowledged_within: within,
        };
        let stored = figures.measures();
        assert_eq!(stored.len(), 10, "only what is not zero");
        let mut read = Figures::default();
        stored.iter().for_each(|(measure, count)| read.add(*measure, *count));
        assert_eq!(read, figures);
        for unknown in [-1, 7, 99, 157, i16::MAX, i16::MIN] {
            read.add(unknown, 1);
        }
        assert_eq!(read, figures, "what a later version counts is passed over");
    }
}
