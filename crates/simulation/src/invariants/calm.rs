//! When nothing is wrong: only then can one ask that nothing waits.

use super::Checker;
use crate::model::EndpointNo;
use crate::plan::Span;
use paybell_delivery::Timestamp;
use std::time::Duration;

impl Checker {
    /// Something is wrong for a while.
    pub(crate) fn disturbed(&mut self, from: Timestamp, until: Timestamp) {
        self.disturbed.push(Span { from, until });
    }

    /// Since when nothing was wrong at an endpoint, as of `now`; `from` when nothing was since then.
    pub(super) fn calm_since(&self, endpoint: EndpointNo, from: Timestamp, now: Timestamp) -> Timestamp {
        let spans = self.disturbed.iter().filter(|span| span.until >= from && span.from <= now);
        let wrong_until = spans.map(|span| span.until).max();
        let crowded_until = self.endpoints[endpoint.index()].places.crowded_until(now);
        from.max(wrong_until.unwrap_or(from)).max(crowded_until.unwrap_or(from)).min(now)
    }

    /// By how much clocks may have disagreed at some moment of a time, as the database's was set.
    pub(super) fn unsure(&self, from: Timestamp, until: Timestamp) -> Duration {
        let sets = self.clocks.unsure.iter().filter(|set| set.span.until >= from && set.span.from <= until);
        sets.map(|set| set.size).sum()
    }
}
