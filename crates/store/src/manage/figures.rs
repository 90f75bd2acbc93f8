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
}

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
