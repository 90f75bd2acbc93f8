//! The invariants, watched from outside: what the gateways were told, what the merchants saw and what the acts answered,
//! against what the ledger shows. Each act is checked when it happens; what must be complete is checked at the end.
//!
//! Cast:
//! - [`Checker`]: all that was seen. [`Life`]: what was seen of a delivery. [`Violation`]: the first thing wrong.
//! - `attempts`: I2, I3, I4, I6, I10, I11 at a claim, a POST and a record. `waiting`: I9 and the ends of lives.

mod attempts;
mod waiting;

use crate::model::{Accepted, DeliveryNo, EndpointNo, Model, PaymentNo};
use crate::plan::{Plan, Span};
use paybell_delivery::{Outcome, State, Timestamp};
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
    /// No attempt before, by the schedule.
    not_before: Option<Timestamp>,
    /// When somebody must have looked at it again.
    expect_by: Timestamp,
    /// When it was handed out without having been claimed since.
    handed_out_at: Option<Timestamp>,
    parked: bool,
}

#[derive(Clone, Copy)]
struct Endpoint {
    time_limit: Duration,
    paused: bool,
    /// When it was last paused or resumed.
    changed_at: Option<Timestamp>,
}

/// All that was seen.
pub(crate) struct Checker {
    lives: Vec<Life>,
    payments: HashMap<u32, Sent>,
    endpoints: Vec<Endpoint>,
    /// While something was wrong with the queue, the workers, the dispatchers or the database.
    disturbed: Vec<Span>,
}

struct Sent {
    payment: PaymentNo,
    deliveries: Vec<DeliveryNo>,
    /// Whether the gateway was told by a 2xx.
    told: bool,
}

type Checked = Result<(), Violation>;

fn violation(invariant: &'static str, delivery: impl Into<Option<DeliveryNo>>, what: impl Into<String>) -> Violation {
    Violation { invariant, delivery: delivery.into(), what: what.into() }
}

impl Checker {
    pub(crate) fn new(plan: &Plan) -> Self {
        let disturbed = plan.faults.iter().filter_map(|fault| fault.span()).collect();
        Self { lives: Vec::new(), payments: HashMap::new(), endpoints: Vec::new(), disturbed }
    }

    pub(crate) fn endpoint(&mut self, time_limit: Duration) {
        self.endpoints.push(Endpoint { time_limit, paused: false, changed_at: None });
    }

    /// Something goes wrong for this long, which no plan foresaw.
    pub(crate) fn disturbed(&mut self, from: Timestamp, until: Timestamp) {
        self.disturbed.push(Span { from, until });
    }

    pub(crate) fn deliveries_of(&self, payment: u32) -> Vec<DeliveryNo> {
        self.payments.get(&payment).map(|sent| sent.deliveries.clone()).unwrap_or_default()
    }

    pub(crate) fn payment_of(&self, delivery: DeliveryNo) -> u32 {
        self.lives[delivery.index()].payment
    }

    /// A gateway sent a payment; the reply may yet be lost.
    pub(crate) fn sent(&mut self, id: u32, accepted: &Accepted, model: &Model, now: Timestamp) -> Checked {
        match (accepted, self.payments.get(&id)) {
            (Accepted::New { .. }, Some(_)) => Err(violation("I8", None, format!("payment {id} was accepted twice"))),
            (Accepted::Same(payment), Some(sent)) if *payment == sent.payment => Ok(()),
            (Accepted::New { payment, jobs }, None) => {
                let deliveries = jobs.iter().map(|(_, job)| job.delivery).collect();
                self.payments.insert(id, Sent { payment: *payment, deliveries, told: false });
                jobs.iter().for_each(|(_, job)| self.begin(id, *payment, job.delivery, model, now));
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
    pub(crate) fn sent_again(&self, id: u32, accepted: &Accepted, same: bool, _: Timestamp) -> Checked {
        let payment = self.payments.get(&id).map(|sent| sent.payment);
        match accepted {
            Accepted::Same(found) if same && Some(*found) == payment => Ok(()),
            Accepted::Differs(found) if !same && Some(*found) == payment => Ok(()),
            other => Err(violation("I8", None, format!("payment {id}, sent again, got {other:?}"))),
        }
    }

    fn begin(&mut self, id: u32, payment_no: PaymentNo, delivery: DeliveryNo, model: &Model, now: Timestamp) {
        let row = model.delivery(delivery);
        debug_assert_eq!(delivery.index(), self.lives.len());
        self.lives.push(Life {
            payment: id,
            payment_no,
            endpoint: row.endpoint,
            created_at: row.created_at,
            deadline_at: row.deadline_at,
            state: State::Pending,
            begun: 0,
            held_until: None,
            exchange_until: now,
            posted: Vec::new(),
            acknowledged: false,
            told: Vec::new(),
            judged: (0, now, Duration::ZERO),
            not_before: None,
            expect_by: now + crate::world::GRACE,
            handed_out_at: None,
            parked: false,
        });
    }

    /// Takes note of a delivery's state. What is terminal stays, but what is undelivered may be settled.
    fn see_state(&mut self, delivery: DeliveryNo, model: &Model) -> Checked {
        let (life, row) = (&mut self.lives[delivery.index()], model.delivery(delivery));
        let before = std::mem::replace(&mut life.state, row.state);
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
        if row.state == State::Delivered && !life.acknowledged {
            return Err(violation("I11", delivery, "it is delivered, and the merchant did not acknowledge"));
        }
        Ok(())
    }
}
