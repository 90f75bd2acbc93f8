//! PostgreSQL, and the way to it.

use crate::behaviour::Behaviour;
use crate::evidence::Evidence;
use crate::layout::Layout;
use crate::proxy::Fault;
use crate::report::Report;
use crate::room::Room;
use crate::sender::Load;
use crate::stage::Stage;
use anyhow::{Context, Result, ensure};
use paybell_testkit::{Engine, Postgres, Redis};
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The longest that a refusal may take: 3 s for the batch before, 3 s for its own, and some for a busy machine.
const REFUSAL_MAX_S: f64 = 8.0;

pub(super) async fn postgres_is_killed_in_a_burst(room: Room) -> Result<Report> {
    let mut stage = Stage::set(room, Layout::production()).await?;
    stage.load(Load::of("p", 3_000, 1_000).connections(64))?;
    for kill in 1..=3 {
        stage.until_accepted(stage.accepted() + 150).await?;
        kill_postgres(&stage, Duration::from_millis(100 * kill)).await?;
    }
    stage.fired("kills of PostgreSQL", 3);
    stage.faults_over();
    stage.stop_loads();
    refuses_in_time(stage.finish().await?)
}

pub(super) async fn postgres_is_killed_while_receivers_think(room: Room) -> Result<Report> {
    let mut stage = Stage::set(room, Layout::production()).await?;
    stage.receiver.behave("/shop", Behaviour::Slow(Duration::from_millis(700)));
    stage.load(Load::of("p", 60, 1_000))?;
    stage.until("20 are in flight", || stage.receiver.in_flight("/shop") >= 20).await?;
    let waiting = u64::from(stage.receiver.in_flight("/shop"));
    kill_postgres(&stage, Duration::from_millis(1_500)).await?;
    stage.fired("answers awaited at the kill of PostgreSQL", waiting);
    stage.faults_over();
    stage.finish().await
}

/// Kills the server and starts it again after a time.
async fn kill_postgres(stage: &Stage, down: Duration) -> Result<()> {
    let postgres = &stage.cluster.servers()?.postgres;
    tokio::task::block_in_place(|| postgres.kill9());
    stage.cluster.note_kill();
    sleep(down).await;
    tokio::task::block_in_place(|| postgres.start_again())
}

fn refuses_in_time(report: Report) -> Result<Report> {
    let slowest = report.slowest_refusal_s;
    ensure!(slowest <= REFUSAL_MAX_S, "a refusal took {slowest} s");
    Ok(report)
}

pub(super) async fn postgres_is_a_black_hole(room: Room) -> Result<Report> {
    link_fails(room, Fault::Blackhole, Duration::from_secs(60)).await
}

pub(super) async fn answers_of_postgres_are_swallowed(room: Room) -> Result<Report> {
    link_fails(room, Fault::HalfOpen, Duration::from_secs(20)).await
}

pub(super) async fn link_is_cut(room: Room) -> Result<Report> {
    link_fails(room, Fault::Cut, Duration::from_secs(3)).await
}

/// The link to PostgreSQL fails under load; the intake must refuse, and not keep silent.
async fn link_fails(room: Room, fault: Fault, lasts: Duration) -> Result<Report> {
    let mut stage = Stage::set(room, Layout::production()).await?;
    stage.load(Load::of("p", 1_000_000, 100).patient(lasts + Duration::from_secs(60)))?;
    stage.until_accepted(100).await?;
    let to_postgres = &stage.cluster.servers()?.to_postgres;
    to_postgres.set(fault);
    sleep(lasts).await;
    to_postgres.set(Fault::None);
    let (affected, refused) = (to_postgres.affected(), stage.refused());
    stage.fired("connections and pieces that the link lost", affected);
    stage.fired("payments refused with a 5xx", refused);
    stage.faults_over();
    let before = stage.accepted();
    let back = Instant::now();
    stage.until_accepted(before + 100).await?;
    stage.room.say(&format!("100 more were accepted {:?} after the link was back", back.elapsed()));
    stage.stop_loads();
    refuses_in_time(stage.finish().await?)
}

pub(super) async fn answers_to_commits_are_lost(room: Room) -> Result<Report> {
    let (report, evidence) = intake_loses(room, Fault::LoseAnswer).await?;
    let committed = refused_though_committed(&evidence);
    ensure!(committed > 0, "no commit was refused, so no answer to one was lost");
    refuses_in_time(report)
}

pub(super) async fn commits_are_lost(room: Room) -> Result<Report> {
    let (report, evidence) = intake_loses(room, Fault::LoseStatement).await?;
    let committed = refused_though_committed(&evidence);
    ensure!(committed == 0, "{committed} payments were refused and are stored, though PostgreSQL never saw them");
    refuses_in_time(report)
}

/// Under load from two APIs the link loses what it is told to around the intake's commits, again and again.
async fn intake_loses(room: Room, fault: Fault) -> Result<(Report, Evidence)> {
    let mut stage = Stage::set(room, Layout::doubled()).await?;
    stage.load(Load { repeat_every: 0, ..Load::of("p", 1_000_000, 300).connections(32) })?;
    stage.until_accepted(50).await?;
    let to_postgres = &stage.cluster.servers()?.to_postgres;
    for _ in 0..20 {
        to_postgres.set(fault);
        sleep(Duration::from_millis(150)).await;
        to_postgres.set(Fault::None);
        stage.until_accepted(stage.accepted() + 20).await?;
    }
    let (affected, refused) = (to_postgres.affected(), stage.refused());
    stage.fired("intakes whose link was reset around the commit", affected);
    stage.fired("payments refused with a 5xx", refused);
    stage.faults_over();
    stage.stop_loads();
    stage.finish_with_evidence().await
}

/// How many payments were refused with a 5xx by a request during which they were stored.
fn refused_though_committed(evidence: &Evidence) -> usize {
    let stored: HashMap<&str, i64> =
        evidence.dump.deliveries.iter().map(|delivery| (delivery.payment.as_str(), delivery.created_us)).collect();
    let ids = evidence.dump.payments.iter().map(|payment| (payment.gateway_id.as_str(), payment.id.as_str()));
    let stored: HashMap<&str, i64> = ids.filter_map(|(gateway, id)| Some((gateway, *stored.get(id)?))).collect();
    let refused = evidence.sent.iter().filter(|sent| sent.status.is_some_and(|status| status >= 500));
    refused
        .filter(|sent| stored.get(sent.id.as_str()).is_some_and(|at| (sent.at_us..sent.until_us).contains(at)))
        .count()
}

pub(super) async fn link_is_cut_anywhere(room: Room) -> Result<Report> {
    let mut stage = Stage::set(room, Layout::production()).await?;
    stage.load(Load::of("p", 1_000_000, 300))?;
    stage.until_accepted(50).await?;
    let to_postgres = &stage.cluster.servers()?.to_postgres;
    for round in 0..24_u64 {
        // Some hit the greeting, some a statement's answer, some its first bytes.
        let bytes = 900 + round * 37;
        to_postgres.set(if round % 4 == 3 {
            Fault::ResetAfterRequest(bytes * 2)
        } else {
            Fault::ResetAfterReply(bytes)
        });
        sleep(Duration::from_millis(150)).await;
        to_postgres.set(Fault::None);
        sleep(Duration::from_millis(60)).await;
    }
    let affected = to_postgres.affected();
    stage.fired("connections reset at some byte", affected);
    stage.faults_over();
    stage.stop_loads();
    refuses_in_time(stage.finish().await?)
}

/// A small file system in memory, unmounted when it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: PathBuf, megabytes: u32) -> Result<SmallDisk> {
        std::fs::create_dir_all(&folder)?;
        let size = format!("size={megabytes}m");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&folder).status()?;
        ensure!(status.success(), "a tmpfs cannot be mounted here (this scenario needs the right to mount)");
        Ok(SmallDisk(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The server may take a moment to let go of its files.
        for _ in 0..50 {
            if Command::new("umount").arg(&self.0).status().is_ok_and(|status| status.success()) {
                let _ = std::fs::remove_dir(&self.0);
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

pub(super) async fn disk_is_full(room: Room) -> Result<Report> {
    let disk = SmallDisk::mount(std::env::temp_dir().join(format!("paybell-disk-{}", std::process::id())), 120)?;
    let report = fill_disk(room, &disk).await;
    drop(disk);
    report
}

async fn fill_disk(room: Room, disk: &SmallDisk) -> Result<Report> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&disk.0, std::fs::Permissions::from_mode(0o777))?;
    let small = ["max_wal_size=64MB", "min_wal_size=32MB", "shared_buffers=16MB"];
    let postgres = tokio::task::block_in_place(|| Postgres::start_in(&disk.0, &small))?;
    let mut stage = Stage::set(room, Layout::production().on(postgres)).await?;
    stage.load(Load::of("p", 1_000_000, 200))?;
    stage.until_accepted(200).await?;
    let filler = disk.0.join("filler");
    // What is written ahead in existing segments still fits; so the filler takes all, again and again.
    let refused = fill_until_refused(&stage, &filler).await?;
    stage.fired("payments refused while the disk was full", refused);
    std::fs::remove_file(&filler)?;
    let postgres = &stage.cluster.servers()?.postgres;
    // A server that cannot write its log ahead stops itself, as PostgreSQL does: a supervisor starts it again.
    if let Err(error) = paybell_reaches(postgres).await {
        stage.room.say(&format!("PostgreSQL stopped itself: {error:#}"));
        tokio::task::block_in_place(|| {
            postgres.kill9();
            postgres.start_again()
        })?;
    }
    stage.faults_over();
    let before = stage.accepted();
    stage.until_accepted(before + 100).await?;
    stage.stop_loads();
    refuses_in_time(stage.finish().await?)
}

async fn fill_until_refused(stage: &Stage, filler: &std::path::Path) -> Result<u64> {
    let before = stage.refused();
    let give_up = Instant::now() + Duration::from_secs(60);
    let mut file = std::fs::File::options().create(true).append(true).open(filler)?;
    while stage.refused() < before + 20 && Instant::now() < give_up {
        let piece = vec![1_u8; 256 * 1024];
        while std::io::Write::write_all(&mut file, &piece).is_ok() {}
        sleep(Duration::from_millis(20)).await;
    }
    Ok(stage.refused() - before)
}

async fn paybell_reaches(postgres: &Postgres) -> Result<()> {
    postgres.create_database().await.map(drop)
}

pub(super) async fn unsafe_settings_are_refused(room: Room) -> Result<Report> {
    let refused = ["fsync", "full_page_writes", "synchronous_commit"];
    for name in refused {
        let postgres = tokio::task::block_in_place(|| Postgres::start_with(&[&format!("{name}=off")]))?;
        let redis = tokio::task::block_in_place(Redis::start)?;
        let url = postgres.create_database().await?;
        let engine = || Engine::production(&url, &redis.url()).log_to(&room.folder.join(format!("{name}.log")));
        let refusal = engine().start().await.err().with_context(|| format!("it started with {name} off"))?;
        ensure!(format!("{refusal:#}").contains(name), "the refusal does not name {name}: {refusal:#}");
        let allowed = engine().setting("PAYBELL_ALLOW_UNSAFE_DURABILITY", "true").start().await;
        allowed.with_context(|| format!("it refuses {name}=off although that was allowed by name"))?;
        room.say(&format!("refused: {name}=off"));
    }
    let mut stage = Stage::set(room, Layout::production()).await?;
    stage.load(Load::of("p", 50, 500))?;
    stage.fired("unsafe settings refused", 3);
    stage.finish().await
}
