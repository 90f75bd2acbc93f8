//! Gateways, and the intake that they talk to.

use super::{Event, GRACE, World};
use crate::invariants::Violation;
use crate::model::{Accepted, DeliveryNo, MerchantNo, Order};
use crate::plan::{Fault, Step};
use paybell_delivery::LIFETIME_MAX;
use std::time::Duration;

const AGAIN_MAX: Duration = Duration::from_secs(600);

impl World<'_> {
    /// A payment is sent until it is accepted.
    pub(super) fn pay(&mut self, payment: usize, tries: u32) -> Result<(), Violation> {
        let planned = self.plan.payments[payment];
        let again = Event::Pay { payment, tries: tries + 1 };
        let pause = Duration::from_secs(1 << tries.min(10)).min(AGAIN_MAX);
        let dies = self.strike(|fault| matches!(fault, Fault::IntakeDies(id, _) if *id == planned.id));
        let dies = dies.and_then(|fault| if let Fault::IntakeDies(_, step) = fault { Some(*step) } else { None });
        if self.is_database_down() {
            self.after(pause, again);
            return Ok(());
        }
        if dies == Some(Step::Before) {
            self.tell(|| format!("the intake dies before it accepts payment {}", planned.id));
            self.after(pause, again);
            return Ok(());
        }
        let accepted = self.accept(payment, 0);
        self.checker.sent(planned.id, &accepted, &self.model)?;
        self.tell(|| match &accepted {
            Accepted::New { jobs, .. } => {
                let told: Vec<String> =
                    jobs.iter().map(|(e, job)| format!("{} to endpoint {e}", job.delivery)).collect();
                format!("payment {} is accepted: delivery {}", planned.id, told.join(", "))
            }
            other => format!("payment {} is sent again: {other:?}", planned.id),
        });
        if let Accepted::New { jobs, .. } = &accepted {
            jobs.iter().try_for_each(|(_, job)| self.see_parked(job.delivery))?;
        }
        if dies == Some(Step::Amid) {
            self.tell(|| "the intake dies before it replies".to_owned());
            self.after(pause, again);
            return Ok(());
        }
        self.checker.told(planned.id);
        if dies == Some(Step::After) {
            self.tell(|| "the intake dies before it queues".to_owned());
        } else if let Accepted::New { jobs, .. } = &accepted {
            let jobs = jobs.iter().filter(|(_, job)| !self.model.delivery(job.delivery).is_parked());
            jobs.map(|(_, job)| *job).collect::<Vec<_>>().into_iter().for_each(|job| self.push(job, None));
        }
        if let Some((at, _)) = planned.again {
            self.at(at, Event::PayAgain { payment });
        }
        Ok(())
    }

    fn see_parked(&mut self, delivery: DeliveryNo) -> Result<(), Violation> {
        if !self.model.delivery(delivery).is_parked() {
            return Ok(());
        }
        self.tell(|| format!("delivery {delivery} is parked at once"));
        self.checker.parked_at_once(delivery, self.now)
    }

    /// A payment that was accepted is sent once more, with the same or other content.
    pub(super) fn pay_again(&mut self, payment: usize) -> Result<(), Violation> {
        let planned = self.plan.payments[payment];
        if self.is_database_down() {
            self.after(AGAIN_MAX, Event::PayAgain { payment });
            return Ok(());
        }
        let same = planned.again.is_some_and(|(_, same)| same);
        let accepted = self.accept(payment, u32::from(!same));
        self.tell(|| format!("payment {} is sent again: {accepted:?}", planned.id));
        self.checker.sent_again(planned.id, &accepted, same)
    }

    fn accept(&mut self, payment: usize, content: u32) -> Accepted {
        let planned = self.plan.payments[payment];
        let order = Order { merchant: MerchantNo(planned.merchant), gateway_payment_id: planned.id, content };
        let now = self.worker_clock(payment % self.plan.workers.len());
        let accepted = self.model.accept(&order, now, GRACE, LIFETIME_MAX);
        if let Accepted::New { jobs, .. } = &accepted {
            self.tally.lives += jobs.len() as u64;
            jobs.iter().for_each(|(_, job)| self.note(1, job.delivery, 0));
        }
        accepted
    }
}
