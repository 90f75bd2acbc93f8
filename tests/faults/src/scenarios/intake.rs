//! Deaths of those who accept. Where exactly in a request the kill strikes is left to chance, so it strikes often: before
//! the commit, after it and before the answer, after the answer and before the enqueue.

use crate::cluster::EMBEDDED;
use crate::layout::Layout;
use crate::report::Report;
use crate::room::Room;
use crate::sender::Load;
use crate::stage::Stage;
use anyhow::Result;
use std::time::Duration;
use tokio::time::sleep;

pub(super) async fn api_is_killed_again_and_again(room: Room) -> Result<Report> {
    let layout = Layout::production().with("api-2", "api");
    let mut stage = Stage::set(room, layout).await?;
    // More than the kills need on the slowest machine; the rest is not sent.
    stage.load(Load::of("p", 40_000, 800).connections(32))?;
    let kills = kill_in_turn(&stage, &["api-1", "api-2"], 20).await?;
    stage.fired("kills of the API", kills);
    stage.faults_over();
    stage.stop_loads();
    stage.finish().await
}

pub(super) async fn embedded_is_killed_again_and_again(room: Room) -> Result<Report> {
    let mut stage = Stage::set(room, Layout::embedded()).await?;
    stage.load(Load::of("p", 20_000, 400).connections(32))?;
    let kills = kill_in_turn(&stage, &[EMBEDDED], 5).await?;
    stage.fired("kills of the embedded engine", kills);
    stage.faults_over();
    stage.stop_loads();
    stage.finish().await
}

/// Kills and restarts these processes in turn, each while payments come in.
async fn kill_in_turn(stage: &Stage, names: &[&str], kills: u64) -> Result<u64> {
    for kill in 0..kills {
        let name = names[usize::try_from(kill)? % names.len()];
        // Each at another moment of the requests.
        stage.until_accepted(stage.accepted() + 20 + 7 * kill).await?;
        sleep(Duration::from_micros(kill * 700)).await;
        stage.cluster.kill(name)?;
        stage.cluster.node(name)?.start_again().await?;
    }
    Ok(kills)
}
