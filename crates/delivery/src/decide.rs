//! What an attempt's outcome means for its delivery: the one home of this policy.

use crate::{Outcome, Reason, Schedule, Timestamp};
use std::time::Duration;

/// What happens to a delivery after an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It was acknowledged.
    Delivered,
    /// It is attempted again at this moment, which is before the deadline.
    RetryAt(Timestamp),
    /// It is given up.
    Undelivered(Reason),
}

/// After so many attempts that ended in a panic of the worker, a delivery is set aside: what breaks the worker each time
/// would go on doing so for three days, and a person must see it while the merchant can still be told otherwise.
pub const PANICS_MAX: u32 = 3;

/// All that a decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// The number of the attempt that ended: 1, 2, …
    pub attempt: u32,
    /// What came of it.
    pub outcome: Outcome,
    /// What the merchant asked for by `Retry-After`.
    pub retry_after: Option<Duration>,
    /// Whether the answer of an earlier attempt was lost ([`Outcome::leaves_doubt`]).
    pub in_doubt: bool,
    /// How many attempts of this delivery ended in a panic of the worker, this one included.
    pub panics: u32,
    /// When the attempt ended.
    pub now: Timestamp,
    /// When the delivery was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub deadline_at: Timestamp,
    /// The time limit of one attempt.
    pub time_limit: Duration,
    /// A random number from −1 to 1.
    pub jitter: f64,
}

/// Decides what becomes of a delivery.
///
/// ```
/// use paybell_delivery::*;
/// use std::time::Duration;
/// let situation = Situation {
///     attempt: 1, outcome: Outcome::WrongStatus, retry_after: None, in_doubt: false, panics: 0, jitter: 0.0,
///     now: Timestamp(0), created_at: Timestamp(0), deadline_at: Timestamp(0) + LIFETIME_MAX,
///     time_limit: Duration::from_secs(15),
/// };
/// let in_10_s = Timestamp(10_000_000);
/// assert_eq!(decide(&situation, &Schedule::default()), Decision::RetryAt(in_10_s));
/// ```
pub fn decide(situation: &Situation, schedule: &Schedule) -> Decision {
    let s = situation;
    match s.outcome {
        Outcome::Acknowledged => Decision::Delivered,
        Outcome::Refused if s.in_doubt => Decision::Undelivered(Reason::RefusedAfterUnknown),
        Outcome::Refused => Decision::Undelivered(Reason::Refused),
        Outcome::Panicked if s.panics >= PANICS_MAX => Decision::Undelivered(Reason::Panicked),
        Outcome::WrongStatus
        | Outcome::WrongBody
        | Outcome::Postponed
        | Outcome::SignatureRejected
        | Outcome::WrongReplySignature
        | Outcome::TimedOut
        | Outcome::Interrupted
        | Outcome::Unreachable
        | Outcome::Blocked
        | Outcome::Unknown
        | Outcome::Panicked => {
            let life = (s.created_at, s.deadline_at);
            match schedule.next_at(s.attempt, s.now, life, s.time_limit, s.jitter, s.retry_after) {
                Some(at) => Decision::RetryAt(at),
                None => Decision::Undelivered(Reason::Expired),
            }
        }
    }
}
