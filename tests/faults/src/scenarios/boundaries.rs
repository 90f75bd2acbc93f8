//! A death at each boundary of a payment's walk, exactly there: one process of several is armed with an abort point, dies
//! at it under load while the others go on, and is started again.

use crate::behaviour::Behaviour::{self, Answer, InTurn};
use crate::checker::Terms;
use crate::evidence::{Evidence, Moment, Sent, read_log};
use crate::layout::Layout;
use crate::report::Report;
use crate::room::Room;
use crate::sender::Load;
use crate::stage::Stage;
use anyhow::{Context as _, Result, ensure};
use paybell_abort::AbortPoint;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::os::unix::process::ExitStatusExt as _;

const SIGABRT: i32 = 6;
/// How often the point is passed before the process dies at it, death by death.
const PASSES: [u32; 3] = [10, 23, 41];

/// The process that reaches a point.
fn who_reaches(point: AbortPoint) -> &'static str {
    match point {
        AbortPoint::AcceptBegins | AbortPoint::AcceptCommitted | AbortPoint::EnqueueBegins | AbortPoint::Enqueued => {
            "api-1"
        }
        AbortPoint::DispatchBegins | AbortPoint::DispatchCommitted => "dispatcher-1",
        AbortPoint::ClaimBegins
        | AbortPoint::ClaimCommitted
        | AbortPoint::Answered
        | AbortPoint::RecordBegins
        | AbortPoint::RecordCommitted => "worker-1",
    }
}

/// Dies three times at the point. What must be true of exactly this boundary is checked beside the invariants.
pub(super) async fn dies_at(room: Room, point: AbortPoint) -> Result<Report> {
    let mut stage = Stage::bare(room, Layout::doubled(), Terms::default()).await?;
    let who = who_reaches(point);
    // A dispatcher has work only while something is to be retried.
    let retried = InTurn(vec![Answer(503, "busy", None), Behaviour::Ok]);
    let behaviour = if who == "dispatcher-1" { retried } else { Behaviour::Ok };
    // What a dead worker held counts against the cap until its lease ends.
    stage.merchant("shop", "standard", behaviour, json!({ "concurrency_max": 300 })).await?;
    // One request at a time goes to the first API: so what a death at a boundary leaves is known exactly.
    let alone = Load { repeat_every: 0, ..Load::of("alone", 1_000_000, 60).connections(1) };
    stage.load_on(&["api-1", "api-2"], alone)?;
    stage.load_on(&["api-2"], Load::of("p", 1_000_000, 150))?;
    stage.until_accepted(20).await?;
    let mut deaths = 0;
    for passes in PASSES {
        die_once(&stage, who, point, passes).await?;
        deaths += 1;
    }
    stage.cluster.arm(who, None).await?;
    stage.until_accepted(stage.accepted() + 50).await?;
    stage.fired(&format!("deaths at {}", point.name()), deaths);
    stage.faults_over();
    stage.stop_loads();
    let (report, evidence) = stage.finish_with_evidence().await?;
    holds_of(point, PASSES.len(), &report, &evidence)?;
    Ok(report)
}

async fn die_once(stage: &Stage, who: &str, point: AbortPoint, passes: u32) -> Result<()> {
    stage.cluster.arm(who, Some(&format!("{}={passes}*off->return", point.name()))).await?;
    stage.hold_unknown(true);
    let engine = stage.cluster.node(who)?;
    let is_in_time = engine.ended().is_none();
    stage.until(&format!("{who} is dead"), || engine.ended().is_some()).await?;
    stage.cluster.note_kill();
    let ended = engine.ended().and_then(|status| status.signal());
    ensure!(ended == Some(SIGABRT), "{who} ended by {ended:?}; is it built with the feature abort-points?");
    ensure!(engine.log().contains(&format!("abort point {} is reached", point.name())), "it died of something else");
    // A process that died at once may have left requests that were sent again before they were held.
    if is_in_time {
        stored_is_what_was_committed(stage, point).await?;
    }
    stage.hold_unknown(false);
    Ok(())
}

/// Before the commit nothing of the batch is stored; after it, all is, though nobody was answered.
async fn stored_is_what_was_committed(stage: &Stage, point: AbortPoint) -> Result<()> {
    if !matches!(point, AbortPoint::AcceptBegins | AbortPoint::AcceptCommitted) {
        return Ok(());
    }
    stage.until("the payment that got no answer is held", || stage.held() > 0).await?;
    let sent: Vec<Sent> = read_log(&stage.room.folder.join("sender.jsonl"))?;
    let last = sent.iter().rev().find(|sent| sent.status.is_none()).context("the payment that got no answer")?;
    let dump = stage.cluster.source().dump().await?;
    let is_stored = dump.payments.iter().any(|payment| payment.gateway_id == last.id);
    stage.room.say(&format!("{} got no answer; stored: {is_stored}", last.id));
    let must_be = point == AbortPoint::AcceptCommitted;
    ensure!(is_stored == must_be, "{} got no answer at {}; stored: {is_stored}", last.id, point.name());
    Ok(())
}

/// What a death at exactly this point must have left.
fn holds_of(point: AbortPoint, deaths: usize, report: &Report, evidence: &Evidence) -> Result<()> {
    match point {
        AbortPoint::EnqueueBegins => {
            let left = found_by_the_dispatcher(evidence);
            ensure!(left >= deaths, "{left} were left to the dispatcher, at {deaths} deaths before an enqueue");
        }
        AbortPoint::ClaimCommitted => {
            let unsent = unknown_without_post(evidence);
            ensure!(unsent >= deaths, "{unsent} claims without a POST, at {deaths} deaths in between");
        }
        AbortPoint::Answered | AbortPoint::RecordBegins => {
            let repeated = report.counts.repeated;
            ensure!(repeated >= deaths, "{repeated} POSTs repeated, at {deaths} deaths before a record");
        }
        _ => {}
    }
    Ok(())
}

/// How many first POSTs came only when the grace time was over.
fn found_by_the_dispatcher(evidence: &Evidence) -> usize {
    // The grace time of a second, less how far two processes' clocks are apart.
    const GRACE_US: i64 = 900_000;
    let first = |seen: &&crate::evidence::Seen| seen.moment == Moment::Requested && seen.attempt == 1;
    let first: HashMap<&str, i64> =
        evidence.seen.iter().filter(first).map(|seen| (seen.delivery.as_str(), seen.at_us)).collect();
    let is_late = |delivery: &&crate::evidence::StoredDelivery| {
        first.get(delivery.id.as_str()).is_some_and(|at| at - delivery.created_us >= GRACE_US)
    };
    evidence.dump.deliveries.iter().filter(is_late).count()
}

/// How many attempts are shown as unknown of which no merchant saw anything.
fn unknown_without_post(evidence: &Evidence) -> usize {
    let seen: HashSet<(&str, u32)> = evidence.seen.iter().map(|seen| (seen.delivery.as_str(), seen.attempt)).collect();
    let unknown = evidence.dump.attempts.iter().filter(|attempt| attempt.outcome == "unknown");
    unknown.filter(|attempt| !seen.contains(&(attempt.delivery.as_str(), attempt.number))).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios::SCENARIOS;

    #[test]
    fn every_abort_point_has_a_scenario() {
        for point in AbortPoint::ALL {
            let word = format!("({})", point.name());
            assert!(SCENARIOS.iter().any(|scenario| scenario.about.ends_with(&word)), "{word}");
        }
    }
}
