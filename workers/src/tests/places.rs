//! Attempts keep their places in flight until they are recorded.

use super::{Rig, VISIBILITY, taken};
use crate::attempt_ahead::AttemptAhead;
use crate::attempt_delivery::attempt_claimed;
use crate::run_worker::Feeds;
use anyhow::Result;
use paybell_delivery::{LIFETIME_MAX, Outcome, State};
use paybell_queue::{FeedLimits, feed};
use paybell_store::AttemptsAhead;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Attempts ahead for a worker with room for that many.
fn ahead(rig: &Rig, in_flight_max: usize) -> Arc<AttemptAhead> {
    let limits = FeedLimits { in_flight_max, batch_max: 10, reuse_within: VISIBILITY };
    let (_, finished) = feed(rig.engine.queue.clone(), limits, CancellationToken::new());
    let feeds: Feeds = Arc::new(Mutex::new(vec![finished]));
    Arc::new(AttemptAhead::new(rig.engine.clone(), feeds, TaskTracker::new(), CancellationToken::new()))
}

#[tokio::test]
async fn places_are_to_spare_while_nothing_waits_and_all_find_room() -> Result<()> {
    let rig = Rig::start().await?;
    let room = ahead(&rig, 100);
    assert!(room.claim_ahead(1).is_some() && room.places_to_spare());
    let job = rig.accept(rig.now(), LIFETIME_MAX).await?;
    rig.engine.queue.push(&[job]).await?;
    assert!(!room.places_to_spare(), "a job waits");
    rig.engine.queue.turn(&[], 1, 1).await?;
    assert!(room.places_to_spare(), "it is under way");

    let cramped = ahead(&rig, 100);
    assert!(cramped.claim_ahead(101).is_none() && !cramped.places_to_spare(), "more than there is room for");
    Ok(())
}

#[tokio::test]
async fn a_lone_record_gathers_while_there_are_places_to_spare() -> Result<()> {
    let rig = Rig::start().await?;
    let ahead: Arc<dyn AttemptsAhead> = ahead(&rig, 100);
    rig.engine.coalesced.attempt_ahead_by(&ahead);
    let job = rig.accept(rig.now(), LIFETIME_MAX).await?;
    let claimed = rig.claim(job, rig.now()).await?;
    let begun = Instant::now();
    let place = taken(job, Duration::ZERO)?;
    attempt_claimed(&rig.engine, &claimed, place.taken_at).await;
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(25), "it was recorded after {took:?}");
    assert_eq!(rig.standing(job.delivery_id).await?, (State::Delivered, vec![Outcome::Acknowledged]));
    Ok(())
}
