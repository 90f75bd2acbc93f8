//! A merchant that stops answering, and what becomes of what waits for it.

use crate::rig::{Mode, PATIENCE, Rig, in_both_modes};
use anyhow::{Context, Result};
use paybell_testkit::{EngineBuilder, Reply, eventually};
use serde_json::{Value, json};
use std::time::Duration;

in_both_modes!(
    merchant_that_stops_answering_is_only_probed_and_gets_everything_when_it_is_back,
    merchant_that_hangs_is_given_up_with_its_first_attempts_and_what_waits_is_not_claimed_in_vain,
);

const PAYMENTS: usize = 40;

async fn merchant_that_stops_answering_is_only_probed_and_gets_everything_when_it_is_back(mode: Mode) -> Result<()> {
    let hasty = |builder: EngineBuilder| builder.setting("PAYBELL_FAILING_AFTER", "500ms");
    let rig = Rig::start_with(mode, "standard", vec![Reply::new(503, "")], json!({}), hasty).await?;
    let mut deliveries = Vec::new();
    for number in 0..PAYMENTS {
        deliveries.push(rig.pay(&format!("p{number}")).await?);
    }
    let failing = eventually("the endpoint fails", PATIENCE, async || {
        let failing = endpoint(&rig).await?["failing"].take();
        Ok((!failing.is_null()).then_some(failing))
    })
    .await?;
    assert!(failing["since"].is_string(), "{failing}");

    let probed = eventually("two probes failed", PATIENCE, async || {
        let failed = endpoint(&rig).await?["failing"]["probes_failed"].as_u64().context("it fails")?;
        Ok((failed >= 2).then_some(rig.receiver.requests().len()))
    })
    .await?;
    // By their schedule alone, what waits would be attempted some forty times a second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let while_failing = rig.receiver.requests().len() - probed;
    assert!(while_failing <= 2, "only probes go out, not {while_failing} requests in 2 s");

    rig.receiver.script("/hook", vec![Reply::ok()]);
    for delivery in &deliveries {
        rig.wait(delivery, "delivered").await?;
    }
    assert!(endpoint(&rig).await?["failing"].is_null());
    let operator = rig.api().with_token(&rig.engine.create_key("operator")?);
    let audit = operator.get("/v1/audit").await?.body;
    let actions: Vec<_> = audit["items"].as_array().context("rows")?.iter().map(|row| &row["action"]).collect();
    for action in ["endpoint.failing", "endpoint.reopen"] {
        assert!(actions.contains(&&json!(action)), "{action} is in the audit: {actions:?}");
    }
    Ok(())
}

async fn merchant_that_hangs_is_given_up_with_its_first_attempts_and_what_waits_is_not_claimed_in_vain(
    mode: Mode,
) -> Result<()> {
    const CAP: usize = 12;
    const WAITING: usize = 100;
    let patience = |builder: EngineBuilder| builder.setting("PAYBELL_FAILING_AFTER", "1500ms");
    let hangs = vec![Reply::ok().after(Duration::from_secs(60))];
    let rig = Rig::start_with(mode, "standard", hangs, json!({ "concurrency_max": CAP }), patience).await?;
    for number in 0..CAP + WAITING {
        rig.pay(&format!("p{number}")).await?;
    }
    rig.receiver.wait_for(CAP, PATIENCE).await?;
    let failing = eventually("the endpoint fails", PATIENCE, async || {
        let failing = endpoint(&rig).await?["failing"].take();
        Ok((!failing.is_null()).then_some(failing))
    })
    .await?;
    let since: jiff::Timestamp = failing["since"].as_str().context("since when")?.parse()?;
    let first = rig.receiver.requests().into_iter().map(|request| request.at).min().context("a request")?;
    let later = since.duration_since(first.try_into()?).as_millis();
    assert!(later < 1_000, "it fails since its first attempts began, not since they ended, {later} ms later");

    tokio::time::sleep(Duration::from_secs(1)).await;
    let text = rig.api().get("/metrics").await?.expect_status(200)?;
    let text = text.as_str().context("text")?;
    let claims = |result: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("paybell_claims_total{{result=\"{result}\"")));
        line.and_then(|line| line.rsplit(' ').next()).unwrap_or("0").parse::<usize>()
    };
    let (won, lost) = (claims("won")? + claims("ahead")?, claims("lost")?);
    assert!(won >= CAP, "{won} claims were won, so they are counted");
    assert!(lost < WAITING / 2, "what waits is dropped, not claimed in vain {lost} times");
    Ok(())
}

async fn endpoint(rig: &Rig) -> Result<Value> {
    Ok(rig.api().get(&format!("/v1/endpoints/{}", rig.endpoint)).await?.body)
}
