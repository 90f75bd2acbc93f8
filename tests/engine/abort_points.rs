//! A death at each boundary of a payment's walk: before and after each commit, each POST, each hand-over.

use crate::rig::{Mode, PATIENCE, Rig};
use crate::survive::all_are_delivered_and_shown;
use anyhow::{Context, Result, ensure};
use paybell_abort::AbortPoint;
use paybell_testkit::{Api, Engine, Reply, eventually};
use serde_json::Value;
use std::os::unix::process::ExitStatusExt;

const PAYMENTS: usize = 20;
const SIGABRT: i32 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn embedded_loses_nothing_whichever_boundary_it_dies_at() -> Result<()> {
    die_at_every_point(Mode::Embedded).await
}

#[tokio::test(flavor = "multi_thread")]
async fn production_loses_nothing_whichever_boundary_it_dies_at() -> Result<()> {
    die_at_every_point(Mode::Production).await
}

async fn die_at_every_point(mode: Mode) -> Result<()> {
    for point in AbortPoint::ALL {
        die_at(mode, *point).await.with_context(|| format!("{mode:?}, abort point {}", point.name()))?;
    }
    Ok(())
}

/// A process that dies at the point takes payments until it is dead; a healthy one finds them on the same data, and gets
/// all of them once more from a gateway that cannot know which were accepted.
async fn die_at(mode: Mode, point: AbortPoint) -> Result<()> {
    let rig = Rig::start(mode, "standard", vec![Reply::new(503, ""), Reply::ok()]).await?;
    rig.engine.kill9();
    let passes = match point {
        // One pass may dispatch all that is due, and one batch claim it, as only retries are claimed by themselves.
        AbortPoint::DispatchCommitted | AbortPoint::ClaimBegins => "",
        // Records gather: where the machine is fast there is one batch of all first attempts, and one of the retries.
        AbortPoint::RecordBegins | AbortPoint::RecordCommitted => "1*off->",
        // For each batch, and payments that come one after the other make one each.
        _ => "5*off->",
    };
    let armed = format!("{}={passes}return", point.name());
    let doomed = rig.engine.sibling().setting("FAILPOINTS", armed).start().await?;
    let accepted = pay_until_dead(&doomed).await?;
    let log = doomed.log();
    ensure!(log.contains(&format!("abort point {} is reached", point.name())), "it died of something else:\n{log}");

    rig.engine.start_again().await?;
    let mut deliveries = Vec::new();
    for number in 0..PAYMENTS {
        deliveries.push(rig.pay(&name(number)).await?);
    }
    ensure!(accepted.iter().all(|id| deliveries.contains(id)), "a payment that was accepted is another one now");
    all_are_delivered_and_shown(&rig, &deliveries).await
}

fn name(number: usize) -> String {
    format!("p{number}")
}

/// Answers the deliveries of the payments whose acceptance was answered.
async fn pay_until_dead(doomed: &Engine) -> Result<Vec<String>> {
    let mut accepted = Vec::new();
    for number in 0..PAYMENTS {
        // It may die at any moment; what is not answered is unknown.
        let Ok(answer) = doomed.api().post("/v1/payments", &Api::payment("shop", &name(number), Value::Null)?).await
        else {
            break;
        };
        if answer.status == 202 {
            accepted.push(answer.body["deliveries"][0]["id"].as_str().context("a delivery")?.to_owned());
        }
    }
    let status = eventually("the process is dead", PATIENCE, async || Ok(doomed.ended()))
        .await
        .context("the fault did not fire; is paybell built with the feature abort-points? ./tests/run builds it so")?;
    ensure!(status.signal() == Some(SIGABRT), "{status}");
    Ok(accepted)
}
