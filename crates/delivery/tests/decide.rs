//! What becomes of a delivery after each outcome: one row per case.

use paybell_delivery::{Decision, LIFETIME_MAX, Outcome, Reason, Schedule, Situation, Timestamp, decide};
use std::time::Duration;

const DEADLINE: u64 = LIFETIME_MAX.as_secs();
const YEAR: u64 = 365 * 24 * 3600;

fn at(seconds: u64) -> Timestamp {
    Timestamp(0) + Duration::from_secs(seconds)
}

/// After the first attempt of a delivery that has its whole life before it; the time limit is 15 s.
fn situation(outcome: Outcome) -> Situation {
    Situation {
        attempt: 1,
        outcome,
        retry_after: None,
        in_doubt: false,
        panics: 0,
        now: at(0),
        created_at: at(0),
        deadline_at: at(DEADLINE),
        time_limit: Duration::from_secs(15),
        jitter: 0.0,
    }
}

const RETRIED: [Outcome; 11] = [
    Outcome::WrongStatus,
    Outcome::WrongBody,
    Outcome::Postponed,
    Outcome::SignatureRejected,
    Outcome::WrongReplySignature,
    Outcome::TimedOut,
    Outcome::Interrupted,
    Outcome::Unreachable,
    Outcome::Blocked,
    Outcome::Unknown,
    Outcome::Panicked,
];

#[test]
fn an_outcome_ends_the_delivery_or_has_it_retried() {
    let late = |outcome| Situation { now: at(DEADLINE + 1), ..situation(outcome) };
    let doubtful = |outcome| Situation { in_doubt: true, ..situation(outcome) };
    let panics = |panics| Situation { panics, ..situation(Outcome::Panicked) };
    let table = [
        (panics(2), Decision::RetryAt(at(10))),
        (panics(3), Decision::Undelivered(Reason::Panicked)),
        (situation(Outcome::Acknowledged), Decision::Delivered),
        (doubtful(Outcome::Acknowledged), Decision::Delivered),
        (late(Outcome::Acknowledged), Decision::Delivered),
        (situation(Outcome::Refused), Decision::Undelivered(Reason::Refused)),
        (doubtful(Outcome::Refused), Decision::Undelivered(Reason::RefusedAfterUnknown)),
        (late(Outcome::Refused), Decision::Undelivered(Reason::Refused)),
    ];
    for (situation, expected) in table {
        assert_eq!(decide(&situation, &Schedule::default()), expected, "{situation:?}");
    }
    for outcome in RETRIED {
        assert_eq!(decide(&situation(outcome), &Schedule::default()), Decision::RetryAt(at(10)), "{outcome:?}");
        assert_eq!(decide(&doubtful(outcome), &Schedule::default()), Decision::RetryAt(at(10)), "{outcome:?}");
        assert_eq!(decide(&late(outcome), &Schedule::default()), Decision::Undelivered(Reason::Expired), "{outcome:?}");
    }
    assert_eq!(RETRIED.len() + 2, Outcome::ALL.len());
}

#[test]
fn a_retry_comes_when_the_schedule_the_merchant_and_the_deadline_say() {
    let last = DEADLINE - 15;
    let expired = Decision::Undelivered(Reason::Expired);
    let retry = |seconds| Decision::RetryAt(at(seconds));
    // attempt, now, Retry-After, what becomes of it
    let table = [
        (1, 0, None, retry(10)),
        (2, 10, None, retry(30)),
        (3, 30, None, retry(70)),
        (9, 5_000, None, retry(7_560)),
        (10, 5_000, None, retry(8_600)),
        (u32::MAX, 5_000, None, retry(8_600)),
        // Retry-After lengthens a delay and never shortens it.
        (1, 0, Some(0), retry(10)),
        (1, 0, Some(9), retry(10)),
        (1, 0, Some(300), retry(300)),
        (1, 0, Some(last), retry(last)),
        (1, 0, Some(last + 1), retry(last)),
        (1, 0, Some(YEAR), retry(last)),
        (1, 0, Some(u64::MAX), retry(last)),
        // Close to the deadline, one more attempt is made at the last moment for one.
        (50, last - 3_600, None, retry(last)),
        (50, last - 3_599, None, retry(last)),
        (50, last - 15, None, retry(last)),
        (50, last - 14, None, expired),
        (50, last, None, expired),
        (50, DEADLINE - 1, None, expired),
        (50, DEADLINE, None, expired),
        (1, last - 10, None, retry(last)),
        (1, last - 9, None, expired),
        (1, last - 15, Some(YEAR), retry(last)),
        (1, last - 14, Some(YEAR), expired),
    ];
    for (attempt, now, retry_after, expected) in table {
        let retry_after = retry_after.map(Duration::from_secs);
        let situation = Situation { attempt, now: at(now), retry_after, ..situation(Outcome::WrongStatus) };
        assert_eq!(decide(&situation, &Schedule::default()), expected, "{situation:?}");
    }
}

#[test]
fn jitter_moves_a_retry_by_a_tenth_at_most() {
    for (jitter, micros) in
        [(-9.0, 9_000_000), (-1.0, 9_000_000), (0.5, 10_500_000), (1.0, 11_000_000), (9.0, 11_000_000)]
    {
        let situation = Situation { jitter, ..situation(Outcome::TimedOut) };
        assert_eq!(decide(&situation, &Schedule::default()), Decision::RetryAt(Timestamp(micros)));
    }
}

#[test]
fn in_a_short_life_the_last_attempt_is_a_twentieth_before_its_end() {
    // attempt, now, what becomes of it: a life of one minute
    let table = [
        (1, 0, Decision::RetryAt(at(10))),
        (2, 10, Decision::RetryAt(at(30))),
        (3, 30, Decision::RetryAt(at(57))),
        (4, 54, Decision::RetryAt(at(57))),
        (4, 55, Decision::Undelivered(Reason::Expired)),
        (4, 57, Decision::Undelivered(Reason::Expired)),
    ];
    for (attempt, now, expected) in table {
        let situation = Situation { attempt, now: at(now), deadline_at: at(60), ..situation(Outcome::Unreachable) };
        assert_eq!(decide(&situation, &Schedule::default()), expected, "{situation:?}");
    }
}

#[test]
fn lives_without_any_room_expire_instead_of_failing() {
    for (created, deadline) in [(0, 0), (10, 5)] {
        let situation =
            Situation { created_at: at(created), deadline_at: at(deadline), ..situation(Outcome::TimedOut) };
        let situation = Situation { now: at(created), ..situation };
        assert_eq!(decide(&situation, &Schedule::default()), Decision::Undelivered(Reason::Expired));
    }
}
