//! When the next attempt is due: exponential, with full knowledge of the deadline.

use crate::Timestamp;
use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use std::time::Duration;

/// The hard limit of every delivery's life: 72 hours after acceptance.
pub const LIFETIME_MAX: Duration = Duration::from_secs(72 * 3600);

/// The least that attempts are kept for: the longest life of a delivery, and days more for clocks that differ or were set.
/// So what is pending keeps its attempts.
pub const ATTEMPTS_KEPT_MIN: Duration = Duration::from_secs(7 * 24 * 3600);

/// The delays between attempts: `initial`, × `factor` each time, at most `cap`, each ± `jitter`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Schedule {
    /// The delay after the first attempt.
    pub initial: Duration,
    /// What each delay is multiplied by to give the next; at least 1.
    pub factor: f64,
    /// The longest delay.
    pub cap: Duration,
    /// How far a delay may be varied, as a part of it: 0 to 0.5.
    pub jitter: f64,
}

/// A schedule that cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// The first delay is too short.
    #[error("the first delay is {0:?}, it must be at least 1 ms")]
    Initial(Duration),
    /// The delays would shrink.
    #[error("the factor is {0}, it must be from 1 to 100")]
    Factor(f64),
    /// The cap is below the first delay.
    #[error("the cap is {cap:?}, it must be at least the first delay, {initial:?}")]
    Cap {
        /// The cap.
        cap: Duration,
        /// The first delay.
        initial: Duration,
    },
    /// The jitter is out of bounds.
    #[error("the jitter is {0}, it must be from 0 to 0.5")]
    Jitter(f64),
}

impl Default for Schedule {
    /// 10 s, × 2, at most 1 h, ± 10 %.
    fn default() -> Self {
        Self { initial: Duration::from_secs(10), factor: 2.0, cap: Duration::from_secs(3600), jitter: 0.1 }
    }
}

impl Schedule {
    /// Checks the bounds of each field.
    ///
    /// # Errors
    /// The first field that is out of its bounds.
    pub fn validate(&self) -> Result<(), ScheduleError> {
        if self.initial < Duration::from_millis(1) {
            return Err(ScheduleError::Initial(self.initial));
        }
        if !(1.0..=100.0).contains(&self.factor) {
            return Err(ScheduleError::Factor(self.factor));
        }
        if self.cap < self.initial {
            return Err(ScheduleError::Cap { cap: self.cap, initial: self.initial });
        }
        if !(0.0..=0.5).contains(&self.jitter) {
            return Err(ScheduleError::Jitter(self.jitter));
        }
        Ok(())
    }

    /// The delay after attempt `attempt` (1, 2, …), before jitter. It depends on nothing else, so a schedule goes on
    /// after any interruption from where it was.
    ///
    /// ```
    /// use paybell_delivery::Schedule;
    /// use std::time::Duration;
    /// let schedule = Schedule::default();
    /// assert_eq!(schedule.interval(1), Duration::from_secs(10));
    /// assert_eq!(schedule.interval(4), Duration::from_secs(80));
    /// assert_eq!(schedule.interval(1_000_000), Duration::from_secs(3600));
    /// ```
    pub fn interval(&self, attempt: u32) -> Duration {
        // No life is longer, and what is longer could overflow.
        let (initial, cap) = (self.initial.min(LIFETIME_MAX), self.cap.min(LIFETIME_MAX));
        let mut policy = ExponentialBackoff {
            current_interval: initial,
            initial_interval: initial,
            multiplier: self.factor,
            max_interval: cap,
            randomization_factor: 0.0,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        for _ in 1..attempt {
            let interval = policy.current_interval;
            policy.next_backoff();
            if policy.current_interval == interval {
                break;
            }
        }
        policy.current_interval
    }

    /// The delay after attempt `attempt` with jitter: `jitter` from −1 to 1 chooses within the bounds.
    pub fn delay(&self, attempt: u32, jitter: f64) -> Duration {
        self.interval(attempt).mul_f64(1.0 + self.jitter * jitter.clamp(-1.0, 1.0))
    }

    /// When the attempt after attempt `attempt` starts, or nothing when none fits before the deadline.
    ///
    /// `wish` is the least delay that the merchant asked for (`Retry-After`). Where the schedule would pass the
    /// last moment for an attempt (`last_attempt_at`), that moment is taken instead, so that each delivery gets one
    /// more chance close before its deadline.
    pub fn next_at(
        &self,
        attempt: u32,
        now: Timestamp,
        life: (Timestamp, Timestamp),
        time_limit: Duration,
        jitter: f64,
        wish: Option<Duration>,
    ) -> Option<Timestamp> {
        let delay = self.delay(attempt, jitter).max(wish.unwrap_or_default());
        let last_at = last_attempt_at(life, time_limit);
        let next_at = now + delay;
        if next_at <= last_at {
            return Some(next_at);
        }
        let gap_min = delay.min(lead(life, time_limit));
        (now + gap_min <= last_at).then_some(last_at)
    }
}

/// The last moment at which the schedule starts an attempt in a life from `life.0` to `life.1`: before the deadline
/// by the attempt's time limit, so that it can run to its end, but never by more than a twentieth of the life.
pub(crate) fn last_attempt_at(life: (Timestamp, Timestamp), time_limit: Duration) -> Timestamp {
    life.1.before(lead(life, time_limit))
}

fn lead((created_at, deadline_at): (Timestamp, Timestamp), time_limit: Duration) -> Duration {
    time_limit.min(deadline_at.since(created_at) / 20).max(Duration::from_micros(1))
}
