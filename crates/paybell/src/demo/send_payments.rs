//! Sends the payments through the API and remembers which were accepted.

use super::client::Client;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinSet;

/// How many payments are sent at once.
const SENDERS: u32 = 16;
/// How often a payment is sent again when the API is not available; it is idempotent.
const TRIES: u32 = 5;

/// What the sender saw the API accept (2xx).
#[derive(Default)]
pub(crate) struct Sent {
    accepted: Mutex<HashMap<&'static str, Vec<String>>>,
    next: AtomicU32,
    complete: AtomicBool,
}

impl Sent {
    /// Whether all payments were answered.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Acquire)
    }

    /// How many payments were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.lock().values().map(Vec::len).sum()
    }

    /// The payments of a merchant that were accepted.
    pub(crate) fn accepted_of(&self, merchant: &str) -> Vec<String> {
        self.lock().get(merchant).cloned().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<&'static str, Vec<String>>> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends `count` payments, to each merchant in turn.
///
/// # Errors
/// When the API refuses one.
pub(crate) async fn send_payments(
    client: Arc<Client>,
    merchants: Vec<&'static str>,
    count: u32,
    sent: Arc<Sent>,
) -> Result<()> {
    let merchants = Arc::new(merchants);
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS.min(count) {
        senders.spawn(send_until(client.clone(), merchants.clone(), count, sent.clone()));
    }
    while let Some(ended) = senders.join_next().await {
        ended.context("a sender failed")??;
    }
    sent.complete.store(true, Ordering::Release);
    Ok(())
}

async fn send_until(client: Arc<Client>, merchants: Arc<Vec<&'static str>>, count: u32, sent: Arc<Sent>) -> Result<()> {
    loop {
        let number = sent.next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return Ok(());
        }
        let merchant = merchants[number as usize % merchants.len()];
        let payment_id = send(&client, merchant, number).await?;
        sent.lock().entry(merchant).or_default().push(payment_id);
    }
}

#[derive(Deserialize)]
struct Accepted {
    payment_id: String,
}

async fn send(client: &Client, merchant: &str, number: u32) -> Result<String> {
    let payment = json!({
        "merchant": merchant,
        "id": format!("demo-{number}"),
        "pay_for": format!("order-{number}"),
        "amount": 990 + i64::from(number),
        "currency": "EUR",
        "confirmed_at": "2026-01-15T10:00:00Z",
        "description": "A payment of the demo",
    });
    for _ in 1..TRIES {
        let answer = client.post("/v1/payments", &payment).await;
        if let Ok(answer) = answer
            && answer.status != 503
        {
            let body = answer.expect_success("sending a payment")?;
            let accepted: Accepted = serde_json::from_slice(&body).context("the API's answer to a payment")?;
            return Ok(accepted.payment_id);
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    bail!("the API did not accept payment {number} in {TRIES} tries")
}
