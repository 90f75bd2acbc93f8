//! Resends, one by one and in bulk, on both sides.

use crate::pair::{GRACE, Pair, actor};
use anyhow::{Context, Result, bail, ensure};
use paybell_delivery::{DeliveryId, LIFETIME_MAX, Timestamp};
use paybell_simulation::model::{BulkNo, DeliveryNo, MerchantNo, Resent};
use paybell_store::StoreError;
use paybell_store::engine::AcceptTerms;
use paybell_store::manage::{BulkKind, DeliveryFilter, NewDelivery, PageRequest};
use uuid::Uuid;

/// More than a history has deliveries.
const ALL: u32 = 1_000;

impl Pair {
    pub(crate) async fn resend(&mut self, delivery: DeliveryNo, now: Timestamp) -> Result<Vec<DeliveryNo>> {
        let new = NewDelivery { id: DeliveryId(Uuid::now_v7()), lifetime: LIFETIME_MAX, grace: GRACE };
        let real = self.ledger.resend(self.deliveries[delivery.index()], &new, &actor(now)).await;
        match (self.model.resend(delivery, now, GRACE, LIFETIME_MAX), real) {
            (Resent::As(endpoint, job), Ok(real)) => {
                let same = (real.delivery_id, real.attempts) == (new.id, 0)
                    && real.endpoint_id == self.endpoints[endpoint.index()];
                ensure!(same, "model {job:?}, ledger {real:?}");
                self.take_note(job.delivery, new.id)?;
                self.jobs.push(job);
                Ok(vec![delivery, job.delivery])
            }
            (Resent::Refused, Err(StoreError::Refused(_))) => Ok(vec![delivery]),
            (model, real) => bail!("model {model:?}, ledger {real:?}"),
        }
    }

    /// What the ledger calls a delivery.
    fn take_note(&mut self, delivery: DeliveryNo, id: DeliveryId) -> Result<()> {
        ensure!(delivery.index() == self.deliveries.len(), "delivery {delivery} is {id}");
        self.deliveries.push(id);
        self.numbers.insert(id, delivery);
        Ok(())
    }

    pub(crate) async fn resend_in_bulk(&mut self, merchant: MerchantNo, now: Timestamp) -> Result<Vec<DeliveryNo>> {
        let id = Uuid::now_v7();
        let filter = DeliveryFilter { merchant_id: Some(self.merchant_id(merchant)), ..DeliveryFilter::default() };
        let real = self.ledger.create_bulk_act(id, &BulkKind::Resend, &filter, &actor(now)).await?;
        let bulk = self.model.create_bulk_resend(merchant);
        let total = self.model.bulk_resend(bulk).total;
        ensure!(real.total == total, "model {total}, ledger {real:?}");
        self.bulks.push(id);
        self.step_bulk(now).await
    }

    async fn step_bulk(&mut self, now: Timestamp) -> Result<Vec<DeliveryNo>> {
        let terms = AcceptTerms { now, grace: GRACE, lifetime: LIFETIME_MAX };
        let real = self.ledger.step_bulk_act(&terms, ALL).await?;
        let model = self.model.step_bulk_resend(now, LIFETIME_MAX, ALL as usize);
        let (Some((bulk, made)), Some(real)) = (&model, &real) else {
            ensure!(model.is_none() && real.is_none(), "model {model:?}, ledger {real:?}");
            return Ok(Vec::new());
        };
        let BulkNo(number) = *bulk;
        let is = self.model.bulk_resend(*bulk);
        let same = real.id == self.bulks[number]
            && (real.done, real.skipped) == (is.resent, is.skipped)
            && real.finished_at.is_some() == is.finished;
        ensure!(same, "model {is:?}, ledger {real:?}");
        self.find_made(made, is.merchant).await?;
        Ok(made.clone())
    }

    /// Finds what a bulk resend made: its ids are the ledger's.
    async fn find_made(&mut self, made: &[DeliveryNo], merchant: MerchantNo) -> Result<()> {
        let filter = DeliveryFilter { merchant_id: Some(self.merchant_id(merchant)), ..DeliveryFilter::default() };
        let page = self.ledger.deliveries(&filter, &PageRequest { limit: ALL, after: None }).await?;
        for &delivery in made {
            let repeated = self.model.delivery(delivery).resend_of.context("it repeats one")?;
            let repeated = self.deliveries[repeated.index()];
            let news = page.items.iter().map(|row| &row.delivery);
            let mut news = news.filter(|row| row.resend_of == Some(repeated) && !self.numbers.contains_key(&row.id));
            let id = news.next().with_context(|| format!("{repeated} was not resent"))?.id;
            ensure!(news.next().is_none(), "{repeated} was resent twice");
            self.take_note(delivery, id)?;
        }
        Ok(())
    }
}
