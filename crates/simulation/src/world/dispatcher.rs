//! Dispatchers. Their passes that would find nothing are left out: a pass takes place when something is due.

use super::{Dispatcher, VISIBILITY, World};
use crate::invariants::Violation;
use crate::plan::{Fault, Span};
use paybell_delivery::Timestamp;
use std::time::Duration;

const LIMIT: usize = 1_000;
const RELEASE_LIMIT: usize = 500;
const REST_MIN: Duration = Duration::from_millis(5);
const REST_MAX: Duration = Duration::from_secs(1);

impl World<'_> {
    /// When the next pass takes place that finds something, and whose it is.
    pub(super) fn next_dispatch(&self) -> Option<(Timestamp, usize)> {
        let resumed = self.model.has_resumed();
        let look_at = self.model.next_look_at().or(resumed.then_some(self.now))?;
        let passes = self.plan.dispatchers.iter().zip(&self.dispatchers).enumerate();
        passes
            .map(|(n, (ahead_us, dispatcher))| {
                let free_at = dispatcher.rests_until.max(dispatcher.down_until).max(self.now);
                let due = if resumed { self.now } else { self.clocks.when(n, *ahead_us, look_at, self.now) };
                (self.unblocked(due.max(free_at)), n)
            })
            .min()
    }

    pub(super) fn unblocked(&self, mut at: Timestamp) -> Timestamp {
        while let Some(span) = self.dispatch_blocked.iter().find(|span| span.has(at)) {
            at = span.until;
        }
        at
    }

    pub(super) fn dispatch(&mut self, dispatcher: usize) -> Result<(), Violation> {
        let now = self.dispatcher_clock(dispatcher);
        let released = self.model.release_parked(now, RELEASE_LIMIT);
        if !released.is_empty() {
            self.tell(|| format!("dispatcher {dispatcher} releases {} parked deliveries", released.len()));
        }
        for delivery in released {
            self.note(2, delivery, 0);
            self.checker.released(delivery, now);
        }
        let dispatched = self.model.dispatch_due(now, VISIBILITY, LIMIT);
        let rest = self.dice.of(&[4, self.now.0 as u64, dispatcher as u64]).between(REST_MIN, REST_MAX);
        self.dispatchers[dispatcher].rests_until = self.now + if dispatched.more { REST_MIN } else { rest };
        for &delivery in &dispatched.expired {
            self.note(3, delivery, 0);
            self.tell(|| format!("dispatcher {dispatcher} ends delivery {delivery} as expired"));
            self.checker.expired(delivery, &self.model, now, self.now)?;
        }
        for &delivery in &dispatched.parked {
            self.note(4, delivery, 0);
            self.tell(|| format!("dispatcher {dispatcher} parks delivery {delivery}"));
            self.checker.parked(delivery, self.now)?;
        }
        for &job in &dispatched.jobs {
            self.note(5, job.delivery, u64::from(job.attempts));
            self.tell(|| {
                format!("dispatcher {dispatcher} hands out delivery {} after attempt {}", job.delivery, job.attempts)
            });
            self.checker.handed_out(job, &self.model, now, self.now)?;
        }
        self.queue(dispatcher, &dispatched.jobs);
        Ok(())
    }

    fn queue(&mut self, dispatcher: usize, jobs: &[crate::model::Job]) {
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
