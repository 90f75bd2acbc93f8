//! What goes wrong in an attempt, when and where the plan says so.

use super::worker::Flight;
use super::{VISIBILITY, World};
use crate::plan::{Fault, Step, Target};
use paybell_delivery::Timestamp;

impl<'a> World<'a> {
    /// The fault that strikes here, at most once each.
    pub(super) fn strike(&mut self, strikes: impl Fn(&Fault) -> bool) -> Option<&'a Fault> {
        let plan = self.plan;
        let found = plan.faults.iter().zip(&self.fired).position(|(fault, fired)| !fired && strikes(fault))?;
        self.fired[found] = true;
        self.tally.faults += 1;
        Some(&plan.faults[found])
    }

    pub(super) fn loses_reply(&mut self, flight: &Flight, step: Step) -> bool {
        let (payment, attempt, last) = (flight.payment, flight.claimed.attempt, self.is_last(flight));
        let strikes = |fault: &Fault| matches!(fault, Fault::ReplyLost(t) if t.is(payment, attempt, last, step));
        let strikes = self.strike(strikes).is_some();
        if strikes {
            self.checker.disturbed(self.now, self.now + VISIBILITY);
        }
        strikes
    }

    /// Whether the attempt is close before its deadline.
    fn is_last(&self, flight: &Flight) -> bool {
        let life = flight.claimed.deadline_at.since(flight.claimed.created_at);
        flight.claimed.deadline_at.since(self.now) < VISIBILITY.min(life / 10)
    }

    /// The worker dies or is stopped here, if the plan says so.
    pub(super) fn goes_wrong(&mut self, flight: &Flight, step: Step) {
        let (payment, attempt, last) = (flight.payment, flight.claimed.attempt, self.is_last(flight));
        let fault = self.strike(|fault| match fault {
            Fault::WorkerDies(target, _) | Fault::WorkerStops(target, _) => target.is(payment, attempt, last, step),
            _ => false,
        });
        let worker = flight.worker;
        match fault {
            Some(Fault::WorkerDies(_, for_so_long)) => {
                self.tell(|| format!("worker {worker} dies"));
                self.worker_dies(worker, self.now + *for_so_long);
                self.checker.disturbed(self.now, self.now + *for_so_long + VISIBILITY);
            }
            Some(Fault::WorkerStops(_, for_so_long)) => {
                self.tell(|| format!("worker {worker} is stopped for {for_so_long:?}"));
                self.workers[worker].stopped_until = Some(self.now + *for_so_long);
                self.checker.disturbed(self.now, self.now + *for_so_long + VISIBILITY);
            }
            _ => {}
        }
    }

    pub(super) fn worker_dies(&mut self, worker: usize, until: Timestamp) {
        let worker = &mut self.workers[worker];
        worker.life += 1;
        worker.stopped_until = None;
        worker.down_until = worker.down_until.max(Some(until));
    }
}

impl Target {
    /// Whether it means this step of this attempt.
    fn is(&self, payment: u32, attempt: u32, last: bool, step: Step) -> bool {
        self.payment == payment && self.step == step && self.attempt.map_or(last, |wanted| wanted == attempt)
    }
}
