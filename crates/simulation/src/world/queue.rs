//! The queue, which may lose, repeat, reorder and keep anything.

use super::{Event, World};
use crate::model::Job;
use crate::plan::Fault;
use std::time::Duration;

impl World<'_> {
    /// A job is pushed; it arrives soon, if nothing goes wrong. One that waits already is not added again.
    pub(super) fn push(&mut self, job: Job) {
        if self.waiting.contains(&job) {
            return;
        }
        let mut dice = self.dice_of(2, job.delivery, job.attempts).of(&[self.now.0 as u64]);
        let mut delay = dice.between(Duration::from_micros(500), Duration::from_millis(20));
        let mut kept = None;
        let plan = self.plan;
        for fault in &plan.faults {
            match fault {
                Fault::QueueLoses(span, percent) if span.has(self.now) && dice.chance(*percent) => {
                    self.tally.faults += 1;
                    self.tell(|| format!("the queue loses the job of delivery {}", job.delivery));
                    return;
                }
                Fault::QueueRepeats(span, percent, most) if span.has(self.now) && dice.chance(*percent) => {
                    kept = Some(dice.between(Duration::ZERO, *most));
                }
                Fault::QueueDelays(span, most) if span.has(self.now) => {
                    self.tally.faults += 1;
                    delay += dice.between(Duration::ZERO, *most);
                }
                _ => {}
            }
        }
        if let Some(after) = kept {
            // What the queue kept from long ago survives even a flush, as in an old copy that is restored.
            self.tally.faults += 1;
            self.after(after, Event::Arrive { job, epoch: None });
        }
        self.waiting.insert(job);
        self.after(delay, Event::Arrive { job, epoch: Some(self.epoch) });
    }
}
