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
    ];
}
