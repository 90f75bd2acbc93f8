//! What goes wrong in an attempt, when and where the plan says so.

use super::worker::Flight;
use super::{Event, VISIBILITY, World};
use crate::model::DeliveryNo;
use crate::plan::{Fault, Span, Step, Target};
use paybell_delivery::Timestamp;
use std::time::Duration;

impl<'a> World<'a> {
    /// The fault that strikes here, at most once each.
    pub(super) fn strike(&mut self, strikes: impl Fn(&Fault) -> bool) -> Option<&'a Fault> {
        let plan = self.plan;
        let found = plan.faults.iter().zip(&self.fired).position(|(fault, fired)| !fired && strikes(fault))?;
        self.fired[found] = true;
        self.tally.note(&plan.faults[found]);
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

    /// The worker dies or is stopped here, or a person acts, if the plan says so.
    pub(super) fn goes_wrong(&mut self, flight: &Flight, step: Step) {
        let (payment, attempt, last) = (flight.payment, flight.claimed.attempt, self.is_last(flight));
        let fault = self.strike(|fault| match fault {
            Fault::WorkerDies(target, _)
            | Fault::WorkerStops(target, _)
            | Fault::SettledAmid(target)
            | Fault::PausedAmid(target, _) => target.is(payment, attempt, last, step),
            _ => false,
        });
        let worker = flight.worker;
        match fault {
            Some(Fault::WorkerDies(_, for_so_long)) => {
                self.tell(|| format!("worker {worker} dies"));
                self.worker_dies(worker, self.now + *for_so_long);
                self.checker.disturbed(self.now, self.now + *for_so_long + VISIBILITY);
            }
            Some(Fault::WorkerStops(_, for_so_long)) => self.worker_stops(worker, *for_so_long),
            Some(Fault::SettledAmid(_)) => {
                self.at(self.now, Event::SettleOne { delivery: flight.taken.job.delivery });
            }
            Some(Fault::PausedAmid(_, for_so_long)) => {
                let endpoint = flight.claimed.endpoint;
                self.at(self.now, Event::Pause { endpoint, paused: true });
                self.after(*for_so_long, Event::Pause { endpoint, paused: false });
            }
            _ => {}
        }
    }

    /// The worker is stopped with a job that it has not yet claimed, if the plan says so.
    pub(super) fn stops_with_job(&mut self, worker: usize, delivery: DeliveryNo) {
        let (payment, _) = self.checker.payment_of(delivery);
        let fault = self.strike(|fault| matches!(fault, Fault::WorkerStopsWithJob(of, _) if *of == payment));
        if let Some(Fault::WorkerStopsWithJob(_, for_so_long)) = fault {
            self.worker_stops(worker, *for_so_long);
        }
    }

    fn worker_stops(&mut self, worker: usize, for_so_long: Duration) {
        self.tell(|| format!("worker {worker} is stopped for {for_so_long:?}"));
        self.workers[worker].stopped_until = Some(self.now + for_so_long);
        self.checker.disturbed(self.now, self.now + for_so_long + VISIBILITY);
    }

    /// Whether the worker's code panics in this attempt.
    pub(super) fn panics(&mut self, flight: &Flight) -> bool {
        let (payment, attempt) = (flight.payment, flight.claimed.attempt);
        let here = |fault: &&Fault| match fault {
            Fault::WorkerPanics(of, from, times) => *of == payment && (*from..*from + *times).contains(&attempt),
            _ => false,
        };
        let plan = self.plan;
        let found = plan.faults.iter().find(here);
        found.is_some_and(|fault| {
            self.tally.note(fault);
            true
        })
    }

    pub(super) fn workers_die(&mut self, until: Timestamp) {
        self.note_fault(&Fault::WorkersDown(Span { from: self.now, until }), || "all workers die");
        (0..self.workers.len()).for_each(|worker| self.worker_dies(worker, until));
    }

    fn worker_dies(&mut self, number: usize, until: Timestamp) {
        let worker = &mut self.workers[number];
        worker.life += 1;
        worker.stopped_until = None;
        worker.seen.clear();
        worker.down_until = worker.down_until.max(Some(until));
        self.checker.cut_off(number);
    }
}

impl Target {
    /// Whether it means this step of this attempt.
    fn is(&self, payment: u32, attempt: u32, last: bool, step: Step) -> bool {
        self.payment == payment && self.step == step && self.attempt.map_or(last, |wanted| wanted == attempt)
    }
}
