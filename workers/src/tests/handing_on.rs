//! Places that finished jobs leave to the next ones of their endpoint, which were claimed before.

use super::{Rig, VISIBILITY, shop};
use crate::hand_on::begin_handing_on;
use crate::resting::Resting;
use crate::run_worker::Context;
use anyhow::{Result, ensure};
use paybell_delivery::{Job, LIFETIME_MAX};
use paybell_queue::{FeedLimits, Finished, ReadyBackend, Taken, feed};
use paybell_store::manage::Actor;
use paybell_testkit::eventually;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The cap of the endpoint that the rig makes.
const CAP: usize = 8;

/// What is in flight at the cap, and what waits behind it.
struct Drain {
    rig: Rig,
    context: Context,
    /// It ends with this.
    _feed: ReadyBackend,
    in_flight: Vec<Taken>,
    waiting: Vec<Job>,
}

impl Drain {
    async fn of(waiting: usize) -> Result<Self> {
        let rig = Rig::start().await?;
        let mut jobs = Vec::new();
        for _ in 0..CAP + waiting {
            jobs.push(rig.accept(rig.now(), LIFETIME_MAX).await?);
        }
        // The feed takes what has room as soon as it begins.
        let limits = FeedLimits { in_flight_max: 100, batch_max: 10, reuse_within: VISIBILITY };
        rig.engine.queue.push(&jobs).await?;
        let in_flight = rig.engine.queue.turn(&[], 100, 100).await?;
        ensure!(in_flight.len() == CAP, "{} are in flight", in_flight.len());
        let (feed, finished) = feed(rig.engine.queue.clone(), limits, CancellationToken::new());
        finished.note_admitted(CAP);
        let context = Context {
            engine: rig.shared_engine(),
            finished,
            attempts: TaskTracker::new(),
            resting: Arc::new(Resting::default()),
            stop: CancellationToken::new(),
        };
        Ok(Self { rig, context, _feed: feed, in_flight, waiting: jobs.split_off(CAP) })
    }

    fn finished(&self) -> &Finished {
        &self.context.finished
    }

    async fn until_waits(&self, what: &str, enough: impl Fn(u64) -> bool) -> Result<()> {
        let queue = &self.rig.engine.queue;
        eventually(what, VISIBILITY, async || Ok(enough(queue.depth().await?).then_some(()))).await
    }

    async fn until_requested(&self, count: usize) -> Result<()> {
        eventually("they are requested", VISIBILITY, async || {
            Ok((self.rig.receiver.requests().len() >= count).then_some(()))
        })
        .await
    }

    async fn attempts_of(&self, job: Job) -> Result<u32> {
        let delivery = self.rig.engine.ledger.delivery(job.delivery_id, self.rig.now()).await?;
        Ok(delivery.map_or(0, |delivery| delivery.delivery.attempts))
    }
}

#[tokio::test]
async fn what_waits_begins_in_the_places_that_finished_jobs_leave() -> Result<()> {
    let drain = Drain::of(30).await?;
    begin_handing_on(&drain.context, &drain.in_flight);
    drain.until_waits("some are claimed ahead", |depth| depth < 30).await?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(drain.rig.engine.queue.depth().await? >= 10, "only some at a time");
    assert_eq!(drain.rig.receiver.requests().len(), 0, "nothing begins without a place");
    assert_eq!(drain.finished().free(), 100 - CAP);
    drain.finished().finished(drain.in_flight[0]);
    // It goes on by itself, as each leaves its place to the next.
    drain.until_requested(30).await?;
    drain.until_waits("nothing waits", |depth| depth == 0).await?;
    for place in &drain.in_flight[1..] {
        drain.finished().finished(*place);
    }
    drain.context.attempts.close();
    drain.context.attempts.wait().await;
    for job in &drain.waiting {
        assert_eq!(drain.attempts_of(*job).await?, 1);
    }
    let free = async || Ok((drain.finished().free() == 100).then_some(()));
    eventually("the queue is told of the last places", VISIBILITY, free).await
}

#[tokio::test]
async fn few_jobs_of_an_endpoint_hand_nothing_on() -> Result<()> {
    let drain = Drain::of(30).await?;
    begin_handing_on(&drain.context, &drain.in_flight[..3]);
    assert!(drain.finished().inherit(drain.in_flight[0].job.endpoint_id).is_some(), "nobody has its places");
    Ok(())
}

#[tokio::test]
async fn an_endpoint_for_which_nothing_waits_is_left_alone_for_a_while() -> Result<()> {
    let drain = Drain::of(30).await?;
    let endpoint = drain.in_flight[0].job.endpoint_id;
    assert_eq!(drain.rig.engine.queue.drop_lane(endpoint).await?, drain.waiting);
    // Of another endpoint something waits.
    let other = Job { endpoint_id: paybell_delivery::EndpointId(uuid::Uuid::now_v7()), ..drain.waiting[0] };
    drain.rig.engine.queue.push(&[other]).await?;
    let begun = Instant::now();
    begin_handing_on(&drain.context, &drain.in_flight);
    drain.context.attempts.close();
    drain.context.attempts.wait().await;
    assert!(drain.context.resting.has(&endpoint, begun));
    drain.rig.engine.queue.push(&drain.waiting).await?;
    drain.context.resting.note(endpoint, begun + VISIBILITY * 2);
    begin_handing_on(&drain.context, &drain.in_flight);
    assert!(drain.finished().inherit(endpoint).is_some(), "nobody has its places");
    assert!(!drain.context.resting.has(&endpoint, begun + VISIBILITY * 2), "but not for ever");
    Ok(())
}

#[tokio::test]
async fn claims_for_which_no_place_comes_are_given_back() -> Result<()> {
    let drain = Drain::of(30).await?;
    begin_handing_on(&drain.context, &drain.in_flight);
    drain.until_waits("some are claimed ahead", |depth| depth < 30).await?;
    drain.context.stop.cancel();
    drain.until_waits("all wait again", |depth| depth == 30).await?;
    drain.context.attempts.close();
    drain.context.attempts.wait().await;
    for job in &drain.waiting {
        assert_eq!(drain.attempts_of(*job).await?, 0);
    }
    assert_eq!(drain.rig.receiver.requests().len(), 0);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_of_which_no_place_comes_is_left_alone_for_long() -> Result<()> {
    let drain = Drain::of(30).await?;
    let begun = Instant::now();
    begin_handing_on(&drain.context, &drain.in_flight);
    drain.context.attempts.close();
    drain.context.attempts.wait().await;
    assert!(begun.elapsed() >= Duration::from_secs(1), "claims wait for a second");
    assert_eq!(drain.rig.engine.queue.depth().await?, 30, "all wait again");
    let endpoint = drain.in_flight[0].job.endpoint_id;
    assert!(drain.context.resting.has(&endpoint, begun + Duration::from_secs(10)));
    Ok(())
}

#[tokio::test]
async fn claiming_ends_where_an_endpoint_takes_nothing_any_more() -> Result<()> {
    let drain = Drain::of(30).await?;
    let actor = Actor { name: "olga".to_owned(), now: drain.rig.now() };
    assert_eq!(drain.rig.engine.ledger.pause_merchant(&shop(), true, &actor).await?, 1);
    begin_handing_on(&drain.context, &drain.in_flight);
    drain.context.attempts.close();
    drain.context.attempts.wait().await;
    assert!(drain.rig.engine.queue.depth().await? >= 20, "it does not go through the whole lane");
    Ok(())
}
