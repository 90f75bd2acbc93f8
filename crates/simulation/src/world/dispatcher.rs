//! Dispatchers. Their passes that would find nothing are left out: a pass takes place when something is due.

use super::{Dispatcher, VISIBILITY, World};
use crate::invariants::Violation;
use crate::model::{Dispatched, Job};
use crate::plan::{Fault, Span};
use paybell_delivery::Timestamp;
use std::time::Duration;

const LIMIT: usize = 1_000;
const RELEASE_LIMIT: usize = 100;
const PROBE_LIMIT: usize = 100;
const PROBE_EVERY: Duration = Duration::from_millis(500);
const REST_MIN: Duration = Duration::from_millis(5);
const REST_MAX: Duration = Duration::from_secs(1);
/// The longest rest while a release goes on in a ramp, and for how long after a release that may be.
const REST_RAMP: Duration = Duration::from_millis(50);
const RAMP_GOES_ON: Duration = Duration::from_secs(1);

impl World<'_> {
    /// When the next pass takes place that finds something, and whose it is.
    pub(super) fn next_dispatch(&self) -> Option<(Timestamp, usize)> {
        let passes = (0..self.dispatchers.len()).filter_map(|dispatcher| {
            let is = &self.dispatchers[dispatcher];
            let free_at = is.rests_until.max(is.down_until).max(self.now);
            let found_at = self.finds_at(dispatcher)?;
            Some((self.unblocked(found_at.max(free_at)), dispatcher))
        });
        passes.min()
    }

    /// When there is something due, to be released or to be probed with, for a dispatcher.
    fn finds_at(&self, dispatcher: usize) -> Option<Timestamp> {
        let is = &self.dispatchers[dispatcher];
        let by_clock = |at| self.clocks.when(dispatcher, self.plan.dispatchers[dispatcher], at, self.now);
        let open = self.model.resumed().filter(|endpoint| !is.held.has(*endpoint));
        let rest = |endpoint| self.model.endpoint(endpoint).rests_until(self.dispatcher_clock(dispatcher));
        let release_at = open.map(|endpoint| rest(endpoint).map_or(self.now, by_clock)).min();
        if release_at == Some(self.now) {
            return release_at;
        }
        let due_at = self.model.next_look_at().map(by_clock);
        let probes_from = is.probed_at.map_or(self.now, |at| at + PROBE_EVERY);
        let probe_at = self.model.next_probe_at().map(|at| by_clock(at).max(probes_from));
        [release_at, due_at, probe_at].into_iter().flatten().min()
    }

    pub(super) fn unblocked(&self, mut at: Timestamp) -> Timestamp {
        while let Some(span) = self.dispatch_blocked.iter().find(|span| span.has(at)) {
            at = span.until;
        }
        at
    }

    pub(super) fn dispatch(&mut self, dispatcher: usize) -> Result<(), Violation> {
        let now = self.dispatcher_clock(dispatcher);
        let crowded = self.dispatchers[dispatcher].held.endpoints();
        let dispatched = self.model.dispatch_due(now, VISIBILITY, LIMIT, &crowded);
        self.see_dispatched(dispatcher, &dispatched, now)?;
        let mut jobs = dispatched.jobs;
        let released = self.model.release_parked(now, VISIBILITY, RELEASE_LIMIT, &crowded);
        let more = dispatched.more || !released.is_empty();
        self.tally.released += released.len() as u64;
        self.checker.released(&released, &self.model, now, self.now)?;
        self.see_handed_out(dispatcher, "releases", &released, now)?;
        if !released.is_empty() {
            self.dispatchers[dispatcher].released_at = Some(self.now);
        }
        jobs.extend(released);
        if self.dispatchers[dispatcher].probed_at.is_none_or(|at| at + PROBE_EVERY <= self.now) {
            self.dispatchers[dispatcher].probed_at = Some(self.now);
            let probes = self.model.take_probes(now, VISIBILITY, PROBE_LIMIT);
            self.tally.probes += probes.len() as u64;
            probes.iter().try_for_each(|job| self.checker.probed(job, &self.model, self.now))?;
            self.see_handed_out(dispatcher, "probes with", &probes, now)?;
            jobs.extend(probes);
        }
        self.dispatchers[dispatcher].rests_until = self.now + if more { REST_MIN } else { self.rest(dispatcher) };
        self.queue(dispatcher, &jobs);
        Ok(())
    }

    fn rest(&self, dispatcher: usize) -> Duration {
        let released_at = self.dispatchers[dispatcher].released_at;
        let ramp = released_at.is_some_and(|at| self.now.since(at) < RAMP_GOES_ON);
        let rest_max = if ramp { REST_RAMP } else { REST_MAX };
        self.dice.of(&[4, self.now.0 as u64, dispatcher as u64]).between(REST_MIN, rest_max)
    }

    fn see_dispatched(&mut self, dispatcher: usize, found: &Dispatched, now: Timestamp) -> Result<(), Violation> {
        for &delivery in &found.expired {
            self.note(3, delivery, 0);
            self.tell(|| format!("dispatcher {dispatcher} ends delivery {delivery} as expired"));
            self.checker.expired(delivery, &self.model, now, self.now)?;
        }
        for &delivery in &found.parked {
            self.note(4, delivery, 0);
            self.tell(|| format!("dispatcher {dispatcher} parks delivery {delivery}"));
            let endpoint = self.model.delivery(delivery).endpoint;
            let crowded = self.dispatchers[dispatcher].held.has(endpoint);
            self.tally.crowded += u64::from(crowded);
            self.checker.parked(delivery, crowded, self.now)?;
        }
        self.see_handed_out(dispatcher, "hands out", &found.jobs, now)
    }

    fn see_handed_out(&mut self, by: usize, act: &str, jobs: &[Job], now: Timestamp) -> Result<(), Violation> {
        for &job in jobs {
            self.note(5, job.delivery, u64::from(job.attempts));
            self.tell(|| format!("dispatcher {by} {act} delivery {} after attempt {}", job.delivery, job.attempts));
            self.checker.handed_out(job, &self.model, now, self.now)?;
        }
        Ok(())
    }

    fn queue(&mut self, dispatcher: usize, jobs: &[Job]) {
        if jobs.is_empty() {
            return;
        }
        let now = self.now;
        if self.strike(|fault| matches!(fault, Fault::DispatcherDies(at) if *at <= now)).is_some() {
            self.tell(|| format!("dispatcher {dispatcher} dies before it queues {} jobs", jobs.len()));
            self.checker.disturbed(now, now + VISIBILITY);
            self.dispatcher_dies(dispatcher, now + Duration::from_secs(3));
            return;
        }
        let by = Some((dispatcher, self.dispatchers[dispatcher].life));
        jobs.iter().for_each(|job| self.push(*job, by));
    }

    /// What it held back is lost with it.
    fn dispatcher_dies(&mut self, dispatcher: usize, until: Timestamp) {
        let Dispatcher { life, down_until, .. } = self.dispatchers[dispatcher];
        self.dispatchers[dispatcher] = Dispatcher::new(life + 1, until.max(down_until));
    }

    pub(super) fn dispatchers_die(&mut self, until: Timestamp) {
        self.note_fault(&Fault::DispatchersDown(Span { from: self.now, until }), || "all dispatchers die");
        (0..self.dispatchers.len()).for_each(|dispatcher| self.dispatcher_dies(dispatcher, until));
    }
}
