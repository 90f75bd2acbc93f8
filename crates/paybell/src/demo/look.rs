//! What the API shows of all deliveries.

use super::client::Client;
use anyhow::{Context, Result};
use paybell_delivery::Timestamp;
use serde::Deserialize;
use std::collections::HashMap;

/// A delivery as `GET /v1/deliveries` shows it.
#[derive(Deserialize, Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) payment_id: String,
    pub(crate) merchant: String,
    pub(crate) state: String,
    #[serde(rename = "attempts_made")]
    pub(crate) attempts: u32,
    due_at: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Shown>,
    next_cursor: Option<String>,
}

/// All deliveries, by payment. Each payment of the demo has one.
#[derive(Default)]
pub(crate) struct Deliveries(HashMap<String, Shown>);

impl Deliveries {
    /// How many are pending.
    pub(crate) fn pending(&self) -> usize {
        self.0.values().filter(|shown| shown.state == "pending").count()
    }

    /// The delivery of a payment.
    pub(crate) fn of_payment(&self, payment_id: &str) -> Option<&Shown> {
        self.0.get(payment_id)
    }

    /// Those of a merchant.
    pub(crate) fn of_merchant<'a>(&'a self, merchant: &'a str) -> impl Iterator<Item = &'a Shown> {
        self.0.values().filter(move |shown| shown.merchant == merchant)
    }

    /// Adds a delivery.
    pub(crate) fn add(&mut self, shown: Shown) {
        self.0.insert(shown.payment_id.clone(), shown);
    }
}

impl Shown {
    /// When it is looked at again.
    pub(crate) fn due_at(&self) -> Option<Timestamp> {
        self.due_at.as_deref().and_then(Timestamp::from_rfc3339)
    }

    /// One for tests.
    #[cfg(test)]
    pub(crate) fn new(payment_id: &str, merchant: &str, state: &str, attempts: u32) -> Self {
        let text = str::to_owned;
        Self { payment_id: text(payment_id), merchant: text(merchant), state: text(state), attempts, due_at: None }
    }
}

/// Reads all pages.
///
/// # Errors
/// When the API does not answer.
pub(crate) async fn look(client: &Client) -> Result<Deliveries> {
    let mut all = Deliveries::default();
    let mut cursor: Option<String> = None;
    loop {
        let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let answer = client.get(&format!("/v1/deliveries?limit=1000{after}")).await?;
        let body = answer.expect_success("listing the deliveries")?;
        let page: Page = serde_json::from_slice(&body).context("the API's list of deliveries")?;
        page.items.into_iter().for_each(|shown| all.add(shown));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(all);
        }
    }
}
