//! An endpoint's health: when it counts as failing, how it is probed, and how it is let back in.

use crate::{DeliveryId, Outcome, Timestamp};
use std::time::Duration;

/// Since when an endpoint does not answer, and how it is probed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failing {
    /// Since when.
    pub since: Timestamp,
    /// How many probes failed since then.
    pub probes: u32,
    /// When the next probe goes out; nothing while no delivery waits to probe with.
    pub probe_at: Option<Timestamp>,
}

/// What an attempt says of its endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// It answers, if only by a refusal.
    Answers,
    /// It does not: unreachable, too late, cut off, or a 5xx.
    Fails,
    /// Nothing: the attempt did not come so far.
    Nothing,
}

impl Sign {
    /// What this outcome with this HTTP status says.
    pub const fn of(outcome: Outcome, status: Option<u16>) -> Sign {
        match (outcome, status) {
            (Outcome::TimedOut | Outcome::Interrupted | Outcome::Unreachable, _) => Sign::Fails,
            (Outcome::WrongStatus, Some(500..)) => Sign::Fails,
            (
                Outcome::Acknowledged
                | Outcome::WrongStatus
                | Outcome::WrongBody
                | Outcome::Refused
                | Outcome::Postponed
                | Outcome::SignatureRejected
                | Outcome::WrongReplySignature,
                _,
            ) => Sign::Answers,
            (Outcome::Blocked | Outcome::Unknown | Outcome::Panicked, _) => Sign::Nothing,
        }
    }
}

/// Failures of one endpoint in a row, with no answer between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Streak {
    /// Since when nothing was answered, as far as it was seen: the first of them was begun, or another was answered.
    pub since: Timestamp,
    attempts: u32,
    deliveries: u32,
    last: DeliveryId,
}

impl Streak {
    /// An endpoint with fewer failures in a row is not failing: its deliveries' own schedules are slow enough.
    pub const ATTEMPTS_MIN: u32 = 10;
    /// Nor one where they are of fewer deliveries: these may be what is wrong.
    pub const DELIVERIES_MIN: u32 = 5;
    /// With so many times as many failures it takes so much less of the patience, down to a fifth.
    const PATIENCE_DIVISOR_MAX: u32 = 5;

    const fn begin(delivery: DeliveryId, since: Timestamp) -> Streak {
        Streak { since, attempts: 1, deliveries: 1, last: delivery }
    }

    /// One more failure. The deliveries are counted as they alternate, which may count one more than once.
    fn go_on(&mut self, delivery: DeliveryId) {
        self.attempts = self.attempts.saturating_add(1);
        self.deliveries = self.deliveries.saturating_add(u32::from(delivery != self.last));
        self.last = delivery;
    }

    /// Whether the endpoint counts as failing: enough of them, over at least `patience`. Many say in less time what few say in
    /// all of it: a merchant who is down is not to be asked hundreds of times a second for as long.
    fn is_failing(&self, now: Timestamp, patience: Duration) -> bool {
        let divisor = (self.attempts / Self::ATTEMPTS_MIN).clamp(1, Self::PATIENCE_DIVISOR_MAX);
        self.attempts >= Self::ATTEMPTS_MIN
            && self.deliveries >= Self::DELIVERIES_MIN
            && now.since(self.since) >= patience / divisor
    }

    /// How many failures there were.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }
}

/// What one process saw of an endpoint's answers.
#[derive(Clone, Copy, Default, Debug)]
pub struct Seen {
    answered_at: Option<Timestamp>,
    streak: Option<Streak>,
}

impl Seen {
    /// Notes what an attempt of a delivery says that was begun at `started_at`; answers the failures in a row by which the
    /// endpoint now counts as failing: for `patience` it was asked and gave no answer. An attempt that was left hanging
    /// for so long says so by itself, unless others were answered meanwhile.
    pub fn note(
        &mut self,
        sign: Sign,
        delivery: DeliveryId,
        started_at: Timestamp,
        now: Timestamp,
        patience: Duration,
    ) -> Option<Streak> {
        match (sign, &mut self.streak) {
            (Sign::Nothing, _) => return None,
            (Sign::Answers, _) => *self = Seen { answered_at: Some(now), streak: None },
            (Sign::Fails, Some(streak)) => streak.go_on(delivery),
            (Sign::Fails, None) => {
                let since = self.answered_at.map_or(started_at, |at| at.max(started_at));
                self.streak = Some(Streak::begin(delivery, since));
            }
        }
        self.streak.take_if(|streak| streak.is_failing(now, patience))
    }

    /// Whether it says nothing of attempts that were begun at `then` or later.
    pub fn is_past(&self, then: Timestamp) -> bool {
        self.streak.is_none() && self.answered_at.is_none_or(|at| at <= then)
    }
}

/// The pause before the next probe after so many that failed: 1 s, 2 s, 4 s, then 8 s, so that a merchant that is back
/// hears of it within seconds.
pub fn probe_after(failed: u32) -> Duration {
    Duration::from_secs(1 << failed.min(3))
}

/// For how long what waited for an endpoint is released in a ramp after it answered again.
const RAMP: Duration = Duration::from_secs(10);
/// How often something is released in a ramp.
pub const RELEASE_EVERY: Duration = Duration::from_millis(100);

/// How many deliveries that waited for an endpoint may be released each [`RELEASE_EVERY`], which doubles each second after
/// it was reopened: a ramp, not a stampede. Nothing when there is no ramp, or no longer; also when the clock stepped back
/// by more than processes' clocks may differ, as it would last too long.
///
/// ```
/// use paybell_delivery::{Timestamp, release_limit};
/// use std::time::Duration;
/// let back = Timestamp(0);
/// let limit_after = |seconds| release_limit(Some(back), back + Duration::from_secs(seconds));
/// assert_eq!([limit_after(0), limit_after(1), limit_after(9), limit_after(10)], [Some(1), Some(2), Some(512), None]);
/// assert_eq!(release_limit(None, back), None);
/// ```
pub fn release_limit(reopened_at: Option<Timestamp>, now: Timestamp) -> Option<u32> {
    let reopened_at = reopened_at.filter(|at| *at < now + RAMP)?;
    let age = now.since(reopened_at);
    (age < RAMP).then(|| 1 << age.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn delivery(n: u128) -> DeliveryId {
        DeliveryId(Uuid::from_u128(n))
    }

    fn streak(deliveries: impl IntoIterator<Item = u128>) -> Streak {
        let mut deliveries = deliveries.into_iter();
        let mut streak = Streak::begin(delivery(deliveries.next().expect("one")), Timestamp(0));
        deliveries.for_each(|n| streak.go_on(delivery(n)));
        streak
    }

    #[test]
    fn an_endpoint_fails_after_enough_failures_of_several_deliveries_over_some_time() {
        const PATIENCE: Duration = Duration::from_secs(5);
        let (soon, later) = (Timestamp(4_999_999), Timestamp(5_000_000));
        assert!(streak(0..10).is_failing(later, PATIENCE));
        assert!(!streak(0..10).is_failing(soon, PATIENCE), "it may be a hiccup");
        assert!(!streak(0..9).is_failing(later, PATIENCE), "it may be a few");
        assert!(!streak([1; 50]).is_failing(later, PATIENCE), "it may be the delivery");
        assert!(streak((0..10).map(|n| n / 2)).is_failing(later, PATIENCE));
        for (attempts, needed_ms) in [(10, 5_000), (19, 5_000), (20, 2_500), (50, 1_000), (10_000, 1_000)] {
            let failing = |ms| streak(0..attempts).is_failing(Timestamp(0) + Duration::from_millis(ms), PATIENCE);
            assert_eq!((failing(needed_ms - 1), failing(needed_ms)), (false, true), "{attempts} in {needed_ms} ms");
        }
    }

    #[test]
    fn attempts_that_were_left_hanging_make_an_endpoint_fail_at_once_unless_another_was_answered_meanwhile() {
        const PATIENCE: Duration = Duration::from_secs(5);
        let at = |seconds| Timestamp(0) + Duration::from_secs(seconds);
        let time_out_at_15 = |seen: &mut Seen| {
            (0..10).filter_map(|n| seen.note(Sign::Fails, delivery(n), at(0), at(15), PATIENCE)).collect::<Vec<_>>()
        };
        let mut seen = Seen::default();
        assert!(matches!(time_out_at_15(&mut seen)[..], [streak] if streak.since == at(0) && streak.attempts() == 10));

        let mut seen = Seen::default();
        assert_eq!(seen.note(Sign::Answers, delivery(1), at(9), at(11), PATIENCE), None);
        assert_eq!(time_out_at_15(&mut seen), []);
        assert_eq!(seen.note(Sign::Nothing, delivery(1), at(15), at(16), PATIENCE), None);
        let fails = seen.note(Sign::Fails, delivery(1), at(15), at(16), PATIENCE);
        assert_eq!(fails.map(|streak| (streak.since, streak.attempts())), Some((at(11), 11)), "5 s without an answer");

        assert!(seen.is_past(at(11)) && !seen.is_past(at(10)));
        seen.note(Sign::Fails, delivery(1), at(15), at(16), PATIENCE);
        assert!(!seen.is_past(at(11)));
    }

    #[test]
    fn every_outcome_is_a_sign_or_none() {
        let signs = |sign| {
            let of = move |outcome: &&Outcome| Sign::of(**outcome, Some(404)) == sign;
            Outcome::ALL.iter().filter(of).map(|outcome| outcome.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(signs(Sign::Fails), ["timed_out", "interrupted", "unreachable"]);
        let answers = [
            "acknowledged",
            "wrong_status",
            "wrong_body",
            "refused",
            "postponed",
            "signature_rejected",
            "wrong_reply_signature",
        ];
        assert_eq!(signs(Sign::Answers), answers);
        assert_eq!(signs(Sign::Nothing), ["blocked", "unknown", "panicked"]);
        assert_eq!(Sign::of(Outcome::WrongStatus, Some(503)), Sign::Fails);
    }

    #[test]
    fn probes_come_every_eight_seconds_at_last_and_a_clock_that_stepped_back_ends_the_ramp() {
        assert_eq!([0, 1, 2, 3, 4, 1_000].map(|n| probe_after(n).as_secs()), [1, 2, 4, 8, 8, 8]);
        let reopened_at = |seconds| Some(Timestamp(0) + Duration::from_secs(seconds));
        assert_eq!(release_limit(reopened_at(9), Timestamp(0)), Some(1), "another process' clock is ahead");
        assert_eq!(release_limit(reopened_at(10), Timestamp(0)), None);
    }
}
