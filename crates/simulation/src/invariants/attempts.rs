use super::{Checked, Checker, violation};
use crate::draw_plan::SKEW_MAX;
use crate::model::{Claimed, DeliveryNo, Model, Record, Recorded};
use paybell_delivery::{Decision, Outcome, Reason, State, Timestamp};
use std::time::Duration;

/// How far two clocks may disagree.
const SKEW: Duration = SKEW_MAX.saturating_mul(2);
/// For how long what was begun before a clock was set may go on: a claim's time, and that of the one after it.
pub(super) const UNSURE_FOR: Duration = Duration::from_secs(120);

/// The schedule as the documentation words it: 10 s, × 2, at most 1 h, ± 10 %. Written anew, so that a mistake in the
/// domain's own does not hide itself.
fn delay_least(attempt: u32) -> Duration {
    let seconds = 10_u64.checked_shl(attempt - 1).filter(|_| attempt < 16).map_or(3600, |seconds| seconds.min(3600));
    Duration::from_millis(seconds * 900)
}

impl Checker {
    /// A claim was won, at `clock` by the worker's clock.
    pub(crate) fn claimed(
        &mut self,
        delivery: DeliveryNo,
        claimed: &Claimed,
        model: &Model,
        clock: Timestamp,
        now: Timestamp,
    ) -> Checked {
        self.see_look(delivery, now)?;
        self.see_probe(delivery, claimed.probes.is_some())?;
        let (database, unsure) = (self.clocks.database(now), self.unsure(now.before(UNSURE_FOR), now));
        let judged_at = self.lives[delivery.index()].judged_at;
        let clock_was_set = !self.unsure(judged_at, now).is_zero();
        let life = &mut self.lives[delivery.index()];
        let row = model.delivery(delivery);
        let number = claimed.attempt;
        let fail = |invariant, what: String| Err(violation(invariant, delivery, what));
        if life.state != State::Pending {
            return fail("I3", format!("attempt {number} begins although it is {}", life.state.as_str()));
        }
        if life.held_until.is_some_and(|until| clock + SKEW < until) {
            return fail("I3", format!("attempt {number} begins while attempt {} is held", life.begun));
        }
        if clock >= life.deadline_at || database >= life.deadline_at + SKEW_MAX + unsure {
            return fail("I2", format!("attempt {number} begins at {now}, its deadline is {}", life.deadline_at));
        }
        if number != life.begun + 1 || row.kept.len() != life.begun as usize {
            let shown = row.kept.len();
            return fail("I4", format!("attempt {number} begins after {} attempts, of which {shown} show", life.begun));
        }
        if claimed.payment != life.payment_no {
            return fail("I6", format!("attempt {number} tells of another payment"));
        }
        if let Some(at) = life.not_before.take().filter(|at| clock + SKEW < *at && !clock_was_set) {
            return fail("I10", format!("attempt {number} begins at {clock}, by the schedule not before {at}"));
        }
        let until = clock + crate::world::VISIBILITY;
        (life.begun, life.held_until, life.expect_by) = (number, Some(until), until);
        (life.handed_out_at, life.parked) = (None, false);
        self.endpoints[life.endpoint.index()].health.waits_no_more(delivery);
        Ok(())
    }

    /// A POST is made: `clocks` are its beginning, its end and the claim's end by the worker's clock; `times` its
    /// beginning and its end.
    pub(crate) fn posted(
        &mut self,
        (delivery, number): (DeliveryNo, u32),
        worker: usize,
        clocks: (Timestamp, Timestamp, Timestamp),
        times: (Timestamp, Timestamp),
    ) -> Checked {
        let unsure = self.unsure(times.0.before(UNSURE_FOR), times.0);
        let database = self.clocks.database(times.0) + times.1.since(times.0);
        let life = &mut self.lives[delivery.index()];
        let (began, ended, claimed_until) = clocks;
        let fail = |invariant, what: String| Err(violation(invariant, delivery, what));
        if began >= life.deadline_at || ended > life.deadline_at || database > life.deadline_at + SKEW_MAX + unsure {
            let deadline = life.deadline_at;
            return fail("I2", format!("attempt {number} runs from {began} to {ended}, its deadline is {deadline}"));
        }
        if began >= claimed_until {
            return fail("I3", format!("attempt {number} is sent after its claim ran out"));
        }
        if times.0 < life.exchange_until && unsure.is_zero() {
            return fail("I3", format!("attempt {number} is sent while another one is under way"));
        }
        life.exchange_until = times.1;
        life.posted.push(number);
        self.see_places(delivery, worker, times)
    }

    /// The merchant sent its acknowledgement, whole and in time.
    pub(crate) fn acknowledged(&mut self, delivery: DeliveryNo) {
        self.lives[delivery.index()].acknowledged = true;
    }

    /// An attempt ended, by the worker's clock and in true time; the merchant asked for a delay.
    pub(crate) fn judged(
        &mut self,
        delivery: DeliveryNo,
        number: u32,
        wish: Option<Duration>,
        (clock, now): (Timestamp, Timestamp),
    ) {
        let life = &mut self.lives[delivery.index()];
        (life.judged, life.judged_at) = ((number, clock, wish.unwrap_or_default()), now);
    }

    /// The worker panicked in an attempt, which is about to be recorded.
    pub(crate) fn panicked(&mut self, delivery: DeliveryNo, number: u32, model: &Model) {
        let kept = model.delivery(delivery).kept.iter();
        let before = kept.filter(|kept| kept.outcome == Outcome::Panicked && kept.number != number).count();
        let life = &mut self.lives[delivery.index()];
        life.panics = before as u32 + 1;
        let at = life.judged_at;
        self.disturbed(at, at);
    }

    /// An attempt was recorded; `clocks` are the moment and the claim's end by the worker's clock.
    pub(crate) fn recorded(
        &mut self,
        record: &Record,
        recorded: Recorded,
        model: &Model,
        clocks: (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Checked {
        let delivery = record.delivery;
        let before = self.lives[delivery.index()].state;
        let clock_was_set = !self.unsure(now.before(UNSURE_FOR), now).is_zero();
        self.see_state(delivery, model)?;
        let life = &mut self.lives[delivery.index()];
        let number = record.attempt.number;
        if !life.told.iter().any(|(told, _)| *told == number) {
            life.told.push((number, record.attempt.outcome));
        }
        let acknowledged = record.decision == Decision::Delivered;
        if recorded == Recorded::Fenced {
            let in_time = clocks.0 + SKEW < clocks.1 && !clock_was_set;
            let expired = model.delivery(delivery).reason == Some(Reason::Expired) && before == State::Undelivered;
            if acknowledged && (before == State::Pending || (expired && in_time)) {
                return Err(violation(
                    "I1",
                    delivery,
                    format!("the acknowledgement of attempt {number} was overruled"),
                ));
            }
            return Ok(());
        }
        life.held_until = None;
        life.handed_out_at = None;
        if acknowledged {
            // Whatever the ledger goes on with: for the world outside, this is its end.
            (life.state, life.expect_by) = (State::Delivered, Timestamp(i64::MAX / 2));
            if !life.acknowledged {
                return Err(violation("I11", delivery, format!("attempt {number} was taken for an acknowledgement")));
            }
        }
        let panics = if record.attempt.outcome == Outcome::Panicked { life.panics } else { 0 };
        if panics >= 3 && model.delivery(delivery).reason != Some(Reason::Panicked) {
            return Err(violation("I14", delivery, format!("it goes on after {panics} panics")));
        }
        if let Decision::RetryAt(at) = record.decision {
            life.expect_by = at.max(clocks.0);
            life.not_before = life.retry_not_before(self.endpoints[life.endpoint.index()].time_limit);
        }
        Ok(())
    }
}

impl super::Life {
    /// The earliest moment for the attempt after the one that was judged last: by the schedule and by what the merchant
    /// asked for; or the last moment before the deadline, where that comes first.
    fn retry_not_before(&self, time_limit: Duration) -> Option<Timestamp> {
        let (number, ended_at, wish) = self.judged;
        let by_schedule = ended_at + delay_least(number).max(wish);
        let lead = time_limit.max(crate::world::TIME_LIMIT).min(self.deadline_at.since(self.created_at) / 20);
        Some(by_schedule.min(self.deadline_at.before(lead)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paybell_delivery::Schedule;

    #[test]
    fn the_schedule_written_anew_is_the_documented_one() {
        for attempt in 1..200 {
            let documented = Schedule::default().delay(attempt, -1.0);
            assert!(documented.abs_diff(delay_least(attempt)) < Duration::from_millis(1), "{attempt}: {documented:?}");
        }
    }
}
