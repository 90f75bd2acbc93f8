//! The acts of a history, and how the next one is drawn from what the model knows.

use crate::pair::{GRACE, Pair};
use paybell_delivery::{Decision, Outcome, Reason, Timestamp};
use paybell_simulation::Dice;
use paybell_simulation::model::{Claimed, DeliveryNo, EndpointNo, Job, Kept, MerchantNo, Order, Record};
use std::time::Duration;

/// How many kinds of acts there are.
pub(crate) const KINDS: usize = 13;
/// How long a claim holds.
pub(crate) const VISIBILITY: Duration = Duration::from_secs(60);
/// What the model has of merchants: one with two endpoints, one with one, one with none, and one that is not there.
pub(crate) const MERCHANTS: u64 = 4;

/// An act of the ledger, at a moment.
#[derive(Debug)]
pub(crate) enum Act {
    Accept(Vec<Order>, Timestamp),
    Claim(Vec<Job>, Timestamp),
    Record(Vec<Record>),
    /// With the endpoints that are crowded.
    Dispatch(Timestamp, usize, Vec<EndpointNo>),
    Release(Timestamp, usize, Vec<EndpointNo>),
    /// Since when it fails, and the moment.
    MarkFailing(EndpointNo, Timestamp, Timestamp),
    Reopen(EndpointNo, Timestamp),
    Probe(Timestamp),
    /// The delivery it was probed with, and when the next probe goes out.
    Postpone(EndpointNo, DeliveryNo, Timestamp),
    Settle(DeliveryNo, Timestamp),
    Resend(DeliveryNo, Timestamp),
    /// A bulk resend in one step, as the order of the ids is the ledger's.
    Bulk(MerchantNo, Timestamp),
    /// `None` deletes it.
    Pause(EndpointNo, Option<bool>, Timestamp),
}

impl Act {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Act::Accept(..) => "accept",
            Act::Claim(..) => "claim",
            Act::Record(..) => "record",
            Act::Dispatch(..) => "dispatch",
            Act::Release(..) => "release",
            Act::MarkFailing(..) => "mark failing",
            Act::Reopen(..) => "reopen",
            Act::Probe(_) => "probe",
            Act::Postpone(..) => "postpone",
            Act::Settle(..) => "settle",
            Act::Resend(..) => "resend",
            Act::Bulk(..) => "bulk",
            Act::Pause(..) => "pause",
        }
    }
}

impl Pair {
    /// Draws the next act and lets time go on.
    pub(crate) fn draw(&mut self) -> Act {
        let mut dice = self.dice.of(&[self.story.len() as u64]);
        if let Some(act) = self.draw_opening(&mut dice) {
            return act;
        }
        self.now = self.draw_moment(&mut dice);
        // Processes whose clocks disagree a little act in turn.
        let skew = if dice.chance(20) { dice.between(Duration::ZERO, Duration::from_secs(2)) } else { Duration::ZERO };
        let now = self.now.before(skew);
        // What several wait for passes soon.
        if let Some(endpoint) = self.several_wait_for() {
            match dice.below(100) {
                0..15 => return Act::Reopen(endpoint, now),
                15..30 => return self.probe_act(endpoint, now),
                30..40 if let Some(probe) = self.model.endpoint(endpoint).probing => {
                    return Act::Postpone(endpoint, probe, now + dice.between(Duration::ZERO, Duration::from_secs(8)));
                }
                _ => {}
            }
        }
        if self.ramp_moments(self.now).next().is_some() && dice.chance(50) {
            return Act::Release(now, 100, self.draw_crowded(&mut dice));
        }
        let some_delivery = self.some_delivery(&mut dice);
        match (dice.below(100), some_delivery) {
            (0..14, _) | (_, None) => Act::Accept(self.draw_orders(&mut dice), now),
            (14..44, _) if !self.jobs.is_empty() => Act::Claim(self.draw_jobs(&mut dice), now),
            (44..63, _) if !self.claims.is_empty() => Act::Record(self.draw_records(&mut dice, now)),
            (63..77, _) => Act::Dispatch(now, self.draw_limit(&mut dice, now), self.draw_crowded(&mut dice)),
            (77..81, _) => {
                let limit = if dice.chance(40) { 1_000 } else { 1 + dice.below(4) as usize };
                Act::Release(now, limit, self.draw_crowded(&mut dice))
            }
            (81..90, _) => self.draw_health(&mut dice, now),
            (90..92, Some(delivery)) => Act::Settle(delivery, now),
            (92..95, Some(delivery)) => Act::Resend(delivery, now),
            (95..97, _) => Act::Bulk(MerchantNo(dice.below(MERCHANTS - 1) as u32), now),
            (97..100, _) => {
                let endpoint = self.some_endpoint(&mut dice);
                let paused = if dice.chance(3) { None } else { Some(dice.chance(50)) };
                Act::Pause(endpoint, paused, now)
            }
            _ => Act::Dispatch(now, 1_000, Vec::new()),
        }
    }

    /// Every other history begins with an endpoint that fails while several deliveries wait for it, which is seldom else.
    fn draw_opening(&mut self, dice: &mut Dice) -> Option<Act> {
        let step = self.story.len() as u64;
        if !self.seed.is_multiple_of(2) || step > 4 {
            return None;
        }
        self.now = self.now + dice.between(Duration::ZERO, Duration::from_secs(8));
        let order = |id| Order { merchant: MerchantNo(0), gateway_payment_id: id as u32, content: 0 };
        Some(match step {
            0..3 => Act::Accept((step * 4..step * 4 + 1 + dice.below(3)).map(order).collect(), self.now),
            3 => Act::MarkFailing(EndpointNo(dice.below(2) as u32), self.now, self.now),
            _ => {
                self.now = self.now + GRACE;
                Act::Dispatch(self.now, 1_000, Vec::new())
            }
        })
    }

    /// A look for probes, once that of an endpoint is due.
    fn probe_act(&self, endpoint: EndpointNo, now: Timestamp) -> Act {
        Act::Probe(self.model.endpoint(endpoint).probe_at.map_or(now, |at| at.max(now)))
    }

    /// A failing endpoint for which several deliveries are parked.
    fn several_wait_for(&self) -> Option<EndpointNo> {
        let mut endpoints = (0..self.endpoints.len()).map(|n| EndpointNo(n as u32));
        endpoints.find(|endpoint| {
            let fails = self.model.endpoint(*endpoint).failing_since.is_some();
            fails && self.model.parked_for(*endpoint, self.now).len() > 1
        })
    }

    /// When a release at an endpoint in its ramp will find something else than before.
    fn ramp_moments(&self, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        let endpoints = self.model.resumed().map(|endpoint| self.model.endpoint(endpoint));
        let ramped = endpoints.filter(move |is| is.release_limit(now).is_some());
        ramped.flat_map(move |is| {
            let seconds = is.reopened_at.map(|at| at + Duration::from_secs(now.since(at).as_secs() + 1));
            [Some(now), is.rests_until(now), seconds].into_iter().flatten()
        })
    }

    /// Some time later; often exactly at a moment that matters to a delivery, or a microsecond beside it.
    fn draw_moment(&self, dice: &mut Dice) -> Timestamp {
        let in_ramp: Vec<Timestamp> = self.ramp_moments(self.now).collect();
        if !in_ramp.is_empty() && dice.chance(60) {
            let moment = in_ramp[dice.below(in_ramp.len() as u64) as usize];
            return Timestamp(moment.0 + dice.below(3) as i64 - 1).max(self.now);
        }
        let later = match dice.below(10) {
            0..=3 => Duration::from_micros(dice.below(3_000_000)),
            4..=5 => dice.between(Duration::from_secs(1), Duration::from_secs(70)),
            6 => dice.between(Duration::from_secs(60), Duration::from_secs(3_600)),
            _ => {
                let Some(delivery) = self.some_delivery(dice) else { return self.now };
                let row = self.model.delivery(delivery);
                let mut moments = vec![row.due_at, row.due_at, row.deadline_at];
                moments.extend(row.claim.map(|(_, until)| until));
                let moment = moments[dice.below(moments.len() as u64) as usize];
                let beside = Timestamp(moment.0 + dice.below(3) as i64 - 1);
                // The end of a life comes seldom, or nothing would be left to happen.
                let far = beside.since(self.now) > Duration::from_secs(7_200) && !dice.chance(25);
                return if far { self.now } else { beside.max(self.now) };
            }
        };
        self.now + later
    }

    fn some_endpoint(&self, dice: &mut Dice) -> EndpointNo {
        EndpointNo(dice.below(self.endpoints.len() as u64) as u32)
    }

    fn draw_crowded(&self, dice: &mut Dice) -> Vec<EndpointNo> {
        if dice.chance(80) { Vec::new() } else { vec![self.some_endpoint(dice)] }
    }

    /// An endpoint is marked or reopened, is probed or was probed in vain.
    fn draw_health(&self, dice: &mut Dice, now: Timestamp) -> Act {
        let endpoints = (0..self.endpoints.len()).map(|n| EndpointNo(n as u32));
        let fails = |endpoint: &EndpointNo| self.model.endpoint(*endpoint).failing_since.is_some();
        let endpoint = endpoints.filter(fails).find(|_| dice.chance(50)).unwrap_or(self.some_endpoint(dice));
        let is = self.model.endpoint(endpoint);
        match if is.probing.is_some() { 3 + dice.below(7) } else { dice.below(8) } {
            0..3 => Act::MarkFailing(endpoint, now.before(dice.between(Duration::ZERO, Duration::from_secs(60))), now),
            3 => Act::Reopen(endpoint, now),
            4..6 => Act::Probe(now),
            6..8 => self.probe_act(endpoint, now),
            _ => {
                let any = DeliveryNo(dice.below(self.deliveries.len() as u64) as u32);
                let delivery = is.probing.filter(|_| dice.chance(80)).unwrap_or(any);
                Act::Postpone(endpoint, delivery, now + dice.between(Duration::ZERO, Duration::from_secs(8)))
            }
        }
    }

    fn some_delivery(&self, dice: &mut Dice) -> Option<DeliveryNo> {
        let count = self.deliveries.len() as u64;
        (count > 0).then(|| DeliveryNo(dice.below(count) as u32))
    }

    fn draw_orders(&self, dice: &mut Dice) -> Vec<Order> {
        let draw = |dice: &mut Dice| Order {
            merchant: MerchantNo(if dice.chance(70) { 0 } else { dice.below(MERCHANTS) as u32 }),
            gateway_payment_id: dice.below(12) as u32,
            content: u32::from(dice.chance(10)),
        };
        (0..1 + dice.below(4)).map(|_| draw(dice)).collect()
    }

    /// Jobs that were handed out, now or long ago, some of them twice, and some whose count was never right.
    fn draw_jobs(&self, dice: &mut Dice) -> Vec<Job> {
        let newest = self.jobs.len().saturating_sub(4);
        let draw = |dice: &mut Dice| {
            let from = if dice.chance(75) { newest } else { 0 };
            let mut job = self.jobs[from + dice.below((self.jobs.len() - from) as u64) as usize];
            if dice.chance(5) {
                job.attempts += 1;
            }
            job
        };
        (0..1 + dice.below(5)).map(|_| draw(dice)).collect()
    }

    /// Attempts that were begun, now or long ago, some of them recorded before.
    fn draw_records(&self, dice: &mut Dice, now: Timestamp) -> Vec<Record> {
        let newest = self.claims.len().saturating_sub(3);
        let draw = |dice: &mut Dice| {
            let from = if dice.chance(75) { newest } else { 0 };
            let (delivery, claimed) = self.claims[from + dice.below((self.claims.len() - from) as u64) as usize];
            draw_record(dice, delivery, &claimed, now)
        };
        (0..1 + dice.below(4)).map(|_| draw(dice)).collect()
    }

    /// A limit that cuts between two moments: which of two that are due at once comes first is the database's choice.
    fn draw_limit(&self, dice: &mut Dice, now: Timestamp) -> usize {
        let due = self.model.due(now);
        let limit = 1 + dice.below(4) as usize;
        let due_at = |n: usize| due.get(n).map(|delivery| self.model.delivery(*delivery).due_at);
        if dice.chance(60) || (due.len() > limit && due_at(limit - 1) == due_at(limit)) { 1_000 } else { limit }
    }
}

fn draw_record(dice: &mut Dice, delivery: DeliveryNo, claimed: &Claimed, now: Timestamp) -> Record {
    let outcome = Outcome::ALL[dice.below(Outcome::ALL.len() as u64 - 1) as usize];
    let longest = Duration::from_secs(if dice.chance(90) { 600 } else { 400_000 });
    let retry = now + dice.between(Duration::ZERO, longest);
    let decision = match outcome {
        Outcome::Acknowledged => Decision::Delivered,
        Outcome::Refused if claimed.in_doubt => Decision::Undelivered(Reason::RefusedAfterUnknown),
        Outcome::Refused => Decision::Undelivered(Reason::Refused),
        _ if dice.chance(3) => Decision::Undelivered(Reason::Expired),
        _ => Decision::RetryAt(retry),
    };
    let started_at = now.before(dice.between(Duration::ZERO, Duration::from_secs(15)));
    Record { delivery, attempt: Kept { number: claimed.attempt, started_at, outcome }, decision, now }
}
