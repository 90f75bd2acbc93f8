//! The invariants, watched from outside: what the gateways were told, what the merchants saw and what the acts answered,
//! against what the ledger shows. Each act is checked when it happens; what must be complete is checked at the end.
//!
//! Cast:
//! - [`Checker`]: all that was seen. [`Life`]: what was seen of a delivery. [`Violation`]: the first thing wrong.
//! - `attempts`: I2, I3, I4, I6, I10, I11 at a claim, a POST and a record. `waiting`: I9 and the ends of lives.
//!   `health`: I15, I16. `places`: I10 for the requests at one time. `people`: what they settle and resend. `calm`: when nothing is wrong.
//! - Besides those of the documentation: I14, a third panic ends a delivery; I15 and I16, see `health`.

mod attempts;
mod calm;
mod health;
mod people;
mod places;
mod waiting;

use crate::draw_plan::BEGIN;
use crate::model::{Accepted, DeliveryNo, EndpointNo, Model, PaymentNo};
use crate::plan::{EndpointPlan, Plan, Span};
use crate::world::{Clocks, GRACE};
use paybell_delivery::{Outcome, Reason, State, Timestamp};
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

/// An invariant that does not hold.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which, such as `I4`.
    pub invariant: &'static str,
    /// Of which delivery, if of one.
    pub delivery: Option<DeliveryNo>,
    /// What is wrong, in words.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delivery = self.delivery.map(|delivery| format!(", delivery {delivery}")).unwrap_or_default();
        write!(f, "{}{delivery}: {}", self.invariant, self.what)
    }
}

/// What was seen of a delivery.
struct Life {
    payment: u32,
    /// The how many-th delivery of its payment to its endpoint it is, from 0: the others are resends.
    resend: u32,
    payment_no: PaymentNo,
    endpoint: EndpointNo,
    created_at: Timestamp,
    deadline_at: Timestamp,
    /// As the last act that touched it left it.
    state: State,
    begun: u32,
    /// Until when, by the holder's clock, the newest claim holds that nobody closed.
    held_until: Option<Timestamp>,
    /// When the last exchange with the merchant ended.
    exchange_until: Timestamp,
    /// Numbers of the attempts that the merchant saw.
    posted: Vec<u32>,
    acknowledged: bool,
    /// What was recorded.
    told: Vec<(u32, Outcome)>,
    /// The number of the attempt last judged, when, and what the merchant wished.
    judged: (u32, Timestamp, Duration),
    /// The true time of that.
    judged_at: Timestamp,
    /// How many attempts of it had panicked when the last of those was judged.
    panics: u32,
    /// No attempt before, by the schedule.
    not_before: Option<Timestamp>,
    /// When somebody must have looked at it again, by the database's clock.
    expect_by: Timestamp,
    /// When it was handed out without having been claimed since.
    handed_out_at: Option<Timestamp>,
    parked: bool,
    parked_at: Timestamp,
}

struct Endpoint {
    time_limit: Duration,
    lifetime: Option<Duration>,
    paused: bool,
    /// When it was last paused or resumed.
    paused_at: Option<Timestamp>,
    /// The same, or marked as failing or reopened.
    changed_at: Option<Timestamp>,
    health: health::Health,
    /// When it cannot be reached, and whether it answers at all other times.
    outages: Vec<Span>,
    answers: bool,
    places: places::Places,
}

/// All that was seen.
pub(crate) struct Checker {
    lives: Vec<Life>,
    payments: HashMap<u32, Sent>,
    endpoints: Vec<Endpoint>,
    bulks: Vec<people::Bulk>,
    /// While something was wrong with the queue, the workers, the dispatchers or the database.
    disturbed: Vec<Span>,
    clocks: Clocks,
}

struct Sent {
    payment: PaymentNo,
    deliveries: Vec<DeliveryNo>,
    resends: Vec<DeliveryNo>,
    /// Whether the gateway was told by a 2xx.
    told: bool,
}

type Checked = Result<(), Violation>;

fn violation(invariant: &'static str, delivery: impl Into<Option<DeliveryNo>>, what: impl Into<String>) -> Violation {
    Violation { invariant, delivery: delivery.into(), what: what.into() }
}

impl Checker {
    pub(crate) fn new(plan: &Plan, clocks: Clocks) -> Self {
        let mut disturbed: Vec<Span> = plan.faults.iter().filter_map(|fault| fault.span()).collect();
        disturbed.extend(clocks.unsure.iter().map(|unsure| unsure.span));
        let (lives, payments, endpoints, bulks) = (Vec::new(), HashMap::new(), Vec::new(), Vec::new());
        Self { lives, payments, endpoints, bulks, disturbed, clocks }
    }

    pub(crate) fn endpoint(&mut self, plan: &EndpointPlan) {
        self.endpoints.push(Endpoint {
            time_limit: plan.time_limit,
            lifetime: plan.lifetime,
            paused: false,
            paused_at: None,
            changed_at: None,
            health: health::Health::default(),
            outages: plan.outages.clone(),
            answers: plan.wrong.slow + plan.wrong.status + plan.wrong.lost == 0,
            places: places::Places::new(plan.concurrency_max),
        });
    }

    /// All deliveries of a payment, resends too.
    pub(crate) fn deliveries_of(&self, id: u32) -> Vec<DeliveryNo> {
        let sent = self.payments.get(&id);
        sent.map(|sent| sent.deliveries.iter().chain(&sent.resends).copied().collect()).unwrap_or_default()
    }

    /// The payment of a delivery, and the how many-th of that to the same endpoint it is.
    pub(crate) fn payment_of(&self, delivery: DeliveryNo) -> (u32, u32) {
        let life = &self.lives[delivery.index()];
        (life.payment, life.resend)
    }

    /// A gateway sent a payment; the reply may yet be lost.
    pub(crate) fn sent(&mut self, id: u32, accepted: &Accepted, model: &Model) -> Checked {
        match (accepted, self.payments.get(&id)) {
            (Accepted::New { .. }, Some(_)) => Err(violation("I8", None, format!("payment {id} was accepted twice"))),
            (Accepted::Same(payment), Some(sent)) if *payment == sent.payment => Ok(()),
            (Accepted::New { payment, jobs }, None) => {
                let deliveries = jobs.iter().map(|(_, job)| job.delivery).collect();
                self.payments.insert(id, Sent { payment: *payment, deliveries, resends: Vec::new(), told: false });
                jobs.iter().for_each(|(_, job)| self.begin((id, 0), job.delivery, model, GRACE));
                Ok(())
            }
            (other, _) => Err(violation("I8", None, format!("payment {id} got {other:?}"))),
        }
    }

    /// A gateway got its 2xx.
    pub(crate) fn told(&mut self, id: u32) {
        if let Some(sent) = self.payments.get_mut(&id) {
            sent.told = true;
        }
    }

    /// A gateway sent once more what was accepted.
    pub(crate) fn sent_again(&self, id: u32, accepted: &Accepted, same: bool) -> Checked {
        let payment = self.payments.get(&id).map(|sent| sent.payment);
        match accepted {
            Accepted::Same(found) if same && Some(*found) == payment => Ok(()),
            Accepted::Differs(found) if !same && Some(*found) == payment => Ok(()),
            other => Err(violation("I8", None, format!("payment {id}, sent again, got {other:?}"))),
        }
    }

    fn begin(&mut self, (payment, resend): (u32, u32), delivery: DeliveryNo, model: &Model, grace: Duration) {
        let row = model.delivery(delivery);
        debug_assert_eq!(delivery.index(), self.lives.len());
        self.lives.push(Life {
            payment,
            resend,
            payment_no: row.payment,
            endpoint: row.endpoint,
            created_at: row.created_at,
            deadline_at: row.deadline_at,
            state: State::Pending,
            begun: 0,
            held_until: None,
            exchange_until: BEGIN,
            posted: Vec::new(),
            acknowledged: false,
            told: Vec::new(),
            judged: (0, row.created_at, Duration::ZERO),
            judged_at: BEGIN,
            panics: 0,
            not_before: None,
            expect_by: row.created_at + grace,
            handed_out_at: None,
            parked: false,
            parked_at: BEGIN,
        });
    }

    /// Takes note of a delivery's state. What is terminal stays, but what is undelivered may be settled.
    fn see_state(&mut self, delivery: DeliveryNo, model: &Model) -> Checked {
        let (life, row) = (&mut self.lives[delivery.index()], model.delivery(delivery));
        let before = std::mem::replace(&mut life.state, row.state);
        if row.state != State::Pending {
            self.endpoints[row.endpoint.index()].health.waits_no_more(delivery);
        }
        match (before, row.state) {
            (State::Pending, _) | (State::Undelivered, State::Settled) => Ok(()),
            (before, after) if before == after => Ok(()),
            (before, after) => Err(violation("I1", delivery, format!("{} became {}", before.as_str(), after.as_str()))),
        }
    }

    /// What must be complete at the end.
    pub(crate) fn end(&self, model: &Model, now: Timestamp) -> Checked {
        for (id, sent) in &self.payments {
            let wanted = self.payments[id].deliveries.len();
            let found = sent.deliveries.iter().filter(|d| model.delivery(**d).payment == sent.payment).count();
            if sent.told && (found != wanted || wanted == 0) {
                return Err(violation("I1", None, format!("payment {id} was accepted and is lost")));
            }
        }
        self.end_of_bulks()?;
        model.deliveries().try_for_each(|(delivery, row)| self.end_of(delivery, row, now))
    }

    fn end_of(&self, delivery: DeliveryNo, row: &crate::model::Row, now: Timestamp) -> Checked {
        let life = &self.lives[delivery.index()];
        if row.state == State::Pending {
            return Err(violation("I1", delivery, format!("it is still pending at {now}, when nothing more happens")));
        }
        if row.kept.len() != life.begun as usize || (1..).zip(&row.kept).any(|(n, kept)| kept.number != n) {
            let shown: Vec<u32> = row.kept.iter().map(|kept| kept.number).collect();
            return Err(violation("I4", delivery, format!("{} attempts were begun, shown are {shown:?}", life.begun)));
        }
        for (number, outcome) in &life.told {
            let kept = row.kept[*number as usize - 1].outcome;
            if kept != *outcome {
                return Err(violation(
                    "I4",
                    delivery,
                    format!("attempt {number} was {outcome:?} and shows as {kept:?}"),
                ));
            }
        }
        if let Some(number) = life.posted.iter().find(|number| **number > life.begun) {
            return Err(violation("I5", delivery, format!("the merchant saw attempt {number}, which is not shown")));
        }
        let panics = row.kept.iter().filter(|kept| kept.outcome == Outcome::Panicked).count();
        if row.reason == Some(Reason::Panicked) && panics < 3 {
            return Err(violation("I14", delivery, format!("it was set aside after {panics} panics")));
        }
        if row.state == State::Delivered && !life.acknowledged {
            return Err(violation("I11", delivery, "it is delivered, and the merchant did not acknowledge"));
        }
        Ok(())
    }
}
