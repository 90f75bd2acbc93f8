//! The queue's lanes, as `queue/src/lanes.rs` keeps them: one per endpoint, with its cap of jobs in flight, each of
//! which holds its place until it is finished or its lease ends.

use crate::Bug;
use crate::model::Job;
use paybell_delivery::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// A job in flight.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    pub(super) job: Job,
    /// Tells this taking of the job from another one.
    pub(super) ticket: u64,
    pub(super) at: Timestamp,
    lease_ends_at: Timestamp,
}

/// One endpoint's lane.
#[derive(Default)]
pub(super) struct Lane {
    waiting: VecDeque<Job>,
    in_flight: Vec<Taken>,
    /// When somebody looks whether a lease has ended.
    pub(super) looks_at: Option<Timestamp>,
}

/// What became of a job that was pushed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    Added,
    WaitsAlready,
    Refused,
}

impl Lane {
    pub(super) fn push(&mut self, job: Job, lane_max: usize) -> Pushed {
        if self.waiting.len() >= lane_max {
            return Pushed::Refused;
        }
        if self.has(job) {
            return Pushed::WaitsAlready;
        }
        self.waiting.push_back(job);
        Pushed::Added
    }

    /// Whether pushing a job would change nothing.
    pub(super) fn has_with_room(&self, job: Job, lane_max: usize) -> bool {
        self.waiting.len() < lane_max && self.has(job)
    }

    fn has(&self, job: Job) -> bool {
        self.waiting.iter().any(|waiting| waiting.key() == job.key())
    }

    pub(super) fn first(&self) -> Option<Job> {
        self.waiting.front().copied()
    }

    pub(super) fn room(&self, lane_max: usize) -> usize {
        lane_max.saturating_sub(self.waiting.len())
    }

    /// Takes the first job, if its cap leaves a place.
    pub(super) fn take(&mut self, ticket: u64, now: Timestamp, lease: Duration, bug: Option<Bug>) -> Option<Taken> {
        let cap = self.first()?.concurrency_max.max(1) as usize;
        if self.in_flight.len() >= cap && bug != Some(Bug::LeaseNeverEnds) {
            self.in_flight.retain(|taken| taken.lease_ends_at > now);
        }
        if self.in_flight.len() >= cap && bug != Some(Bug::CapNotHeeded) {
            return None;
        }
        let job = self.waiting.pop_front()?;
        let taken = Taken { job, ticket, at: now, lease_ends_at: now + lease };
        if bug == Some(Bug::PlaceByJob) {
            self.in_flight.retain(|other| other.job.key() != job.key());
        }
        self.in_flight.push(taken);
        Some(taken)
    }

    /// A job that was taken is no longer in flight.
    pub(super) fn finish(&mut self, finished: &Taken, bug: Option<Bug>) {
        let by_job = bug == Some(Bug::PlaceByJob);
        self.in_flight.retain(|taken| {
            if by_job { taken.job.key() != finished.job.key() } else { taken.ticket != finished.ticket }
        });
    }

    /// When the first lease ends.
    pub(super) fn lease_ends_at(&self) -> Option<Timestamp> {
        self.in_flight.iter().map(|taken| taken.lease_ends_at).min()
    }

    /// Everything is lost.
    pub(super) fn flush(&mut self) {
        self.waiting.clear();
        self.in_flight.clear();
    }
}
