//! I15: a failing endpoint gets one probe at a time and nothing else, and only failures in a row make it failing.
//! I16: while something waits for it, probes come, and the first answer reopens it. I10: then what waited is released in
//! a ramp.

use super::attempts::UNSURE_FOR;
use super::{Checked, Checker, violation};
use crate::model::{DeliveryNo, EndpointNo, Job, Model, Record};
use crate::world::{PATIENCE, VISIBILITY};
use paybell_delivery::{Outcome, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// The longest pause between a probe that failed and the next, by the documentation.
const PAUSE_MAX: Duration = Duration::from_secs(8);
/// How much later it may be: two clocks may disagree by four seconds, and a dispatcher makes a pass each second.
const PROBED_WITHIN: Duration = Duration::from_secs(6);
/// So many attempts of several deliveries must fail in a row, by the documentation.
const FAILURES_MIN: u32 = 10;
/// Twice as many must do so for half as long, up to so many times.
const TIMES_MAX: u32 = 5;
/// For how long and how often something is released in a ramp, by the documentation.
const RAMP: Duration = Duration::from_secs(10);
const RELEASE_EVERY: Duration = Duration::from_millis(100);

/// What was seen of an endpoint's health.
#[derive(Default)]
pub(super) struct Health {
    pub(super) fails: bool,
    /// The delivery that it may be probed with.
    probing: Option<DeliveryNo>,
    /// Until when the last probe's request lasts.
    probe_until: Option<Timestamp>,
    /// The last act of which the next probe is a consequence, and when that is expected, in true time.
    acted_at: Option<Timestamp>,
    expected_at: Option<Timestamp>,
    /// What is parked, and since when there is always something.
    waiting: BTreeSet<DeliveryNo>,
    waits_since: Option<Timestamp>,
    /// By the clock of the worker that got the answer.
    reopened_at: Option<Timestamp>,
    /// When something was last released in the ramp after that, by a dispatcher's clock.
    released_at: Option<Timestamp>,
    /// By worker, what it saw fail since it last saw an answer, and when that was.
    failures: HashMap<usize, Failures>,
    answers: HashMap<usize, Timestamp>,
}

/// Failures in a row.
struct Failures {
    since: Timestamp,
    count: u32,
    deliveries: BTreeSet<DeliveryNo>,
}

impl Health {
    fn expect(&mut self, now: Timestamp, at: Timestamp) {
        (self.acted_at, self.expected_at) = (Some(now), Some(at));
    }

    /// A person paused or resumed the endpoint.
    pub(super) fn paused(&mut self, now: Timestamp) {
        self.expect(now, now);
    }

    /// How many may be released at a moment of a dispatcher's clock: 1, doubled each second after it was reopened. No
    /// limit after the ramp, nor before it: then the clock stepped back.
    fn release_limit(&self, clock: Timestamp) -> Option<usize> {
        let age = clock.since(self.reopened_at.filter(|at| *at < clock + RAMP)?);
        (age < RAMP).then(|| 1 << age.as_secs())
    }

    /// A delivery is parked.
    pub(super) fn waits(&mut self, delivery: DeliveryNo, now: Timestamp) {
        self.waiting.insert(delivery);
        self.waits_since.get_or_insert(now);
    }

    /// A delivery is parked no more.
    pub(super) fn waits_no_more(&mut self, delivery: DeliveryNo) {
        if self.waiting.remove(&delivery) && self.waiting.is_empty() {
            self.waits_since = None;
        }
    }

    pub(super) fn worker_died(&mut self, worker: usize) {
        self.failures.remove(&worker);
        self.answers.remove(&worker);
    }
}

impl Checker {
    /// A worker recorded an attempt, and learned something of the endpoint by it.
    pub(crate) fn signed(&mut self, record: &Record, worker: usize, status: Option<u16>, clock: Timestamp) {
        let endpoint = self.lives[record.delivery.index()].endpoint;
        let Health { failures, answers, .. } = &mut self.endpoints[endpoint.index()].health;
        if status.is_some_and(|status| status < 500) {
            failures.remove(&worker);
            answers.insert(worker, clock);
        } else if !matches!(record.attempt.outcome, Outcome::Blocked | Outcome::Panicked) {
            let since = answers.get(&worker).map_or(record.attempt.started_at, |at| record.attempt.started_at.max(*at));
            let begun = || Failures { since, count: 0, deliveries: BTreeSet::new() };
            let failures = failures.entry(worker).or_insert_with(begun);
            failures.count += 1;
            failures.deliveries.insert(record.delivery);
        }
    }

    /// A worker marked an endpoint as failing.
    pub(crate) fn marked(&mut self, endpoint: EndpointNo, worker: usize, clock: Timestamp, now: Timestamp) -> Checked {
        let seen = &mut self.endpoints[endpoint.index()];
        let enough = seen.health.failures.remove(&worker).is_some_and(|failures| {
            let times = (failures.count / FAILURES_MIN).clamp(1, TIMES_MAX);
            let long = clock.since(failures.since) * times >= PATIENCE;
            long && failures.count >= FAILURES_MIN && failures.deliveries.len() > 1
        });
        if seen.health.fails || !enough {
            return Err(violation("I15", None, format!("endpoint {endpoint} is marked as failing for no reason")));
        }
        seen.health.fails = true;
        seen.health.probing = None;
        seen.health.expect(now, now + Duration::from_secs(1));
        self.changed(endpoint, now);
        Ok(())
    }

    /// A parked delivery is handed out as a probe.
    pub(crate) fn probed(&mut self, job: &Job, model: &Model, now: Timestamp) -> Checked {
        let endpoint = model.delivery(job.delivery).endpoint;
        self.see_probing(endpoint, now)?;
        let health = &mut self.endpoints[endpoint.index()].health;
        if !health.fails {
            return Err(violation("I15", job.delivery, format!("endpoint {endpoint} is probed and does not fail")));
        }
        health.probing = Some(job.delivery);
        health.expect(now, now + VISIBILITY);
        Ok(())
    }

    /// A claim was won.
    pub(super) fn see_probe(&self, delivery: DeliveryNo, probe: bool) -> Checked {
        let endpoint = self.lives[delivery.index()].endpoint;
        let health = &self.endpoints[endpoint.index()].health;
        if health.fails == probe && (!probe || health.probing == Some(delivery)) {
            return Ok(());
        }
        Err(violation("I15", delivery, format!("it is attempted although endpoint {endpoint} fails")))
    }

    /// A probe's request begins and will end.
    pub(crate) fn probe_posted(&mut self, delivery: DeliveryNo, (begins, ends): (Timestamp, Timestamp)) -> Checked {
        let endpoint = self.lives[delivery.index()].endpoint;
        let (long_ago, seen) = (begins.before(VISIBILITY * 2), &self.endpoints[endpoint.index()]);
        let calm = self.calm_since(endpoint, long_ago, begins) == long_ago
            && seen.paused_at.is_none_or(|at| at < long_ago)
            && self.unsure(long_ago, begins).is_zero();
        if calm && seen.health.probe_until.is_some_and(|until| until > begins) {
            return Err(violation("I15", delivery, format!("endpoint {endpoint} gets two probes at a time")));
        }
        self.endpoints[endpoint.index()].health.probe_until = Some(ends);
        Ok(())
    }

    /// A worker wrote down that a probe failed.
    pub(crate) fn probe_failed(&mut self, endpoint: EndpointNo, delivery: DeliveryNo, now: Timestamp) {
        let health = &mut self.endpoints[endpoint.index()].health;
        if health.probing == Some(delivery) {
            health.probing = None;
            health.expect(now, now + PAUSE_MAX);
        }
    }

    /// A probe was answered.
    pub(crate) fn probe_answered(&self, endpoint: EndpointNo, model: &Model) -> Checked {
        if model.endpoint(endpoint).failing_since.is_none() {
            return Ok(());
        }
        Err(violation("I16", None, format!("endpoint {endpoint} answered a probe and is still failing")))
    }

    /// An endpoint was let back in.
    pub(crate) fn reopened(&mut self, endpoint: EndpointNo, clock: Timestamp, now: Timestamp) -> Checked {
        self.see_probing(endpoint, now)?;
        let health = &mut self.endpoints[endpoint.index()].health;
        (health.fails, health.probing) = (false, None);
        (health.reopened_at, health.released_at) = (Some(clock), None);
        self.changed(endpoint, now);
        Ok(())
    }

    /// A dispatcher released what was parked: in a ramp, not too much and not too soon.
    pub(crate) fn released(&mut self, jobs: &[Job], model: &Model, clock: Timestamp, now: Timestamp) -> Checked {
        // Clocks that disagree, or that were set, may take a moment for a later one.
        let paced = self.clocks.one_dispatches() && self.unsure(now.before(UNSURE_FOR), now).is_zero();
        let mut counts: BTreeMap<EndpointNo, usize> = BTreeMap::new();
        jobs.iter().for_each(|job| *counts.entry(model.delivery(job.delivery).endpoint).or_default() += 1);
        for (endpoint, count) in counts {
            let health = &mut self.endpoints[endpoint.index()].health;
            let Some(limit) = health.release_limit(clock) else { continue };
            let before = health.released_at.replace(clock);
            let soon = before.is_some_and(|at| at <= clock && clock.since(at) < RELEASE_EVERY);
            if count > limit || (soon && paced) {
                let since = before.map_or_else(String::new, |at| format!(", {:?} after the last", clock.since(at)));
                let what =
                    format!("{count} are released at endpoint {endpoint}{since}; it must be {limit} each 100 ms");
                return Err(violation("I10", None, what));
            }
        }
        Ok(())
    }

    /// A probe must not be overdue while something waits to probe with and nothing is wrong.
    pub(super) fn see_probing(&self, endpoint: EndpointNo, now: Timestamp) -> Checked {
        let seen = &self.endpoints[endpoint.index()];
        let (Some(acted_at), Some(expected_at)) = (seen.health.acted_at, seen.health.expected_at) else {
            return Ok(());
        };
        if !seen.health.fails || seen.paused {
            return Ok(());
        }
        let parked_at = seen.health.waiting.iter().map(|delivery| self.lives[delivery.index()].parked_at).min();
        let (Some(parked_at), Some(waits_since)) = (parked_at, seen.health.waits_since) else { return Ok(()) };
        // The next probe is counted from the beginning of the last one, by a clock that may have been set since.
        if !self.unsure(acted_at.min(parked_at).before(UNSURE_FOR), now).is_zero() {
            return Ok(());
        }
        self.see_answering(endpoint, waits_since, now)?;
        let from = self.calm_since(endpoint, expected_at.max(parked_at), now);
        if now <= from + PROBED_WITHIN {
            return Ok(());
        }
        let late = now.since(from);
        Err(violation("I16", None, format!("endpoint {endpoint} fails and was not probed for {late:?}")))
    }

    /// An endpoint whose merchant answers must not go on failing while something waits since then and nothing is wrong.
    fn see_answering(&self, endpoint: EndpointNo, waits_since: Timestamp, now: Timestamp) -> Checked {
        let seen = &self.endpoints[endpoint.index()];
        let away = seen.outages.iter().filter(|span| span.from <= now);
        let back_at = away.map(|span| span.until).max();
        let since = [Some(waits_since), back_at, seen.changed_at].into_iter().flatten().max().unwrap_or(now);
        if !seen.answers || since > now {
            return Ok(());
        }
        // A probe may hang since before, and the answer to the next may take its time.
        let bound = PAUSE_MAX + seen.time_limit * 2 + PROBED_WITHIN;
        let calm_since = self.calm_since(endpoint, since, now);
        // A probe that was lost just before is taken for lost after the visibility time.
        let lost = if calm_since > since { VISIBILITY } else { Duration::ZERO };
        if now <= calm_since + bound + lost {
            return Ok(());
        }
        let what = format!("endpoint {endpoint} is still failing, and its merchant answers for {:?}", now.since(since));
        Err(violation("I16", None, what))
    }

    /// An endpoint takes deliveries again, or none any more: then what is parked for it must soon be looked at, or not
    /// before its deadline.
    pub(super) fn changed(&mut self, endpoint: EndpointNo, now: Timestamp) {
        let seen = &mut self.endpoints[endpoint.index()];
        seen.changed_at = Some(now);
        let (takes, database) = (!seen.paused && !seen.health.fails, self.clocks.database(now));
        for life in self.lives.iter_mut().filter(|life| life.endpoint == endpoint && life.parked) {
            life.expect_by = if takes { database } else { life.deadline_at };
        }
    }
}
