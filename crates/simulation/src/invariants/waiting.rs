//! I9: nothing that is due waits longer than a minute, unless something is wrong; and how lives end without an attempt.

use super::{Checked, Checker, violation};
use crate::draw_plan::SKEW_MAX;
use crate::model::{DeliveryNo, EndpointNo, Job, Model};
use crate::plan::Span;
use crate::world::VISIBILITY;
use paybell_delivery::Timestamp;
use std::time::Duration;

/// How long what is due may wait once nothing is wrong any more.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Within what time a job that was handed out is claimed, when nothing is wrong.
const ARRIVES_WITHIN: Duration = Duration::from_secs(1);

impl Checker {
    /// Somebody looks at a delivery: it must not be late, by the database's clock.
    pub(super) fn see_look(&self, delivery: DeliveryNo, now: Timestamp) -> Checked {
        let life = &self.lives[delivery.index()];
        let late = self.clocks.database(now).since(life.expect_by);
        if late <= WAIT_MAX {
            return Ok(());
        }
        let calm_since = self.calm_since(life.endpoint, now.before(late), now);
        if now > calm_since + WAIT_MAX {
            let late = now.since(calm_since);
            return Err(violation("I9", delivery, format!("nobody looked at it for {late:?} after it was due")));
        }
        Ok(())
    }

    /// A delivery was handed out to the queue. When that happened before, nothing was wrong since and yet nobody
    /// attempted it, it is being skipped.
    pub(crate) fn handed_out(&mut self, job: Job, model: &Model, clock: Timestamp, now: Timestamp) -> Checked {
        let delivery = job.delivery;
        self.see_look(delivery, now)?;
        self.see_state(delivery, model)?;
        self.see_claim_end(delivery, clock)?;
        let life = &self.lives[delivery.index()];
        let endpoint = &self.endpoints[life.endpoint.index()];
        if let Some(before) = life.handed_out_at {
            let closed = endpoint.paused || endpoint.health.fails;
            let closed = closed || endpoint.changed_at.is_some_and(|at| at >= before);
            let disturbed = |span: &Span| span.until + SKEW_MAX >= before && span.from <= now;
            let wrong = self.disturbed.iter().any(disturbed) || endpoint.places.crowded_since(before, now);
            // Close before a deadline jobs are handed out again and again, sooner than they can arrive; and by the worker's
            // clock it may have passed.
            let soon =
                now.since(before) < ARRIVES_WITHIN || self.clocks.database(now) + SKEW_MAX * 2 >= life.deadline_at;
            if !closed && !wrong && !soon {
                return Err(violation("I9", delivery, "it was handed out twice, and nobody attempted it"));
            }
        }
        let (given, cap) = (job.concurrency_max as usize, endpoint.places.cap);
        if given != cap {
            let what = format!("it is handed out with a cap of {given}, it must be {cap}");
            return Err(violation("I10", delivery, what));
        }
        self.endpoints[self.lives[delivery.index()].endpoint.index()].health.waits_no_more(delivery);
        let life = &mut self.lives[delivery.index()];
        (life.handed_out_at, life.expect_by, life.parked) = (Some(now), clock + VISIBILITY, false);
        Ok(())
    }

    /// A claim is ended by a dispatcher: it must have run out.
    fn see_claim_end(&mut self, delivery: DeliveryNo, clock: Timestamp) -> Checked {
        let life = &mut self.lives[delivery.index()];
        match life.held_until.take() {
            Some(until) if clock + SKEW_MAX * 2 < until => {
                Err(violation("I3", delivery, format!("attempt {} was ended while it was held", life.begun)))
            }
            _ => Ok(()),
        }
    }

    /// A delivery ended as expired.
    pub(crate) fn expired(&mut self, delivery: DeliveryNo, model: &Model, clock: Timestamp, now: Timestamp) -> Checked {
        if self.lives[delivery.index()].parked {
            self.see_probing(self.lives[delivery.index()].endpoint, now)?;
        }
        self.see_look(delivery, now)?;
        self.see_state(delivery, model)?;
        self.see_claim_end(delivery, clock)?;
        let deadline = self.lives[delivery.index()].deadline_at;
        if clock < deadline {
            return Err(violation("I1", delivery, format!("it expired at {clock}, its deadline is {deadline}")));
        }
        let (database, unsure) = (self.clocks.database(now), self.unsure(now, now));
        if database + SKEW_MAX + unsure < deadline {
            return Err(violation("I1", delivery, format!("it expired when the database's clock showed {database}")));
        }
        Ok(())
    }

    /// A delivery was parked, perhaps as its endpoint is crowded.
    pub(crate) fn parked(&mut self, delivery: DeliveryNo, crowded: bool, now: Timestamp) -> Checked {
        self.see_look(delivery, now)?;
        self.waits(delivery, crowded, now)
    }

    /// A delivery was parked as it was accepted.
    pub(crate) fn parked_at_once(&mut self, delivery: DeliveryNo, now: Timestamp) -> Checked {
        self.waits(delivery, false, now)
    }

    fn waits(&mut self, delivery: DeliveryNo, crowded: bool, now: Timestamp) -> Checked {
        let database = self.clocks.database(now);
        let life = &mut self.lives[delivery.index()];
        let endpoint = &self.endpoints[life.endpoint.index()];
        let takes = !endpoint.paused && !endpoint.health.fails;
        if takes && !crowded {
            return Err(violation("I9", delivery, "it was parked although its endpoint is open"));
        }
        life.expect_by = if takes { database } else { life.deadline_at };
        (life.parked, life.parked_at, life.held_until, life.handed_out_at) = (true, now, None, None);
        let endpoint = life.endpoint;
        self.endpoints[endpoint.index()].health.waits(delivery, now);
        self.see_probing(endpoint, now)
    }

    /// An endpoint was paused or resumed: then what was parked for it must soon be looked at.
    pub(crate) fn paused(&mut self, endpoint: EndpointNo, paused: bool, now: Timestamp) {
        let seen = &mut self.endpoints[endpoint.index()];
        (seen.paused_at, seen.changed_at) = (Some(now), Some(now));
        if seen.paused != paused {
            seen.paused = paused;
            seen.health.paused(now);
            self.changed(endpoint, now);
        }
    }
}
