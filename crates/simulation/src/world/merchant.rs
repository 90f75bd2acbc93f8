//! What a merchant answers.

use super::World;
use crate::Bug;
use crate::model::{DeliveryNo, EndpointNo};
use crate::plan::EndpointPlan;
use paybell_delivery::Outcome;
use std::time::Duration;

/// A merchant's answer, as a worker sees it if it waits long enough.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub(super) after: Duration,
    pub(super) outcome: Outcome,
    pub(super) status: Option<u16>,
    pub(super) retry_after: Option<Duration>,
    /// Whether the acknowledgement was sent whole.
    pub(super) acknowledges: bool,
}

impl Answer {
    /// Of an attempt that was not sent.
    pub(super) fn unsent(outcome: Outcome) -> Self {
        Self { after: Duration::ZERO, outcome, status: None, retry_after: None, acknowledges: false }
    }
}

const NEVER: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

impl World<'_> {
    pub(super) fn endpoint_plan(&self, endpoint: EndpointNo) -> &EndpointPlan {
        let (merchant, endpoint) = self.endpoints[endpoint.index()];
        &self.plan.merchants[merchant as usize].endpoints[endpoint as usize]
    }

    /// What the merchant answers to an attempt that begins now.
    pub(super) fn answer(&self, delivery: DeliveryNo, endpoint: EndpointNo, attempt: u32) -> Answer {
        let plan = self.endpoint_plan(endpoint);
        let mut dice = self.dice_of(3, delivery, attempt);
        let slowly = if dice.chance(2) { plan.time_limit } else { Duration::from_millis(400) };
        let after = dice.between(Duration::from_millis(2), slowly);
        let with = |outcome, status| Answer { after, outcome, status, retry_after: None, acknowledges: false };
        let none = |outcome| with(outcome, None);
        let answer = |outcome, status| with(outcome, Some(status));
        let silence = Answer { after: NEVER, ..none(Outcome::TimedOut) };
        if plan.outages.iter().any(|span| span.has(self.now)) {
            return match dice.below(10) {
                0..=4 => none(Outcome::Unreachable),
                5..=7 => silence,
                _ => answer(Outcome::WrongStatus, 503),
            };
        }
        let wrong = plan.wrong;
        let mut roll = dice.below(100);
        let mut is = |percent: u64| {
            let falls = roll < percent;
            roll = roll.wrapping_sub(percent);
            falls
        };
        if is(wrong.slow) {
            silence
        } else if is(wrong.body) {
            let mistaken = self.bug == Some(Bug::AnyAnswerAcknowledges);
            answer(if mistaken { Outcome::Acknowledged } else { Outcome::WrongBody }, 200)
        } else if is(wrong.status) {
            answer(Outcome::WrongStatus, 500)
        } else if is(wrong.retry_after) {
            let longest = if dice.chance(10) { YEAR } else { Duration::from_secs(7200) };
            let wish = dice.between(Duration::from_secs(1), longest);
            Answer { retry_after: Some(wish), ..answer(Outcome::WrongStatus, 429) }
        } else if is(wrong.lost) {
            none(Outcome::Interrupted)
        } else if is(wrong.refused) {
            answer(Outcome::Refused, 410)
        } else {
            Answer { acknowledges: true, ..answer(Outcome::Acknowledged, 200) }
        }
    }
}
