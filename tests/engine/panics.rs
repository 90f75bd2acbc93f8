//! A delivery whose attempts make the worker panic.

use crate::rig::{Mode, PATIENCE, Rig, in_both_modes, outcomes};
use anyhow::{Context, Result};
use paybell_testkit::{EngineBuilder, Reply, eventually};
use serde_json::json;

in_both_modes!(delivery_that_makes_the_worker_panic_is_set_aside_and_harms_nobody_else);

async fn delivery_that_makes_the_worker_panic_is_set_aside_and_harms_nobody_else(mode: Mode) -> Result<()> {
    let armed = |builder: EngineBuilder| builder.setting("FAILPOINTS", "answered=3*panic");
    let rig = Rig::start_with(mode, "standard", vec![Reply::ok()], json!({}), armed).await?;
    let poisoned = rig.pay("poisoned").await?;
    let set_aside = rig.wait(&poisoned, "undelivered").await?;
    assert_eq!(set_aside["reason"], "panicked");
    assert_eq!(outcomes(&set_aside), ["panicked"; 3]);
    let detail = set_aside["attempts"][2]["detail"].as_str().context("the panic in words")?;
    assert!(detail.contains("answered"), "it says what the panic said: {detail}");

    let other = rig.pay("other").await?;
    assert_eq!(outcomes(&rig.wait(&other, "delivered").await?), ["acknowledged"], "the worker lives");
    eventually("the panics are counted", PATIENCE, async || {
        let metrics = rig.api().get("/metrics").await?.body;
        let metrics = metrics.as_str().context("metrics are text")?;
        let shown = |line: &str| metrics.lines().any(|shown| shown == line).then_some(());
        Ok(shown("paybell_handler_panics_total 3").and(shown(r#"paybell_attempts_total{outcome="panicked"} 3"#)))
    })
    .await?;

    let resent = rig.api().post(&format!("/v1/deliveries/{poisoned}/resend"), &json!({})).await?.expect_status(201)?;
    rig.wait(resent["id"].as_str().context("the new delivery")?, "delivered").await?;
    Ok(())
}
