//! What waits for an endpoint that takes nothing any more is parked soon.

use super::{Rig, shop, taken};
use crate::claim_batch::claim_batch;
use crate::take_back::take_back;
use anyhow::{Context, Result};
use paybell_delivery::{Job, LIFETIME_MAX};
use paybell_store::manage::Actor;
use paybell_testkit::{Reply, eventually};
use std::time::Duration;

/// Waits until these are parked. Nothing is dispatched here.
async fn are_parked(rig: &Rig, jobs: &[Job]) -> Result<()> {
    eventually("they are parked", Duration::from_secs(10), async || {
        for job in jobs {
            if !is_parked(rig, *job).await? {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await
}

async fn is_parked(rig: &Rig, job: Job) -> Result<bool> {
    let delivery = rig.engine.ledger.delivery(job.delivery_id, rig.now()).await?.context("a delivery")?.delivery;
    Ok(delivery.due_at == delivery.deadline_at)
}

async fn accept_many(rig: &Rig, count: usize) -> Result<Vec<Job>> {
    let mut jobs = Vec::new();
    for _ in 0..count {
        jobs.push(rig.accept(rig.now(), LIFETIME_MAX).await?);
    }
    Ok(jobs)
}

#[tokio::test]
async fn what_waits_in_the_lane_of_an_endpoint_that_fails_is_parked_soon() -> Result<()> {
    let mut rig = Rig::start().await?;
    rig.engine.settings.failing_after = Duration::ZERO;
    rig.receiver.script("/hook", vec![Reply::new(503, "")]);
    let waiting = accept_many(&rig, 20).await?;
    rig.engine.queue.push(&waiting).await?;
    for job in accept_many(&rig, 10).await? {
        rig.attempt(taken(job, Duration::ZERO)?).await;
    }
    assert_eq!(rig.engine.queue.depth().await?, 0, "the lane is dropped");
    are_parked(&rig, &waiting).await
}

#[tokio::test]
async fn a_job_that_comes_to_a_worker_after_its_endpoint_was_paused_is_parked_soon() -> Result<()> {
    let rig = Rig::start().await?;
    let jobs = accept_many(&rig, 2).await?;
    let actor = Actor { name: "olga".to_owned(), now: rig.now() };
    assert_eq!(rig.engine.ledger.pause_merchant(&shop(), true, &actor).await?, 1);
    let places = jobs.iter().map(|job| taken(*job, Duration::ZERO)).collect::<Result<Vec<_>>>()?;
    assert_eq!(claim_batch(&rig.engine, &places).await, [None, None]);
    are_parked(&rig, &jobs).await
}

#[tokio::test]
async fn of_too_many_jobs_none_is_taken_back() -> Result<()> {
    let rig = Rig::start().await?;
    let job = rig.accept(rig.now(), LIFETIME_MAX).await?;
    let actor = Actor { name: "olga".to_owned(), now: rig.now() };
    rig.engine.ledger.pause_merchant(&shop(), true, &actor).await?;
    take_back(rig.engine.clone(), vec![job; 50_001]).await;
    assert!(!is_parked(&rig, job).await?);
    take_back(rig.engine.clone(), vec![job]).await;
    assert!(is_parked(&rig, job).await?, "there is room again");
    Ok(())
}
