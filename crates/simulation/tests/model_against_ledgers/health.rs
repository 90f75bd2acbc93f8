//! Parking, release and probes, on both sides.

use crate::act::VISIBILITY;
use crate::pair::{Pair, actor};
use anyhow::{Result, ensure};
use paybell_delivery::{EndpointId, Timestamp};
use paybell_simulation::model::{DeliveryNo, EndpointNo};
use std::collections::BTreeSet;

impl Pair {
    pub(crate) fn real_endpoints(&self, endpoints: &[EndpointNo]) -> Vec<EndpointId> {
        endpoints.iter().map(|endpoint| self.endpoints[endpoint.index()]).collect()
    }

    /// Nothing, where the ids would choose what is released.
    pub(crate) async fn release(
        &mut self,
        now: Timestamp,
        limit: usize,
        crowded: &[EndpointNo],
    ) -> Result<Vec<DeliveryNo>> {
        if self.leaves_a_choice(limit, now) {
            return Ok(Vec::new());
        }
        let real_crowded = self.real_endpoints(crowded);
        let real = self.ledger.release_parked(now, VISIBILITY, limit as u32, &real_crowded).await?;
        let model = self.model.release_parked(now, VISIBILITY, limit, crowded);
        self.compare_jobs(&model, &real)?;
        Ok(model.iter().map(|job| job.delivery).collect())
    }

    /// Nothing, where the ids would choose the probe.
    pub(crate) async fn probe(&mut self, now: Timestamp) -> Result<Vec<DeliveryNo>> {
        if self.leaves_a_choice_of_probes(now) {
            return Ok(Vec::new());
        }
        let real = self.ledger.take_probes(now, VISIBILITY, 100).await?;
        let model = self.model.take_probes(now, VISIBILITY, 100);
        self.compare_jobs(&model, &real)?;
        Ok(model.iter().map(|job| job.delivery).collect())
    }

    /// Whether a release cuts between parked deliveries with the same deadline whose ids, which only the ledger knows, are
    /// in another order than the model's.
    fn leaves_a_choice(&self, limit: usize, now: Timestamp) -> bool {
        let limit_of =
            |endpoint| self.model.endpoint(endpoint).release_limit(now).map_or(limit, |n| limit.min(n as usize));
        let first = |mut parked: Vec<DeliveryNo>, limit| {
            parked.truncate(limit);
            parked.into_iter().collect::<BTreeSet<_>>()
        };
        self.model.resumed().any(|endpoint| {
            let (parked, limit) = (self.model.parked_for(endpoint, now), limit_of(endpoint));
            first(self.by_id(&parked), limit) != first(parked, limit)
        })
    }

    /// The same of probes.
    fn leaves_a_choice_of_probes(&self, now: Timestamp) -> bool {
        let endpoints = (0..self.endpoints.len()).map(|n| EndpointNo(n as u32));
        let to_probe = |endpoint: &EndpointNo| self.model.endpoint(*endpoint).probe_at.is_some_and(|at| at <= now);
        endpoints.filter(to_probe).any(|endpoint| {
            let (near, all) = (self.model.parked_for(endpoint, now + VISIBILITY), self.model.parked_for(endpoint, now));
            self.by_id(&near).first() != near.first() || self.by_id(&all).last() != all.last()
        })
    }

    fn by_id(&self, parked: &[DeliveryNo]) -> Vec<DeliveryNo> {
        let mut parked = parked.to_vec();
        parked.sort_by_key(|number| (self.model.delivery(*number).deadline_at, self.deliveries[number.index()].0));
        parked
    }

    pub(crate) async fn mark_failing(
        &mut self,
        endpoint: EndpointNo,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<DeliveryNo>> {
        let id = self.endpoints[endpoint.index()];
        let real = self.ledger.mark_failing(id, since, "it fails", &actor(now)).await?;
        let model = self.model.mark_failing(endpoint, since, now);
        ensure!(model == real, "model {model}, ledger {real}");
        Ok(Vec::new())
    }

    pub(crate) async fn reopen(&mut self, endpoint: EndpointNo, now: Timestamp) -> Result<Vec<DeliveryNo>> {
        let real = self.ledger.reopen(self.endpoints[endpoint.index()], &actor(now)).await?;
        let model = self.model.reopen(endpoint, now);
        ensure!(model == real, "model {model}, ledger {real}");
        Ok(Vec::new())
    }

    pub(crate) async fn compare_endpoints(&self) -> Result<()> {
        for n in 0..self.endpoints.len() {
            self.compare_health(EndpointNo(n as u32)).await?;
        }
        Ok(())
    }
}
