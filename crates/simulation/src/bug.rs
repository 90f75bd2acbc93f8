//! Planted bugs: each a defect that the invariants must notice. For tests of the checker only.

/// A defect of the model or of the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bug {
    /// A retry is written, but nobody is told when it is due.
    DueAtDropped,
    /// A claim does not compare the job's count of attempts.
    ClaimWithoutFence,
    /// A claim looks neither at the job's count of attempts nor at whether somebody holds the delivery. (Each alone
    /// keeps two from holding a delivery at once.)
    ClaimUnguarded,
    /// A claim does not look at the deadline.
    ClaimAfterDeadline,
    /// A record moves the delivery whoever holds it and however it stands.
    RecordWithoutFence,
    /// A claim that ran out is not written down as an unknown attempt.
    UnknownAttemptLost,
    /// The dispatcher expires what is still being attempted.
    ExpiryOfLiveClaim,
    /// An acknowledgement is written as an attempt, but the delivery goes on.
    AcknowledgementDropped,
    /// Retries come at half of the schedule's delay.
    RetryEarly,
    /// The same payment sent again is accepted as another.
    AcceptedTwice,
    /// A worker that was stopped between its claim and its POST does not look at the clock again.
    PostAfterStop,
    /// An attempt is not cut at the deadline.
    LimitPastDeadline,
    /// Any 200 counts as an acknowledgement.
    AnyAnswerAcknowledges,
    /// What was parked is not released when its endpoint is resumed.
    ParkedForever,
    /// What the queue lost is never handed out again: a dispatch moves `due_at` to the deadline.
    HandedOutOnce,
    /// A lane hands out jobs whatever its endpoint's cap.
    CapNotHeeded,
    /// A job's place at its endpoint is known by the job alone: who took it a second time and lost the claim frees the
    /// place of who took it first.
    PlaceByJob,
    /// A worker that comes late to its job does not heed that its place at the endpoint has been given away.
    LeaseNotHeeded,
    /// The place of a job whose worker died is never freed.
    LeaseNeverEnds,
    /// What is still pending can be resent.
    ResentWhilePending,
    /// A resend keeps the deadline of what it repeats.
    ResentWithOldDeadline,
    /// A step of a bulk resend does not save how far it came.
    BulkProgressLost,
    /// A step of a bulk resend passes over one delivery.
    BulkPassesOver,
    /// A person's settlement in mid-attempt forgets the attempt.
    SettledAttemptLost,
    /// Every panic counts as the first.
    PanicsNotCounted,
    /// The processes do not follow the database's clock when it is set.
    ClockNotFollowed,
    /// The processes follow the database's clock only when it is set forward.
    ClockOnlyForward,
    /// A claim does not look at whether the endpoint fails.
    FailingNotHeeded,
    /// Nobody takes probes.
    NeverProbed,
    /// A probe that failed is not followed by another one.
    ProbedOnce,
    /// The next probe goes out while the last one may still be under way.
    ProbeNotAwaited,
    /// A probe's answer does not reopen the endpoint.
    AnswerNotHeard,
    /// What is parked is forgotten when its endpoint answers again.
    ReopenedWithoutRelease,
    /// What is parked as its endpoint is crowded is forgotten.
    CrowdedForever,
    /// What waited for an endpoint that was just reopened is released all at once.
    RampForgotten,
    /// What waited for an endpoint that was just reopened is released in small portions, but one right after the other.
    RampNotPaced,
    /// A probe takes the delivery whose deadline is nearest, however near.
    ProbedTooLate,
    /// Failures count although the endpoint answered between them.
    StreakNotBroken,
}

impl Bug {
    /// All of them.
    pub const ALL: &[Bug] = &[
        Bug::DueAtDropped,
        Bug::ClaimWithoutFence,
        Bug::ClaimUnguarded,
        Bug::ClaimAfterDeadline,
        Bug::RecordWithoutFence,
        Bug::UnknownAttemptLost,
        Bug::ExpiryOfLiveClaim,
        Bug::AcknowledgementDropped,
        Bug::RetryEarly,
        Bug::AcceptedTwice,
        Bug::PostAfterStop,
        Bug::LimitPastDeadline,
        Bug::AnyAnswerAcknowledges,
        Bug::ParkedForever,
        Bug::HandedOutOnce,
        Bug::CapNotHeeded,
        Bug::PlaceByJob,
        Bug::LeaseNotHeeded,
        Bug::LeaseNeverEnds,
        Bug::ResentWhilePending,
        Bug::ResentWithOldDeadline,
        Bug::BulkProgressLost,
        Bug::BulkPassesOver,
        Bug::SettledAttemptLost,
        Bug::PanicsNotCounted,
        Bug::ClockNotFollowed,
        Bug::ClockOnlyForward,
        Bug::FailingNotHeeded,
        Bug::NeverProbed,
        Bug::ProbedOnce,
        Bug::ProbeNotAwaited,
        Bug::AnswerNotHeard,
        Bug::ReopenedWithoutRelease,
        Bug::CrowdedForever,
        Bug::RampForgotten,
        Bug::RampNotPaced,
        Bug::ProbedTooLate,
        Bug::StreakNotBroken,
    ];
}
