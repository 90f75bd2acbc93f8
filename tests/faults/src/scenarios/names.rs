//! Name servers that fail. The engine asks the system's resolver, which reads its name server from `/etc/resolv.conf`: so
//! its processes run with a file of ours in that place, in a mount namespace of their own.

use crate::behaviour::Behaviour;
use crate::checker::Terms;
use crate::dns::{NAME_SERVER, NameServer};
use crate::evidence::now_us;
use crate::layout::Layout;
use crate::report::{Report, latency_p99_us};
use crate::room::Room;
use crate::sender::Load;
use crate::stage::Stage;
use anyhow::{Result, ensure};
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::sleep;

/// Merchants whose names fail: two at once, and many whose servers never answer.
const FAILING: [&str; 10] = [
    "servfail", "nxdomain", "silent-1", "silent-2", "silent-3", "silent-4", "silent-5", "silent-6", "silent-7",
    "silent-8",
];

/// A program that runs the binary in its own place, with our name server.
fn program(room: &Room) -> Result<PathBuf> {
    let (program, resolver) = (room.folder.join("with-name-server"), room.folder.join("resolv.conf"));
    std::fs::write(&resolver, format!("nameserver {NAME_SERVER}\n"))?;
    let binary = paybell_testkit::paybell_binary()?;
    let mount = format!("mount --bind '{}' /etc/resolv.conf", resolver.display());
    let run = format!("exec '{}' \"$@\"", binary.display());
    std::fs::write(
        &program,
        format!("#!/bin/sh\nexec unshare --mount sh -c '{}' paybell \"$@\"\n", {
            format!("{mount} && {run}").replace('\'', "'\\''")
        }),
    )?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
    Ok(program)
}

pub(super) async fn name_servers_fail(room: Room) -> Result<Report> {
    let names = NameServer::start().await?;
    let layout = Layout::production().run_by(&program(&room)?);
    let mut stage = Stage::bare(room, layout, Terms::default()).await?;
    stage.merchant_at("good.test", "shop", Behaviour::Ok, json!({ "concurrency_max": 50 })).await?;
    for name in FAILING {
        let extra = json!({ "concurrency_max": 50, "lifetime_s": 15 });
        stage.merchant_at(&format!("{name}.test"), name, Behaviour::Ok, extra).await?;
        stage.terms.unwilling.push(format!("/{name}"));
    }
    let alone = p99_of_shop(&mut stage, "alone").await?;
    stage.load(Load::of("failing", 2_000, 1_000).to(&FAILING))?;
    stage.loads_end().await?;
    let beside = p99_of_shop(&mut stage, "beside").await?;
    stage.room.say(&format!("p99 alone {alone} µs, beside {beside} µs"));
    stage.fired("questions that the name server failed", names.failed());
    stage.faults_over();
    let report = stage.finish().await?;
    for (outcome, least) in [("unreachable", 400), ("timed_out", 400)] {
        let count = report.counts.attempts.get(outcome).copied().unwrap_or(0);
        ensure!(count >= least, "{outcome} is what these names cause: {:?}", report.counts.attempts);
    }
    ensure!(beside <= alone + 300_000, "others are unaffected: p99 was {alone} µs alone and {beside} µs beside");
    Ok(report)
}

/// The 99th percentile of how long payments of `shop` took to their first POST within ten seconds, in µs.
async fn p99_of_shop(stage: &mut Stage, prefix: &str) -> Result<i64> {
    let from = now_us();
    stage.load(Load::of(prefix, 1_000, 100))?;
    stage.loads_end().await?;
    let until = now_us();
    // The last ones are on their way.
    sleep(Duration::from_secs(3)).await;
    latency_p99_us(&stage.room.folder, "shop", from, until)
}
