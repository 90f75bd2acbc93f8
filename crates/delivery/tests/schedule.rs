//! Properties of the schedule, over many schedules, lives and courses of a delivery.

use paybell_delivery::{LIFETIME_MAX, Schedule, ScheduleError, Timestamp};
use proptest::prelude::*;
use std::time::Duration;

const CREATED: Timestamp = Timestamp(1_800_000_000_000_000);

/// Valid schedules whose first delay is so long that a life holds a bounded number of attempts.
fn schedules(initial_min: Duration) -> impl Strategy<Value = Schedule> {
    let initial_min = initial_min.max(Duration::from_millis(1)).as_micros() as u64;
    (1.0..20.0_f64, 1.0..5.0_f64, 1.0..1000.0_f64, 0.0..=0.5_f64).prop_map(move |(initial, factor, cap, jitter)| {
        let initial = Duration::from_micros(initial_min).mul_f64(initial);
        Schedule { initial, factor, cap: initial.mul_f64(cap), jitter }
    })
}

/// A life, the time limit of its attempts, and a schedule that fits it.
fn lives() -> impl Strategy<Value = (Duration, Duration, Schedule)> {
    (1_000..=LIFETIME_MAX.as_millis() as u64, 1_u64..60_000).prop_flat_map(|(life, limit)| {
        let (life, limit) = (Duration::from_millis(life), Duration::from_millis(limit));
        (Just(life), Just(limit), schedules(life / 1000))
    })
}

/// One step of a delivery's course: how long its attempt takes, as a part of the time limit, the jitter, and the
/// merchant's wish.
type Step = (f64, f64, Option<u64>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wish = prop_oneof![6 => Just(None), 1 => (0_u64..200_000).prop_map(Some), 1 => Just(Some(u64::MAX))];
    prop::collection::vec((0.0..=1.0_f64, -1.0..=1.0_f64, wish), 1..50)
}

/// The starts of all attempts of a delivery that is never acknowledged, and when the last one ended.
fn course(life: Duration, limit: Duration, schedule: &Schedule, steps: &[Step]) -> (Vec<Timestamp>, Timestamp) {
    let deadline = CREATED + life;
    let mut starts = vec![CREATED];
    for (attempt, (taken, jitter, wish)) in (1..).zip(steps.iter().cycle()) {
        let start = *starts.last().expect("the first attempt");
        let now = start + limit.mul_f64(*taken).min(deadline.since(start));
        let wish = wish.map(Duration::from_secs);
        match schedule.next_at(attempt, now, (CREATED, deadline), limit, *jitter, wish) {
            Some(next) => {
                assert!(next > now, "attempt {attempt} ended at {now}, and the next would start at {next}");
                starts.push(next);
            }
            None => return (starts, now),
        }
    }
    unreachable!("the steps are repeated for ever")
}

proptest! {
    #[test]
    fn no_attempt_starts_at_or_after_the_deadline((life, limit, schedule) in lives(), steps in steps()) {
        let (starts, _) = course(life, limit, &schedule, &steps);
        prop_assert!(starts.iter().all(|start| *start < CREATED + life), "{starts:?}");
        prop_assert!(starts.len() >= 2 || limit >= life / 2, "{starts:?}");
    }

    #[test]
    fn the_sum_of_the_delays_never_passes_the_deadline((life, limit, schedule) in lives(), steps in steps()) {
        let (starts, _) = course(life, limit, &schedule, &steps);
        let sum: Duration = starts.windows(2).map(|pair| pair[1].since(pair[0])).sum();
        prop_assert!(sum < life, "{sum:?} in a life of {life:?}");
    }

    #[test]
    fn the_last_attempt_comes_close_before_the_deadline((life, limit, schedule) in lives(), steps in steps()) {
        let (_, ended) = course(life, limit, &schedule, &steps);
        // An attempt that ends earlier than twice the lead before the deadline is followed by another one.
        let lead = limit.min(life / 20);
        prop_assert!((CREATED + life).since(ended) < 2 * lead + Duration::from_micros(2), "ended at {ended}");
    }

    #[test]
    fn an_attempt_has_its_whole_time_limit_before_the_deadline_where_life_is_long((life, limit, schedule) in lives(), steps in steps()) {
        prop_assume!(limit <= life / 20);
        let (starts, _) = course(life, limit, &schedule, &steps);
        prop_assert!(starts.iter().all(|start| *start + limit <= CREATED + life), "{starts:?}");
    }

    #[test]
    fn gaps_are_at_least_the_delay_less_its_jitter_except_before_the_last_attempt((life, limit, schedule) in lives(), steps in steps()) {
        let (starts, _) = course(life, limit, &schedule, &steps);
        for (attempt, pair) in (1..).zip(starts.windows(2)).take(starts.len().saturating_sub(2)) {
            let least = schedule.interval(attempt).mul_f64(1.0 - schedule.jitter);
            prop_assert!(pair[1].since(pair[0]) + Duration::from_micros(1) >= least, "gap {attempt}");
        }
    }

    #[test]
    fn a_schedule_goes_on_from_any_attempt_as_a_fresh_one_arrives_there(
        schedule in schedules(Duration::from_millis(1)), attempt in 1_u32..200,
    ) {
        let resumed = Schedule { initial: schedule.interval(attempt), ..schedule };
        for further in 0..20 {
            prop_assert_eq!(schedule.interval(attempt + further), resumed.interval(1 + further));
        }
    }

    #[test]
    fn intervals_grow_by_the_factor_up_to_the_cap(schedule in schedules(Duration::from_millis(1)), attempt in 1_u32..200) {
        let exact = schedule.initial.as_secs_f64() * schedule.factor.powi(attempt as i32 - 1);
        let expected = exact.min(schedule.cap.as_secs_f64());
        let interval = schedule.interval(attempt);
        prop_assert!((interval.as_secs_f64() - expected).abs() <= expected * 1e-3, "{interval:?}, not {expected} s");
        prop_assert!(interval <= schedule.cap);
        prop_assert!(interval <= schedule.interval(attempt + 1));
        prop_assert_eq!(interval, schedule.interval(attempt));
    }

    #[test]
    fn jitter_keeps_a_delay_within_its_bounds(
        schedule in schedules(Duration::from_millis(1)), attempt in 1_u32..200, jitter in -2.0..2.0_f64,
    ) {
        let interval = schedule.interval(attempt).as_secs_f64();
        let delay = schedule.delay(attempt, jitter).as_secs_f64();
        prop_assert!((delay - interval).abs() <= interval * schedule.jitter + 1e-8, "{delay} for {interval}");
        prop_assert!(delay > 0.0);
    }

    #[test]
    fn a_wish_of_a_year_is_cut_to_the_last_moment_for_an_attempt((life, limit, schedule) in lives(), jitter in -1.0..=1.0_f64) {
        let year = Some(Duration::from_secs(365 * 24 * 3600));
        let deadline = CREATED + life;
        let next = schedule.next_at(1, CREATED, (CREATED, deadline), limit, jitter, year);
        prop_assert_eq!(next, Some(deadline.before(limit.min(life / 20))));
    }
}

#[test]
fn by_default_a_delivery_is_attempted_until_15_s_before_72_h() {
    let (starts, _) = course(LIFETIME_MAX, Duration::from_secs(15), &Schedule::default(), &[(0.0, 0.0, None)]);
    let gaps: Vec<u64> = starts.windows(2).map(|pair| pair[1].since(pair[0]).as_secs()).collect();
    assert_eq!(gaps[..10], [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]);
    assert_eq!(starts.last().map(|last| last.since(CREATED)), Some(LIFETIME_MAX - Duration::from_secs(15)));
    assert_eq!(starts.len(), 81);
}

#[test]
fn no_valid_schedule_is_too_long_or_too_slow_to_compute() {
    let forever = Schedule { initial: Duration::MAX, factor: 100.0, cap: Duration::MAX, jitter: 0.5 };
    assert_eq!(forever.validate(), Ok(()));
    assert!(forever.delay(u32::MAX, 1.0) >= LIFETIME_MAX);
    let steady = Schedule { initial: Duration::from_secs(1), factor: 1.0, cap: LIFETIME_MAX, jitter: 0.0 };
    let begun = std::time::Instant::now();
    assert_eq!(steady.interval(u32::MAX), Duration::from_secs(1));
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[test]
fn each_field_has_its_bounds() {
    let good = Schedule::default();
    let (ms, hour) = (Duration::from_millis(1), Duration::from_secs(3600));
    let short = Duration::from_micros(999);
    let table = [
        (good, Ok(())),
        (Schedule { initial: ms, ..good }, Ok(())),
        (Schedule { initial: short, ..good }, Err(ScheduleError::Initial(short))),
        (Schedule { factor: 1.0, ..good }, Ok(())),
        (Schedule { factor: 0.99, ..good }, Err(ScheduleError::Factor(0.99))),
        (Schedule { factor: 101.0, ..good }, Err(ScheduleError::Factor(101.0))),
        (Schedule { cap: good.initial, ..good }, Ok(())),
        (Schedule { initial: 2 * hour, ..good }, Err(ScheduleError::Cap { cap: hour, initial: 2 * hour })),
        (Schedule { jitter: 0.5, ..good }, Ok(())),
        (Schedule { jitter: 0.51, ..good }, Err(ScheduleError::Jitter(0.51))),
        (Schedule { jitter: -0.1, ..good }, Err(ScheduleError::Jitter(-0.1))),
    ];
    for (schedule, expected) in table {
        assert_eq!(schedule.validate(), expected, "{schedule:?}");
    }
    assert!(Schedule { factor: f64::NAN, ..good }.validate().is_err());
    assert!(Schedule { jitter: f64::NAN, ..good }.validate().is_err());
}
