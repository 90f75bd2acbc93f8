//! A place in flight is free once the merchant has answered; the record follows when it has company.

use super::{Rig, VISIBILITY, attempt_and_record, shop, taken};
use crate::attempt_ahead::AttemptAhead;
use crate::run_worker::{Feeds, InFlight, attempt, begin_spread};
use anyhow::Result;
use paybell_delivery::{LIFETIME_MAX, Outcome, State};
use paybell_queue::{FeedLimits, Finished, ReadyBackend, Taken, feed};
use paybell_store::AttemptsAhead;
use paybell_store::engine::ClaimedDelivery;
use paybell_testkit::eventually;
use sqlx::{Connection, SqliteConnection};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// For how long a record waits at most for company.
const GATHER: Duration = Duration::from_millis(25);
const ROOM: usize = 8;

/// The feed of a worker with room for that many, and what tells it of finished jobs. It ends with the former.
fn feeding(rig: &Rig, in_flight_max: usize) -> (ReadyBackend, Finished) {
    let limits = FeedLimits { in_flight_max, batch_max: 10, reuse_within: VISIBILITY };
    feed(rig.engine.queue.clone(), limits, CancellationToken::new())
}

/// A delivery that is claimed, and its place in flight.
async fn claimed(rig: &Rig, finished: &Finished) -> Result<(Box<ClaimedDelivery>, InFlight)> {
    let job = rig.accept(rig.now(), LIFETIME_MAX).await?;
    let claimed = rig.claim(job, rig.now()).await?;
    finished.note_admitted(1);
    Ok((Box::new(claimed), InFlight::let_in(taken(job, Duration::ZERO)?, finished.clone())))
}

#[tokio::test]
async fn a_lone_record_gathers() -> Result<()> {
    let rig = Rig::start().await?;
    let job = rig.accept(rig.now(), LIFETIME_MAX).await?;
    let claimed = rig.claim(job, rig.now()).await?;
    let begun = Instant::now();
    attempt_and_record(&rig.engine, &claimed, taken(job, Duration::ZERO)?.taken_at).await;
    assert!(begun.elapsed() >= GATHER, "it was recorded after {:?}", begun.elapsed());
    assert_eq!(rig.standing(job.delivery_id).await?, (State::Delivered, vec![Outcome::Acknowledged]));
    Ok(())
}

#[tokio::test]
async fn a_place_is_free_before_the_attempt_is_recorded() -> Result<()> {
    let rig = Rig::start().await?;
    let (_feed, finished) = feeding(&rig, ROOM);
    let url = format!("sqlite://{}", rig.folder.path().join("ledger.db").display());
    let mut other = SqliteConnection::connect(&url).await?;
    let (claimed, in_flight) = claimed(&rig, &finished).await?;
    let id = claimed.delivery_id;
    assert_eq!(finished.free(), ROOM - 1);
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await?;
    let attempting = tokio::spawn(attempt(rig.shared_engine(), claimed, in_flight));
    eventually("its place is free", VISIBILITY, async || Ok((finished.free() == ROOM).then_some(()))).await?;
    assert_eq!(rig.receiver.requests().len(), 1);
    assert_eq!(rig.standing(id).await?, (State::Pending, vec![]), "nothing can be written");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await?;
    attempting.await?;
    assert_eq!(rig.standing(id).await?, (State::Delivered, vec![Outcome::Acknowledged]));
    Ok(())
}

#[tokio::test]
async fn no_more_attempts_wait_to_be_recorded_than_may_be_in_flight() -> Result<()> {
    let rig = Rig::start().await?;
    let (_feed, finished) = feeding(&rig, ROOM);
    let in_flight_max = u32::try_from(rig.engine.settings.in_flight_max)?;
    let others = rig.engine.unrecorded.acquire_many(in_flight_max).await?;
    let (claimed, in_flight) = claimed(&rig, &finished).await?;
    let id = claimed.delivery_id;
    let attempting = tokio::spawn(attempt(rig.shared_engine(), claimed, in_flight));
    eventually("it answers", VISIBILITY, async || Ok((rig.receiver.requests().len() == 1).then_some(()))).await?;
    tokio::time::sleep(GATHER * 4).await;
    assert_eq!(finished.free(), ROOM - 1, "it keeps its place");
    assert_eq!(rig.standing(id).await?, (State::Pending, vec![]));
    drop(others);
    attempting.await?;
    assert_eq!(finished.free(), ROOM);
    assert_eq!(rig.standing(id).await?, (State::Delivered, vec![Outcome::Acknowledged]));
    Ok(())
}

#[tokio::test]
async fn attempts_of_one_batch_do_not_begin_at_once() -> Result<()> {
    let rig = Rig::start().await?;
    let (_feed, finished) = feeding(&rig, 100);
    for (count, least) in [(8, Duration::ZERO), (24, Duration::from_millis(2))] {
        let (attempts, mut won) = (TaskTracker::new(), Vec::new());
        for _ in 0..count {
            won.push(claimed(&rig, &finished).await?);
        }
        let (before, begun) = (rig.receiver.requests().len(), Instant::now());
        begin_spread(&rig.shared_engine(), &attempts, won).await;
        assert!(begun.elapsed() >= least, "{count} began within {:?}", begun.elapsed());
        attempts.close();
        attempts.wait().await;
        assert_eq!(rig.receiver.requests().len(), before + count, "and all of them do");
    }
    Ok(())
}

/// Attempts ahead for a worker with room for 100, whose feed goes on as long as it is kept.
fn ahead(rig: &Rig) -> (ReadyBackend, AttemptAhead) {
    let (feed, finished) = feeding(rig, 100);
    let feeds: Feeds = Arc::new(Mutex::new(vec![finished]));
    (feed, AttemptAhead::new(rig.shared_engine(), feeds, TaskTracker::new(), CancellationToken::new()))
}

#[tokio::test]
async fn payments_are_claimed_ahead_only_where_the_worker_has_places_to_spare() -> Result<()> {
    let rig = Rig::start().await?;
    let (_feed, ahead) = ahead(&rig);
    assert!(ahead.claim_ahead(1).is_some());
    assert!(ahead.claim_ahead(101).is_none());
    Ok(())
}

#[tokio::test]
async fn a_merchant_that_is_turned_away_rests() -> Result<()> {
    let rig = Rig::start().await?;
    let job = rig.accept(rig.now(), LIFETIME_MAX).await?;
    let claimed = rig.claim(job, rig.now()).await?;
    let (_feed, ahead) = ahead(&rig);
    let cap = job.concurrency_max as usize;
    let places: Vec<Taken> = rig.engine.queue.admit(&vec![job; cap], 100).await?.into_iter().flatten().collect();
    assert_eq!(places.len(), cap);
    let except = || ahead.claim_ahead(1).expect("room").except;
    assert!(except().is_empty());
    ahead.attempt_ahead(vec![(job, claimed)]);
    eventually(
        "it is left to the queue",
        VISIBILITY,
        async || Ok((rig.engine.queue.depth().await? == 1).then_some(())),
    )
    .await?;
    assert_eq!(except(), [shop()]);
    Ok(())
}

#[tokio::test]
async fn an_attempt_in_flight_is_a_small_task() -> Result<()> {
    let rig = Rig::start().await?;
    let (_feed, finished) = feeding(&rig, ROOM);
    let (claimed, in_flight) = claimed(&rig, &finished).await?;
    let bytes = size_of_val(&attempt(rig.shared_engine(), claimed, in_flight));
    assert!(bytes <= 2_048, "{bytes} bytes, of which there may be ten thousand");
    Ok(())
}
