//! Deaths of the process and of the queue, in mid-run: nothing that was accepted is lost.

use crate::rig::{Mode, PATIENCE, Rig, in_both_modes, outcomes};
use anyhow::Result;
use paybell_testkit::{Reply, eventually};
use std::collections::HashSet;
use std::time::Duration;

in_both_modes!(
    killed_process_goes_on_where_it_was,
    terminated_process_drains_what_is_in_flight,
    second_process_is_served
);

const PAYMENTS: usize = 60;

async fn killed_process_goes_on_where_it_was(mode: Mode) -> Result<()> {
    let slow = Reply::ok().after(Duration::from_millis(150));
    let rig = Rig::start(mode, "standard", vec![Reply::new(503, ""), slow]).await?;
    let deliveries = pay_many(&rig).await?;
    rig.receiver.wait_for(PAYMENTS / 3, PATIENCE).await?;
    rig.engine.kill9();
    rig.engine.start_again().await?;
    all_are_delivered_and_shown(&rig, &deliveries).await
}

async fn terminated_process_drains_what_is_in_flight(mode: Mode) -> Result<()> {
    let slow = Reply::ok().after(Duration::from_millis(500));
    let rig = Rig::start(mode, "standard", vec![slow]).await?;
    let deliveries = pay_many(&rig).await?;
    rig.receiver.wait_for(5, PATIENCE).await?;
    let status = rig.engine.terminate()?;
    assert!(status.success(), "{status}");
    rig.engine.start_again().await?;
    for delivery in &deliveries {
        let delivery = rig.wait(delivery, "delivered").await?;
        assert_eq!(outcomes(&delivery), ["acknowledged"], "what was in flight was recorded before the end");
    }
    assert_eq!(rig.receiver.requests().len(), PAYMENTS, "and so nothing was sent twice");
    Ok(())
}

/// Embedded, a second process on the same data is refused; in production, it takes over.
async fn second_process_is_served(mode: Mode) -> Result<()> {
    let rig = Rig::start(mode, "standard", vec![Reply::ok()]).await?;
    let sibling = rig.engine.sibling().start().await;
    match mode {
        Mode::Embedded => {
            let error = sibling.err().map(|error| format!("{error:#}")).unwrap_or_default();
            assert!(error.contains("lock") || error.contains("another"), "the refusal says why: {error}");
        }
        Mode::Production => {
            let sibling = sibling?;
            rig.engine.kill9();
            let accepted = sibling.api().pay("shop", "p1", serde_json::Value::Null).await?;
            sibling.api().wait_delivery_state(&accepted.deliveries[0], "delivered", PATIENCE).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn flushed_redis_delays_and_loses_nothing() -> Result<()> {
    let slow = Reply::ok().after(Duration::from_millis(100));
    let rig = Rig::start(Mode::Production, "standard", vec![Reply::new(503, ""), slow]).await?;
    let redis = rig.redis.as_ref().ok_or_else(|| anyhow::anyhow!("production has Redis"))?;
    let deliveries = pay_many(&rig).await?;
    rig.receiver.wait_for(PAYMENTS / 4, PATIENCE).await?;
    redis.flushall()?;
    all_are_delivered_and_shown(&rig, &deliveries).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_redis_delays_and_loses_nothing() -> Result<()> {
    let rig = Rig::start(Mode::Production, "standard", vec![Reply::ok()]).await?;
    let redis = rig.redis.as_ref().ok_or_else(|| anyhow::anyhow!("production has Redis"))?;
    redis.kill9();
    let deliveries = pay_many(&rig).await?;
    redis.start_again()?;
    all_are_delivered_and_shown(&rig, &deliveries).await
}

pub(crate) async fn pay_many(rig: &Rig) -> Result<Vec<String>> {
    let mut deliveries = Vec::new();
    for i in 0..PAYMENTS {
        deliveries.push(rig.pay(&format!("p{i}")).await?);
    }
    Ok(deliveries)
}

/// Every delivery ends as delivered, the merchant really acknowledged it, and every request that the merchant saw
/// belongs to an attempt that the API shows.
pub(crate) async fn all_are_delivered_and_shown(rig: &Rig, deliveries: &[String]) -> Result<()> {
    let mut shown = HashSet::new();
    for id in deliveries {
        let delivery = rig.wait(id, "delivered").await?;
        let last = outcomes(&delivery).last().copied().unwrap_or_default().to_owned();
        assert_eq!(last, "acknowledged", "{delivery:#}");
        for number in 1..=outcomes(&delivery).len() {
            shown.insert((id.clone(), number.to_string()));
        }
    }
    eventually("the merchant's log agrees", PATIENCE, async || {
        let seen: HashSet<(String, String)> = rig
            .receiver
            .requests()
            .iter()
            .filter_map(|r| Some((r.header("paybell-delivery")?.to_owned(), r.header("paybell-attempt")?.to_owned())))
            .collect();
        let unknown: Vec<_> = seen.difference(&shown).collect();
        anyhow::ensure!(unknown.is_empty(), "requests that no attempt explains: {unknown:?}");
        let told: HashSet<&String> = seen.iter().map(|(delivery, _)| delivery).collect();
        Ok(deliveries.iter().all(|id| told.contains(id)).then_some(()))
    })
    .await
}
