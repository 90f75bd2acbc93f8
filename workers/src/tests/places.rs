//! Attempts keep their places in flight until they are recorded: longer where nobody waits for them.

use super::{Rig, VISIBILITY, shop, taken};
use crate::attempt_ahead::AttemptAhead;
use crate::attempt_delivery::attempt_claimed;
use crate::run_worker::{Feeds, note_scarce_places};
use anyhow::Result;
use paybell_delivery::{EndpointId, LIFETIME_MAX, Outcome, State};
use paybell_queue::{FeedLimits, Finished, Taken, feed};
use paybell_store::AttemptsAhead;
use paybell_testkit::eventually;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// For how long a record waits at most where nobody waits for its place.
const GATHER: Duration = Duration::from_millis(25);
const NO_TIME: Duration = Duration::ZERO;

/// What tells of finished jobs, for a worker with room for that many.
fn finished(rig: &Rig, in_flight_max: usize) -> Finished {
    let limits = FeedLimits { in_flight_max, batch_max: 10, reuse_within: VISIBILITY };
    feed(rig.engine.queue.clone(), limits, CancellationToken::new()).1
}

/// Attempts ahead for such a worker.
fn ahead(rig: &Rig, in_flight_max: usize) -> AttemptAhead {
    let feeds: Feeds = Arc::new(Mutex::new(vec![finished(rig, in_flight_max)]));
    AttemptAhead::new(rig.engine.clone(), feeds, TaskTracker::new(), CancellationToken::new())
}

/// A delivery is attempted; answers how long it took until it was recorded.
async fn attempt(rig: &Rig) -> Result<Duration> {
    let job = rig.accept(rig.now(), LIFETIME_MAX).await?;
    let claimed = rig.claim(job, rig.now()).await?;
    let begun = Instant::now();
    attempt_claimed(&rig.engine, &claimed, taken(job, Duration::ZERO)?.taken_at).await;
    let took = begun.elapsed();
    assert_eq!(rig.standing(job.delivery_id).await?, (State::Delivered, vec![Outcome::Acknowledged]));
    Ok(took)
}

#[tokio::test]
async fn a_lone_record_gathers_until_somebody_waits_for_its_place() -> Result<()> {
    let rig = Rig::start().await?;
    let took = attempt(&rig).await?;
    assert!(took >= GATHER, "it was recorded after {took:?}");
    rig.engine.places.note_any();
    let mut shortest = took;
    for _ in 0..50 {
        shortest = shortest.min(attempt(&rig).await?);
    }
    assert!(shortest < GATHER, "each of many took {shortest:?} at least");
    Ok(())
}

#[tokio::test]
async fn places_are_waited_for_where_the_worker_has_none_to_spare() -> Result<()> {
    let rig = Rig::start().await?;
    let waited_for = || rig.engine.places.is_waited_for(EndpointId(Uuid::from_u128(1)), NO_TIME);
    let ahead = ahead(&rig, 100);
    assert!(ahead.claim_ahead(1).is_some() && !waited_for());
    assert!(ahead.claim_ahead(101).is_none() && waited_for());

    let other = Rig::start().await?;
    let waited_for = || other.engine.places.is_waited_for(EndpointId(Uuid::from_u128(1)), NO_TIME);
    let finished = finished(&other, 8);
    note_scarce_places(&other.engine, &finished, &[]);
    assert!(!waited_for());
    finished.note_admitted(8);
    note_scarce_places(&other.engine, &finished, &[]);
    assert!(waited_for());
    Ok(())
}

#[tokio::test]
async fn places_are_waited_for_where_a_job_of_the_endpoint_is_left_behind() -> Result<()> {
    let rig = Rig::start().await?;
    let (first, second) = (rig.accept(rig.now(), LIFETIME_MAX).await?, rig.accept(rig.now(), LIFETIME_MAX).await?);
    let waited_for = || rig.engine.places.is_waited_for(first.endpoint_id, NO_TIME);
    rig.engine.queue.push(&[first, second]).await?;
    let one = rig.engine.queue.turn(&[], 1, 1).await?;
    let finished = finished(&rig, 100);
    note_scarce_places(&rig.engine, &finished, &one);
    assert!(waited_for());
    Ok(())
}

#[tokio::test]
async fn a_merchant_that_is_turned_away_rests_and_its_places_are_waited_for() -> Result<()> {
    let rig = Rig::start().await?;
    let job = rig.accept(rig.now(), LIFETIME_MAX).await?;
    let claimed = rig.claim(job, rig.now()).await?;
    let waited_for = || rig.engine.places.is_waited_for(job.endpoint_id, NO_TIME);
    let ahead = ahead(&rig, 100);
    let cap = job.concurrency_max as usize;
    let places: Vec<Taken> = rig.engine.queue.admit(&vec![job; cap], 100).await?.into_iter().flatten().collect();
    assert_eq!(places.len(), cap);
    assert!(!ahead.rests(&shop()) && !waited_for());
    ahead.attempt_ahead(vec![(job, claimed)]);
    eventually(
        "it is left to the queue",
        VISIBILITY,
        async || Ok((rig.engine.queue.depth().await? == 1).then_some(())),
    )
    .await?;
    assert!(ahead.rests(&shop()) && waited_for());
    Ok(())
}
