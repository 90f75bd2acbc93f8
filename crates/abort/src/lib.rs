//! Abort points: the boundaries of a payment's walk (each commit, each POST, each hand-over) at which a test build of
//! the engine may be made to die as by `kill -9`. Without the feature `abort-points` they are nothing at all.
//!
//! A test build reads which points are armed from the environment variable `FAILPOINTS` of the crate `fail`, such as
//! `FAILPOINTS=accept-committed=20*off->return`: the process aborts when it reaches that point for the 21st time.

/// A boundary at which the process may be made to die.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AbortPoint {
    /// Intake: payments are about to be written.
    AcceptBegins,
    /// Intake: payments are committed, nobody was answered.
    AcceptCommitted,
    /// Intake: the gateway may have been answered, nothing is queued.
    EnqueueBegins,
    /// Intake: jobs are in the queue.
    Enqueued,
    /// Dispatcher: deliveries are about to be moved forward.
    DispatchBegins,
    /// Dispatcher: deliveries are moved forward, their jobs are not queued.
    DispatchCommitted,
    /// Worker: a job was taken from the queue, nothing is claimed.
    ClaimBegins,
    /// Worker: a delivery is claimed, nothing is sent.
    ClaimCommitted,
    /// Worker: the merchant answered, nothing is recorded.
    Answered,
    /// Worker: the attempt is about to be written.
    RecordBegins,
    /// Worker: the attempt is committed, the queue does not know that the job is finished.
    RecordCommitted,
}

impl AbortPoint {
    /// All of them, in the order of a payment's walk.
    pub const ALL: &'static [AbortPoint] = &[
        AbortPoint::AcceptBegins,
        AbortPoint::AcceptCommitted,
        AbortPoint::EnqueueBegins,
        AbortPoint::Enqueued,
        AbortPoint::DispatchBegins,
        AbortPoint::DispatchCommitted,
        AbortPoint::ClaimBegins,
        AbortPoint::ClaimCommitted,
        AbortPoint::Answered,
        AbortPoint::RecordBegins,
        AbortPoint::RecordCommitted,
    ];

    /// Its name in `FAILPOINTS`.
    pub const fn name(self) -> &'static str {
        match self {
            AbortPoint::AcceptBegins => "accept-begins",
            AbortPoint::AcceptCommitted => "accept-committed",
            AbortPoint::EnqueueBegins => "enqueue-begins",
            AbortPoint::Enqueued => "enqueued",
            AbortPoint::DispatchBegins => "dispatch-begins",
            AbortPoint::DispatchCommitted => "dispatch-committed",
            AbortPoint::ClaimBegins => "claim-begins",
            AbortPoint::ClaimCommitted => "claim-committed",
            AbortPoint::Answered => "answered",
            AbortPoint::RecordBegins => "record-begins",
            AbortPoint::RecordCommitted => "record-committed",
        }
    }

    /// Dies here when a test armed this point.
    #[cfg(feature = "abort-points")]
    pub fn reach(self) {
        fail::fail_point!(self.name(), |_| {
            eprintln!("abort point {} is reached", self.name());
            std::process::abort()
        });
    }

    /// Nothing: this build has no abort points.
    #[cfg(not(feature = "abort-points"))]
    #[inline]
    pub const fn reach(self) {}
}

/// Arms the points that `FAILPOINTS` names, for as long as the answer lives.
#[cfg(feature = "abort-points")]
pub fn arm() -> impl Drop {
    fail::FailScenario::setup()
}

#[cfg(test)]
mod tests {
    use super::AbortPoint;
    use std::collections::HashSet;

    #[test]
    fn every_point_has_a_name_of_its_own() {
        let names: HashSet<&str> = AbortPoint::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), AbortPoint::ALL.len());
    }
}
