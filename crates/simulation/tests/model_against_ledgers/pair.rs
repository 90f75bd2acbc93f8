//! The model and a real ledger side by side, with what each calls the same thing.

use crate::act::{Act, VISIBILITY};
use anyhow::{Context, Result, ensure};
use paybell_delivery::{
    DeliveryId, EndpointId, EndpointOptions, LIFETIME_MAX, MerchantId, Money, Payment, PaymentId, State, Timestamp,
};
use paybell_simulation::model::{Claimed, DeliveryNo, EndpointNo, Job, MerchantNo, Model, Order};
use paybell_simulation::{Bug, Dice};
use paybell_store::engine::AcceptTerms;
use paybell_store::manage::{Actor, NewEndpoint, Secret};
use paybell_store::{Ledger, StoreError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const BEGIN: Timestamp = Timestamp(1_795_253_400_000_000);
pub(crate) const GRACE: Duration = Duration::from_secs(30);
const CONCURRENCY_MAX: u32 = 8;

pub(crate) struct Pair {
    pub(crate) model: Model,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) dice: Dice,
    pub(crate) now: Timestamp,
    pub(crate) story: Vec<String>,
    /// Jobs that were handed out, and claims that were won, the newest last.
    pub(crate) jobs: Vec<Job>,
    pub(crate) claims: Vec<(DeliveryNo, Claimed)>,
    pub(crate) endpoints: Vec<EndpointId>,
    pub(crate) deliveries: Vec<DeliveryId>,
    pub(crate) numbers: HashMap<DeliveryId, DeliveryNo>,
    pub(crate) payments: Vec<PaymentId>,
    /// By the model's numbers.
    pub(crate) bulks: Vec<Uuid>,
    pub(crate) seed: u64,
}

pub(crate) fn actor(now: Timestamp) -> Actor {
    Actor { name: "olga".to_owned(), now }
}

impl Pair {
    /// Merchants of their own: one with two endpoints, one with one, one with none.
    pub(crate) async fn new(ledger: Arc<dyn Ledger>, seed: u64, bug: Option<Bug>) -> Result<Self> {
        let mut pair = Self {
            model: Model::new(bug),
            ledger,
            dice: Dice(seed),
            now: BEGIN,
            story: Vec::new(),
            jobs: Vec::new(),
            claims: Vec::new(),
            endpoints: Vec::new(),
            deliveries: Vec::new(),
            numbers: HashMap::new(),
            payments: Vec::new(),
            bulks: Vec::new(),
            seed,
        };
        for lifetimes in [vec![None, Some(Duration::from_secs(100))], vec![Some(Duration::from_secs(20))], vec![]] {
            let merchant = pair.model.create_merchant();
            let id = pair.merchant_id(merchant);
            pair.ledger.create_merchant(&id, "A shop", &actor(BEGIN)).await?;
            for lifetime in lifetimes {
                pair.model.create_endpoint(merchant, lifetime, CONCURRENCY_MAX);
                let endpoint = pair.create_endpoint(id.clone(), lifetime).await?;
                pair.endpoints.push(endpoint);
            }
        }
        Ok(pair)
    }

    async fn create_endpoint(&self, merchant_id: MerchantId, lifetime: Option<Duration>) -> Result<EndpointId> {
        let new = NewEndpoint {
            id: EndpointId(Uuid::now_v7()),
            merchant_id,
            url: "https://shop.example/notify".to_owned(),
            check_url: None,
            dialect: "standard".to_owned(),
            parameters: [].into(),
            options: EndpointOptions::default(),
            concurrency_max: CONCURRENCY_MAX,
            time_limit: None,
            lifetime,
        };
        let secret = Secret { value: "whsec_first".into(), created_at: BEGIN, ends_at: None };
        Ok(self.ledger.create_endpoint(&new, &secret, &actor(BEGIN)).await?.id)
    }

    pub(crate) fn merchant_id(&self, merchant: MerchantNo) -> MerchantId {
        MerchantId::new(format!("shop-{}-{merchant}", self.seed)).expect("valid")
    }

    fn payment(&self, order: &Order, now: Timestamp) -> Payment {
        Payment {
            id: PaymentId(Uuid::now_v7()),
            merchant_id: self.merchant_id(order.merchant),
            gateway_payment_id: order.gateway_payment_id.to_string(),
            kind: "payment.confirmed".to_owned(),
            pay_for: None,
            amount: Money { amount_minor: 100 + i64::from(order.content), currency: "EUR".parse().expect("valid") },
            balance: None,
            method: None,
            description: None,
            payer_email: None,
            payer_phone: None,
            data: None,
            confirmed_at: BEGIN,
            accepted_at: now,
            test: false,
        }
    }

    /// Runs an act on both and compares what they answer, then what they show of the deliveries that were touched.
    pub(crate) async fn run(&mut self, act: Act) -> Result<()> {
        let touched = match act {
            Act::Accept(orders, now) => {
                let payments: Vec<Payment> = orders.iter().map(|order| self.payment(order, now)).collect();
                let terms = AcceptTerms { now, grace: GRACE, lifetime: LIFETIME_MAX };
                let real = self.ledger.accept(&payments, &terms).await?;
                let model = orders.iter().map(|o| self.model.accept(o, now, GRACE, LIFETIME_MAX)).collect();
                self.compare_accepted(model, real)?
            }
            Act::Claim(jobs, now) => {
                let real = self.ledger.claim(&self.real_jobs(&jobs), now, VISIBILITY).await?;
                let model = jobs.iter().map(|job| self.model.claim(*job, now, VISIBILITY)).collect();
                self.compare_claims(&jobs, model, &real)?;
                jobs.iter().map(|job| job.delivery).collect()
            }
            Act::Record(records) => {
                let real = self.ledger.record(&self.real_records(&records)).await?;
                let model: Vec<_> = records.iter().map(|record| self.model.record(record)).collect();
                ensure!(format!("{model:?}") == format!("{real:?}"), "model {model:?}, ledger {real:?}");
                records.iter().map(|record| record.delivery).collect()
            }
            Act::Dispatch(now, limit, crowded) => {
                let real_crowded = self.real_endpoints(&crowded);
                let real = self.ledger.dispatch_due(now, VISIBILITY, limit as u32, &real_crowded).await?;
                let model = self.model.dispatch_due(now, VISIBILITY, limit, &crowded);
                self.compare_dispatched(&model, &real, now)?;
                let jobs = model.jobs.iter().map(|job| job.delivery);
                jobs.chain(model.expired.iter().copied()).chain(model.parked.iter().copied()).collect()
            }
            Act::Release(now, limit, crowded) => self.release(now, limit, &crowded).await?,
            Act::Probe(now) => self.probe(now).await?,
            Act::MarkFailing(endpoint, since, now) => self.mark_failing(endpoint, since, now).await?,
            Act::Reopen(endpoint, now) => self.reopen(endpoint, now).await?,
            Act::Postpone(endpoint, delivery, next_at) => {
                let (id, real) = (self.endpoints[endpoint.index()], self.deliveries[delivery.index()]);
                self.ledger.postpone_probe(id, real, next_at).await?;
                self.model.postpone_probe(endpoint, delivery, next_at);
                vec![]
            }
            Act::Settle(delivery, now) => {
                let real = self.ledger.settle(self.deliveries[delivery.index()], "olga", "paid", &actor(now)).await;
                let model = self.model.settle(delivery, now);
                let same = match &real {
                    Ok(()) => model,
                    Err(StoreError::Refused(_)) => !model,
                    Err(_) => false,
                };
                ensure!(same, "model {model}, ledger {real:?}");
                vec![delivery]
            }
            Act::Resend(delivery, now) => self.resend(delivery, now).await?,
            Act::Bulk(merchant, now) => self.resend_in_bulk(merchant, now).await?,
            Act::Pause(endpoint, paused, now) => self.pause(endpoint, paused, now).await?,
        };
        for delivery in touched {
            self.compare_delivery(delivery).await?;
        }
        self.compare_endpoints().await
    }

    async fn pause(&mut self, endpoint: EndpointNo, paused: Option<bool>, now: Timestamp) -> Result<Vec<DeliveryNo>> {
        let id = self.endpoints[endpoint.index()];
        let real = match paused {
            Some(paused) => self.ledger.pause_endpoint(id, paused, &actor(now)).await.map(drop),
            None => self.ledger.delete_endpoint(id, &actor(now)).await,
        };
        match real {
            Ok(()) => match paused {
                Some(paused) => self.model.pause_endpoint(endpoint, paused, now),
                None => self.model.delete_endpoint(endpoint),
            },
            // A deleted endpoint is not found again.
            Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Vec::new())
    }

    /// Everything is compared once more. What is pending is settled and the endpoints are deleted, so that they are in no
    /// other history's way.
    pub(crate) async fn end(&mut self) -> Result<()> {
        for n in 0..self.deliveries.len() {
            let delivery = DeliveryNo(u32::try_from(n).context("few")?);
            self.compare_delivery(delivery).await?;
            if self.model.delivery(delivery).state == State::Pending {
                self.ledger.settle(self.deliveries[n], "olga", "the end", &actor(self.now)).await?;
            }
        }
        for merchant in 0..3 {
            self.ledger.delete_merchant(&self.merchant_id(MerchantNo(merchant)), &actor(self.now)).await?;
        }
        Ok(())
    }
}
