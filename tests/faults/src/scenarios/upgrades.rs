//! Processes that are exchanged under load.

use crate::layout::Layout;
use crate::report::Report;
use crate::room::Room;
use crate::sender::Load;
use crate::stage::Stage;
use anyhow::{Result, ensure};
use std::time::Duration;
use tokio::time::sleep;

pub(super) async fn processes_are_exchanged_under_load(room: Room) -> Result<Report> {
    let mut stage = Stage::set(room, Layout::doubled()).await?;
    stage.load(Load::of("p", 1_000_000, 200))?;
    stage.until_accepted(100).await?;
    stage.cluster.node("api-1")?.run(&["migrate"])?;
    let mut exchanged = 0;
    for role in ["dispatcher", "worker", "api"] {
        for name in stage.cluster.names(role) {
            let engine = stage.cluster.node(&name)?;
            let status = tokio::task::block_in_place(|| engine.terminate())?;
            ensure!(status.success(), "{name} did not end well: {status}");
            engine.start_again().await?;
            stage.room.say(&format!("{name} was exchanged"));
            exchanged += 1;
            sleep(Duration::from_millis(500)).await;
        }
    }
    stage.fired("processes exchanged", exchanged);
    stage.faults_over();
    stage.stop_loads();
    let report = stage.finish().await?;
    let unknown = report.counts.attempts.get("unknown").copied().unwrap_or(0);
    ensure!(unknown == 0, "a rolling restart loses no attempt's outcome: {unknown}");
    Ok(report)
}
