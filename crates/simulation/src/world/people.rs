//! People: they pause and resume endpoints, and settle deliveries.

use super::{Event, World};
use crate::invariants::Violation;
use crate::model::EndpointNo;
use std::time::Duration;

/// After how long somebody tries again while the database is down.
const AGAIN: Duration = Duration::from_secs(600);

impl World<'_> {
    pub(super) fn pause(&mut self, endpoint: EndpointNo, paused: bool) -> Result<(), Violation> {
        if self.is_database_down() {
            self.after(AGAIN, Event::Pause { endpoint, paused });
            return Ok(());
        }
        self.tell(|| format!("endpoint {endpoint} is {}", if paused { "paused" } else { "resumed" }));
        self.model.pause_endpoint(endpoint, paused);
        self.checker.paused(endpoint, paused, self.now);
        Ok(())
    }

    pub(super) fn settle(&mut self, payment: usize) -> Result<(), Violation> {
        if self.is_database_down() {
            self.after(AGAIN, Event::Settle { payment });
            return Ok(());
        }
        for delivery in self.checker.deliveries_of(self.plan.payments[payment].id) {
            if self.model.settle(delivery, self.now) {
                self.note(6, delivery, 0);
                self.tell(|| format!("somebody settles delivery {delivery}"));
                self.checker.settled(delivery, &self.model, self.now)?;
            }
        }
        Ok(())
    }
}
