//! The queue: lanes that may lose, repeat, reorder and keep anything, and who takes from them.

use super::lanes::{Pushed, Taken};
use super::{Event, VISIBILITY, World};
use crate::model::{EndpointNo, Job};
use crate::plan::Fault;
use paybell_delivery::Timestamp;
use std::time::Duration;

/// How long a dispatcher rests while it holds jobs back. A lane may rest longer.
const REST_HELD: Duration = Duration::from_millis(20);

/// Which dispatcher pushed something, in which of its lives.
pub(crate) type PushedBy = Option<(usize, u32)>;

impl World<'_> {
    /// A job is pushed; it comes to its lane soon, if nothing goes wrong.
    pub(super) fn push(&mut self, job: Job, by: PushedBy) {
        let endpoint = self.model.delivery(job.delivery).endpoint;
        if let Some((dispatcher, _)) = by
            && self.dispatchers[dispatcher].held.has(endpoint)
        {
            self.dispatchers[dispatcher].held.hold(endpoint, job);
            return;
        }
        self.enqueue(job, by);
    }

    fn enqueue(&mut self, job: Job, by: PushedBy) {
        let endpoint = self.model.delivery(job.delivery).endpoint;
        if self.lanes[endpoint.index()].has_with_room(job, self.plan.lane_max) {
            return;
        }
        let mut dice = self.dice_of(2, job.delivery, job.attempts).of(&[self.now.0 as u64]);
        let mut delay = dice.between(Duration::from_micros(500), Duration::from_millis(20));
        let mut kept = None;
        let plan = self.plan;
        for fault in &plan.faults {
            match fault {
                Fault::QueueLoses(span, percent) if span.has(self.now) && dice.chance(*percent) => {
                    self.tally.note(fault);
                    self.tell(|| format!("the queue loses the job of delivery {}", job.delivery));
                    return;
                }
                Fault::QueueRepeats(span, percent, most) if span.has(self.now) && dice.chance(*percent) => {
                    self.tally.note(fault);
                    kept = Some(dice.between(Duration::ZERO, *most));
                }
                Fault::QueueDelays(span, most) if span.has(self.now) => {
                    self.tally.note(fault);
                    delay += dice.between(Duration::ZERO, *most);
                }
                _ => {}
            }
        }
        if let Some(after) = kept {
            // What the queue kept from long ago survives even a flush, as in an old copy that is restored.
            self.after(after, Event::Enter { job, epoch: None, by: None });
        }
        self.after(delay, Event::Enter { job, epoch: Some(self.epoch), by });
    }

    /// A job comes to its lane, or finds no room there: then the dispatcher that pushed it holds it back.
    pub(super) fn enter(&mut self, job: Job, epoch: Option<u32>, by: PushedBy) {
        if epoch.is_some_and(|epoch| epoch != self.epoch) {
            return;
        }
        let endpoint = self.model.delivery(job.delivery).endpoint;
        if self.lanes[endpoint.index()].push(job, self.plan.lane_max) == Pushed::Refused {
            self.tally.refused_jobs += 1;
            self.tell(|| format!("the job of delivery {} finds no room in the queue", job.delivery));
            if let Some((dispatcher, life)) = by
                && self.dispatchers[dispatcher].life == life
            {
                self.dispatchers[dispatcher].held.refused(endpoint, job, self.now);
            }
        }
        self.pump(endpoint);
    }

    /// Workers take from a lane what its cap leaves places for.
    pub(super) fn pump(&mut self, endpoint: EndpointNo) {
        let mut look_again = None;
        while let Some(job) = self.lanes[endpoint.index()].first() {
            let Some(worker) = self.worker_for(job) else {
                look_again = self.next_worker_at();
                break;
            };
            let Some(taken) = self.take(endpoint) else {
                look_again = self.lanes[endpoint.index()].lease_ends_at().filter(|at| *at > self.now);
                break;
            };
            let life = self.workers[worker].life;
            self.after(Duration::from_millis(1), Event::Arrive { taken, worker, life });
        }
        if let Some(at) = look_again {
            self.look_again(endpoint, at);
        }
        if self.lanes[endpoint.index()].room(self.plan.lane_max) > 0 {
            self.let_offer(endpoint);
        }
        let waits = self.lanes[endpoint.index()].first().is_some();
        self.checker.crowded(endpoint, waits || self.is_held_back(endpoint), self.now);
    }

    fn take(&mut self, endpoint: EndpointNo) -> Option<Taken> {
        self.tickets += 1;
        let taken = self.lanes[endpoint.index()].take(self.tickets, self.now, VISIBILITY, self.bug)?;
        let seen = self.checker.took(endpoint, &taken.job, self.now);
        self.violation = self.violation.take().or(seen.err());
        Some(taken)
    }

    /// The lane has room for what is held back for it.
    fn let_offer(&mut self, endpoint: EndpointNo) {
        for number in 0..self.dispatchers.len() {
            let dispatcher = &mut self.dispatchers[number];
            if dispatcher.held.has(endpoint) && !std::mem::replace(&mut dispatcher.offers, true) {
                self.after(REST_HELD, Event::Offer { dispatcher: number });
            }
        }
    }

    fn look_again(&mut self, endpoint: EndpointNo, at: Timestamp) {
        let (now, looks_at) = (self.now, &mut self.lanes[endpoint.index()].looks_at);
        if looks_at.is_none_or(|planned| planned <= now || at < planned) {
            *looks_at = Some(at.max(now));
            self.at(at, Event::Look { endpoint });
        }
    }

    fn is_held_back(&self, endpoint: EndpointNo) -> bool {
        self.dispatchers.iter().any(|dispatcher| dispatcher.held.has(endpoint))
    }

    /// A worker that takes jobs. One that is stopped took some just before.
    fn worker_for(&self, job: Job) -> Option<usize> {
        let count = self.workers.len();
        let mut dice = self.dice_of(5, job.delivery, job.attempts);
        let first = dice.below(count as u64) as usize;
        let just_before = dice.chance(30);
        let takes = |worker: &usize| {
            let worker = &self.workers[*worker];
            let stopped = worker.stopped_until.is_some_and(|until| until > self.now);
            worker.down_until.is_none_or(|until| until <= self.now) && (!stopped || just_before)
        };
        (0..count).map(|n| (first + n) % count).find(takes)
    }

    /// When the next worker takes jobs again.
    fn next_worker_at(&self) -> Option<Timestamp> {
        let until = self.workers.iter().filter_map(|worker| worker.down_until.max(worker.stopped_until));
        until.filter(|until| *until > self.now).min()
    }

    /// A worker is done with a job: its place is free.
    pub(super) fn finish(&mut self, taken: &Taken) {
        let endpoint = self.model.delivery(taken.job.delivery).endpoint;
        self.lanes[endpoint.index()].finish(taken, self.bug);
        self.pump(endpoint);
    }

    /// A dispatcher offers what it holds back to the lanes that have room again.
    pub(super) fn offer(&mut self, dispatcher: usize) {
        if !std::mem::take(&mut self.dispatchers[dispatcher].offers) {
            return;
        }
        let at = self.unblocked(self.now).max(self.dispatchers[dispatcher].down_until);
        if at > self.now {
            self.dispatchers[dispatcher].offers = true;
            self.at(at, Event::Offer { dispatcher });
            return;
        }
        let life = self.dispatchers[dispatcher].life;
        for endpoint in self.dispatchers[dispatcher].held.endpoints() {
            let room = self.lanes[endpoint.index()].room(self.plan.lane_max);
            for job in self.dispatchers[dispatcher].held.offer(endpoint, room, self.now) {
                self.enqueue(job, Some((dispatcher, life)));
            }
            if room > 0 {
                self.let_offer(endpoint);
            }
        }
    }

    /// All jobs are lost, and what is in flight is forgotten.
    pub(super) fn flush(&mut self) {
        self.epoch += 1;
        self.lanes.iter_mut().for_each(super::lanes::Lane::flush);
        self.checker.forgotten();
        for endpoint in (0..self.lanes.len()).map(|n| EndpointNo(n as u32)) {
            self.pump(endpoint);
        }
    }
}
