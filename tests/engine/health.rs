//! A merchant that stops answering, and what becomes of what waits for it.

use crate::rig::{Mode, PATIENCE, Rig, in_both_modes};
use anyhow::{Context, Result};
use paybell_testkit::{EngineBuilder, Reply, eventually};
use serde_json::{Value, json};
use std::time::Duration;

in_both_modes!(merchant_that_stops_answering_is_only_probed_and_gets_everything_when_it_is_back);

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

async fn endpoint(rig: &Rig) -> Result<Value> {
    Ok(rig.api().get(&format!("/v1/endpoints/{}", rig.endpoint)).await?.body)
}
