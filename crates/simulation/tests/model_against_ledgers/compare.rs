//! Whether the model and a ledger answer and show the same.

use crate::pair::Pair;
use anyhow::{Context, Result, bail, ensure};
use paybell_delivery::{Attempt, Failing, Outcome, State, Timestamp};
use paybell_simulation::model::{Accepted, Claimed, DeliveryNo, Dispatched, EndpointNo, Job, Record};
use paybell_store::engine::{self, Claim, RecordAttempt};
use std::collections::BTreeSet;
use std::time::Duration;

impl Pair {
    /// Takes note of what the ledger calls the new deliveries, too.
    pub(crate) fn compare_accepted(
        &mut self,
        model: Vec<Accepted>,
        real: Vec<engine::Accepted>,
    ) -> Result<Vec<DeliveryNo>> {
        ensure!(model.len() == real.len(), "model {model:?}, ledger {real:?}");
        let mut touched = Vec::new();
        for (model, real) in model.into_iter().zip(real) {
            match (&model, &real) {
                (Accepted::New { jobs, .. }, engine::Accepted::New { payment_id, jobs: real_jobs, .. }) => {
                    ensure!(jobs.len() == real_jobs.len(), "model {model:?}, ledger {real:?}");
                    self.payments.push(*payment_id);
                    for (endpoint, job) in jobs {
                        let id = self.endpoints[endpoint.index()];
                        let real = real_jobs.iter().find(|job| job.endpoint_id == id).context("a job is missing")?;
                        ensure!(real.attempts == 0, "{real:?}");
                        self.deliveries.push(real.delivery_id);
                        self.numbers.insert(real.delivery_id, job.delivery);
                        self.jobs.push(*job);
                        touched.push(job.delivery);
                    }
                }
                (Accepted::Same(payment), engine::Accepted::Same { payment_id, delivery_ids, .. }) => {
                    ensure!(self.payments[payment.index()] == *payment_id, "model {model:?}, ledger {real:?}");
                    let of_payment =
                        self.model.deliveries().filter(|(_, row)| row.payment == *payment && row.resend_of.is_none());
                    let found: BTreeSet<_> = delivery_ids.iter().map(|(id, _)| self.numbers[id]).collect();
                    ensure!(found == of_payment.map(|(delivery, _)| delivery).collect(), "{found:?}");
                }
                (Accepted::Differs(payment), engine::Accepted::Differs { payment_id, fields }) => {
                    let same = self.payments[payment.index()] == *payment_id && *fields == ["amount"];
                    ensure!(same, "model {model:?}, ledger {real:?}");
                }
                (Accepted::UnknownMerchant, engine::Accepted::UnknownMerchant) => {}
                _ => bail!("model {model:?}, ledger {real:?}"),
            }
        }
        Ok(touched)
    }

    pub(crate) fn compare_claims(&mut self, jobs: &[Job], model: Vec<Option<Claimed>>, real: &[Claim]) -> Result<()> {
        ensure!(model.len() == real.len(), "model {model:?}, ledger {real:?}");
        for ((job, model), real) in jobs.iter().zip(model).zip(real) {
            match (model, real) {
                (None, Claim::Lost) => {}
                (Some(model), Claim::Won(real)) => {
                    let same = real.delivery_id == self.deliveries[job.delivery.index()]
                        && real.endpoint_id == self.endpoints[model.endpoint.index()]
                        && real.payment.id == self.payments[model.payment.index()]
                        && (real.attempt, real.in_doubt) == (model.attempt, model.in_doubt)
                        && (real.created_at, real.deadline_at) == (model.created_at, model.deadline_at)
                        && real.probes == model.probes;
                    ensure!(same, "model {model:?}, ledger {real:?}");
                    self.claims.push((job.delivery, model));
                }
                (model, real) => bail!("{job:?}: model {model:?}, ledger {real:?}"),
            }
        }
        Ok(())
    }

    pub(crate) fn compare_dispatched(
        &mut self,
        model: &Dispatched,
        real: &engine::Dispatched,
        now: Timestamp,
    ) -> Result<()> {
        self.compare_jobs(&model.jobs, &real.jobs)?;
        let real_counts = (real.recovered, real.expired, real.parked, real.more);
        let counts = (model.recovered, model.expired.len() as u64, model.parked.len() as u64, model.more);
        ensure!(real_counts == counts, "model {model:?}, ledger {real:?}");
        let soon = |due_at: &Timestamp| *due_at <= now + engine::Dispatched::AHEAD;
        let next_due_at = if model.more { None } else { self.model.next_due_at(now).filter(soon) };
        ensure!(real.next_due_at == next_due_at, "model {next_due_at:?}, ledger {:?}", real.next_due_at);
        Ok(())
    }

    /// Jobs that were handed out, in any order.
    pub(crate) fn compare_jobs(&mut self, model: &[Job], real: &[paybell_delivery::Job]) -> Result<()> {
        let of_real = |job: &paybell_delivery::Job| (self.numbers[&job.delivery_id], job.attempts, job.concurrency_max);
        let real_jobs: BTreeSet<_> = real.iter().map(of_real).collect();
        let model_jobs = model.iter().map(|job| (job.delivery, job.attempts, job.concurrency_max)).collect();
        ensure!(real.len() == model.len() && real_jobs == model_jobs, "model {model:?}, ledger {real:?}");
        self.jobs.extend(model);
        Ok(())
    }

    /// Whether both show the same of an endpoint's health.
    pub(crate) async fn compare_health(&self, endpoint: EndpointNo) -> Result<()> {
        // A deleted endpoint is not found.
        let Some(real) = self.ledger.endpoint(self.endpoints[endpoint.index()]).await? else { return Ok(()) };
        let is = self.model.endpoint(endpoint);
        let failing = is.failing_since.map(|since| Failing { since, probes: is.probes, probe_at: is.probe_at });
        ensure!(real.failing == failing, "endpoint {endpoint}: model {is:?}, ledger {:?}", real.failing);
        Ok(())
    }

    /// Whether both show the same of a delivery.
    pub(crate) async fn compare_delivery(&self, delivery: DeliveryNo) -> Result<()> {
        let id = self.deliveries[delivery.index()];
        let view = self.ledger.delivery(id, self.now).await?.context("the delivery is lost")?;
        let (row, real) = (self.model.delivery(delivery), &view.delivery);
        let claimed_at = row.claim.map(|(at, _)| at);
        let same = (real.state, real.reason, real.attempts) == (row.state, row.reason, row.attempts)
            && (real.due_at, real.deadline_at) == (row.due_at, row.deadline_at)
            && (real.created_at, real.finished_at) == (row.created_at, row.finished_at)
            && real.claimed_at == claimed_at
            && real.endpoint_id == self.endpoints[row.endpoint.index()]
            && real.payment_id == self.payments[row.payment.index()]
            && real.resend_of == row.resend_of.map(|repeated| self.deliveries[repeated.index()]);
        ensure!(same, "delivery {delivery}: model {row:?}, ledger {real:?}");
        let panics = self.ledger.panics_of(id).await?;
        ensure!(panics == self.model.panics_of(delivery), "delivery {delivery}: {panics} panics, model {row:?}");
        ensure!((row.state == State::Pending) == row.finished_at.is_none(), "{row:?}");
        self.compare_attempts(delivery, &view.attempts, view.in_flight)
    }

    fn compare_attempts(
        &self,
        delivery: DeliveryNo,
        real: &[Attempt],
        in_flight: Option<(u32, Timestamp)>,
    ) -> Result<()> {
        let row = self.model.delivery(delivery);
        let mut kept: Vec<_> = row.kept.iter().map(|kept| (kept.number, kept.started_at, kept.outcome)).collect();
        let mut flies = None;
        if let Some((since, until)) = row.claim {
            if until > self.now {
                flies = Some((row.attempts, since));
            } else {
                // A claim that ran out shows before anybody writes it down.
                kept.push((row.attempts, since, Outcome::Unknown));
            }
        }
        let shown: Vec<_> = real.iter().map(|a| (a.number, a.started_at, a.outcome)).collect();
        ensure!(shown == kept, "delivery {delivery}: model {kept:?}, ledger {shown:?}");
        ensure!(in_flight == flies, "delivery {delivery}: model {flies:?}, ledger {in_flight:?}");
        Ok(())
    }

    pub(crate) fn real_jobs(&self, jobs: &[Job]) -> Vec<paybell_delivery::Job> {
        let real = |job: &Job| paybell_delivery::Job {
            delivery_id: self.deliveries[job.delivery.index()],
            endpoint_id: self.endpoints[self.model.delivery(job.delivery).endpoint.index()],
            attempts: job.attempts,
            concurrency_max: job.concurrency_max,
        };
        jobs.iter().map(real).collect()
    }

    pub(crate) fn real_records(&self, records: &[Record]) -> Vec<RecordAttempt> {
        let real = |record: &Record| RecordAttempt {
            attempt: Attempt {
                delivery_id: self.deliveries[record.delivery.index()],
                number: record.attempt.number,
                started_at: record.attempt.started_at,
                duration: Some(Duration::from_millis(120)),
                outcome: record.attempt.outcome,
                detail: "so it was".to_owned(),
                status: None,
                response_head: None,
                response_body: None,
            },
            decision: record.decision,
            now: record.now,
        };
        records.iter().map(real).collect()
    }
}
