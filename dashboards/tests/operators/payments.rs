//! Merchants with deliveries in every state, as workers would have left them.

use crate::house::{GRACE, House, text};
use anyhow::Context;
use paybell_delivery::{Attempt, Decision, DeliveryId, Job, LIFETIME_MAX, Outcome, Reason};
use paybell_store::engine::{AcceptTerms, RecordAttempt};
use serde_json::{Value, json};
use std::time::Duration;

const VISIBILITY: Duration = Duration::from_secs(60);

/// What a merchant answered.
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) status: u16,
    pub(crate) detail: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn new(outcome: Outcome, status: u16) -> Self {
        let (detail, head) = (format!("{status} by a rule"), "content-length: 4\n".to_owned());
        Self { outcome, status, detail, head, body: "busy".to_owned() }
    }
}

impl House {
    /// A merchant with an endpoint, whose id it answers.
    pub(crate) async fn merchant(&self, id: &str, name: &str) -> anyhow::Result<String> {
        self.api("POST", "/v1/merchants", &json!({ "id": id, "name": name })).await?;
        let endpoint = json!({ "merchant": id, "url": format!("https://{id}.example/bell") });
        text(&self.api("POST", "/v1/endpoints", &endpoint).await?, "/id")
    }

    /// A payment's delivery, which waits for its first attempt. `fields` are added to the payment.
    pub(crate) async fn pay(&self, merchant: &str, id: &str, fields: Value) -> anyhow::Result<String> {
        let mut payment = json!({
            "merchant": merchant, "id": id, "pay_for": format!("order {id}"), "amount": 1050, "currency": "EUR",
            "confirmed_at": "2026-01-15T09:30:00Z",
        });
        for (name, value) in fields.as_object().into_iter().flatten() {
            payment[name] = value.clone();
        }
        text(&self.api("POST", "/v1/payments", &payment).await?, "/deliveries/0/id")
    }

    /// The first attempt of a delivery, as a worker would make it.
    pub(crate) async fn attempt(&self, delivery: &str, answer: Answer, decision: Decision) -> anyhow::Result<()> {
        let (id, now): (DeliveryId, _) = (delivery.parse()?, self.clock.now());
        let view = self.ledger.delivery(id, now).await?.context("no such delivery")?;
        let endpoint_id = view.delivery.endpoint_id;
        let job = Job { delivery_id: id, endpoint_id, attempts: view.delivery.attempts, concurrency_max: 10 };
        self.ledger.claim(&[job], now, VISIBILITY).await?;
        let attempt = Attempt {
            delivery_id: id,
            number: view.delivery.attempts + 1,
            started_at: now,
            duration: Some(Duration::from_millis(12)),
            outcome: answer.outcome,
            detail: answer.detail,
            status: Some(answer.status),
            response_head: Some(answer.head),
            response_body: Some(answer.body.into_bytes()),
        };
        self.ledger.record(&[RecordAttempt { attempt, decision, now }]).await?;
        Ok(())
    }

    /// A delivery that the merchant refused.
    pub(crate) async fn refused(&self, merchant: &str, id: &str) -> anyhow::Result<String> {
        let delivery = self.pay(merchant, id, json!({})).await?;
        let decision = Decision::Undelivered(Reason::Refused);
        self.attempt(&delivery, Answer::new(Outcome::Refused, 410), decision).await?;
        Ok(delivery)
    }

    /// A delivery that was acknowledged.
    pub(crate) async fn delivered(&self, merchant: &str, id: &str) -> anyhow::Result<String> {
        let delivery = self.pay(merchant, id, json!({})).await?;
        self.attempt(&delivery, Answer::new(Outcome::Acknowledged, 200), Decision::Delivered).await?;
        Ok(delivery)
    }

    /// A delivery that waits for its second attempt in an hour.
    pub(crate) async fn retried(&self, merchant: &str, id: &str) -> anyhow::Result<String> {
        let delivery = self.pay(merchant, id, json!({})).await?;
        let decision = Decision::RetryAt(self.clock.now() + Duration::from_secs(3_600));
        self.attempt(&delivery, Answer::new(Outcome::WrongStatus, 503), decision).await?;
        Ok(delivery)
    }

    /// The state of a delivery, as the API says it.
    pub(crate) async fn state_of(&self, delivery: &str) -> anyhow::Result<String> {
        text(&self.api("GET", &format!("/v1/deliveries/{delivery}"), &Value::Null).await?, "/state")
    }

    /// Goes on with bulk acts until all are done, as the dispatcher does.
    pub(crate) async fn finish_bulk_acts(&self) -> anyhow::Result<()> {
        let terms = AcceptTerms { now: self.clock.now(), grace: GRACE, lifetime: LIFETIME_MAX };
        while self.ledger.step_bulk_act(&terms, 100).await?.is_some() {}
        Ok(())
    }
}
