//! Places in flight that go from a finished job to the next one of its endpoint.

use crate::consumers::{SETTINGS, capped_job, in_process, in_redis, take};
use anyhow::{Context, Result, ensure};
use paybell_delivery::Job;
use paybell_queue::{FeedLimits, Finished, Queue, ReadyBackend, Taken, feed};
use paybell_testkit::eventually;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(20);
const LIMITS: FeedLimits = FeedLimits { in_flight_max: 99, batch_max: 9, reuse_within: Duration::from_secs(600) };
const CAP: u32 = 8;

fn jobs(numbers: std::ops::Range<u128>) -> Vec<Job> {
    numbers.map(|number| capped_job(1, number, CAP)).collect()
}

/// A feed whose first turn has found nothing.
async fn begin(
    queue: &Arc<dyn Queue>,
    limits: FeedLimits,
    stop: &CancellationToken,
) -> Result<(ReadyBackend, Finished)> {
    let begun = feed(queue.clone(), limits, stop.clone());
    eventually("a turn finds nothing", SOON, async || Ok(queue.none_waits().then_some(()))).await?;
    Ok(begun)
}

/// Lets a job in, and finishes it at once.
async fn come_and_go(queue: &dyn Queue, finished: &Finished) -> Result<Taken> {
    let admitted = queue.admit(&jobs(0..1), 99).await?;
    let place = admitted[0].context("there is no room")?;
    finished.note_admitted(1);
    finished.finished(place);
    Ok(place)
}

/// Waits until none of the endpoint's places in flight is taken, as another consumer sees it.
async fn until_all_are_free(queue: &dyn Queue) -> Result<()> {
    eventually("all places are free", SOON, async || {
        let places: Vec<Taken> = queue.admit(&jobs(50..70), 99).await?.into_iter().flatten().collect();
        take(queue, &places, 0).await?;
        Ok((places.len() == CAP as usize).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn finished_job_leaves_its_place_to_the_next_of_its_endpoint() -> Result<()> {
    for queue in [in_process(SETTINGS)?, in_redis(SETTINGS)?] {
        let stop = CancellationToken::new();
        let (_backend, finished) = begin(&queue.one, LIMITS, &stop).await?;
        let next = [capped_job(2, 1, CAP), capped_job(1, 1, CAP), capped_job(1, 2, CAP)];
        // Once a second the queue is told of all that is kept; it may be just then.
        let (before, place) = eventually("a place is kept", SOON, async || {
            let before = come_and_go(&*queue.one, &finished).await?;
            let [other, first, second] = finished.take_kept(&next)[..] else { return Ok(None) };
            ensure!(other.is_none() && second.is_none(), "{other:?} and {second:?} out of nothing");
            Ok(first.map(|first| (before, first)))
        })
        .await?;
        ensure!(place == Taken { job: next[1], ..before }, "{place:?} of {before:?}");
        // For the others it goes on being taken.
        let others: Vec<Taken> = queue.two.admit(&jobs(10..30), 99).await?.into_iter().flatten().collect();
        ensure!(others.len() == CAP as usize - 1, "{} are let in besides", others.len());
        take(&*queue.two, &others, 0).await?;
        finished.finished(place);
        until_all_are_free(&*queue.two).await?;
        // At the end as well.
        come_and_go(&*queue.one, &finished).await?;
        stop.cancel();
        finished.all_told().await;
        until_all_are_free(&*queue.two).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_job_waits_only_those_that_never_waited_leave_their_places() -> Result<()> {
    for queue in [in_process(SETTINGS)?, in_redis(SETTINGS)?] {
        let stop = CancellationToken::new();
        let (_backend, finished) = begin(&queue.one, LIMITS, &stop).await?;
        // The second waits for the first.
        queue.two.push(&[capped_job(2, 1, 1), capped_job(2, 2, 1)]).await?;
        eventually("one waits", SOON, async || Ok((!queue.one.none_waits()).then_some(()))).await?;
        until_all_are_free(&*queue.two).await?;
        come_and_go(&*queue.one, &finished).await?;
        ensure!(finished.take_kept(&jobs(1..2)) == [None], "a place was kept");
        let place = eventually("a place is kept", SOON, async || {
            let place = queue.one.admit(&jobs(2..3), 99).await?[0].context("there is no room")?;
            finished.note_admitted(1);
            finished.finished_let_in(place);
            Ok(finished.take_kept(&jobs(3..4))[0])
        })
        .await?;
        finished.finished_let_in(place);
        until_all_are_free(&*queue.two).await?;
        stop.cancel();
    }
    Ok(())
}

/// Lets in as many of an endpoint as its cap allows, and finishes the first of them, whose place is kept.
async fn fill(queue: &dyn Queue, finished: &Finished, jobs: &[Job]) -> Result<Vec<Taken>> {
    let mut places: Vec<Taken> = queue.admit(jobs, 99).await?.into_iter().flatten().collect();
    finished.note_admitted(places.len());
    finished.finished_let_in(places.remove(0));
    Ok(places)
}

#[tokio::test(flavor = "multi_thread")]
async fn place_of_an_endpoint_is_given_up_for_jobs_of_its_own_and_of_no_other() -> Result<()> {
    for queue in [in_process(SETTINGS)?, in_redis(SETTINGS)?] {
        let stop = CancellationToken::new();
        let (_backend, finished) = begin(&queue.one, LIMITS, &stop).await?;
        let mut endpoint = 1;
        // Once a second all are given up; it may be just then.
        eventually("another's place stays", SOON, async || {
            endpoint += 1;
            let full: Vec<Job> = (0..4).map(|number| capped_job(endpoint, number, 4)).collect();
            let others = fill(&*queue.one, &finished, &full).await?;
            let mut left = fill(&*queue.one, &finished, &jobs(0..2)).await?;
            ensure!((others.len(), left.len()) == (3, 1), "{others:?} and {left:?} are left");
            queue.two.push(&[capped_job(endpoint, 4, 4)]).await?;
            eventually("the job has its turn", SOON, async || Ok((queue.two.depth().await? == 0).then_some(())))
                .await?;
            let stayed = finished.take_kept(&jobs(2..3))[0];
            left.extend(stayed);
            others.into_iter().chain(left).for_each(|place| finished.finished(place));
            Ok(stayed.map(|_| ()))
        })
        .await?;
        stop.cancel();
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_that_is_nearly_full_hears_of_every_slot_that_is_free() -> Result<()> {
    const TWO: FeedLimits = FeedLimits { in_flight_max: 2, ..LIMITS };
    for queue in [in_process(SETTINGS)?, in_redis(SETTINGS)?] {
        let (_backend, finished) = begin(&queue.one, TWO, &CancellationToken::new()).await?;
        let first = queue.one.admit(&jobs(0..1), 2).await?[0].context("there is no room")?;
        let other = queue.one.admit(&[capped_job(2, 0, CAP)], 1).await?[0].context("there is no room")?;
        finished.note_admitted(2);
        finished.finished_let_in(first);
        ensure!(finished.take_kept(&jobs(1..2)) == [None], "its slot is needed");
        finished.finished_let_in(other);
        until_all_are_free(&*queue.two).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_inherits_gets_the_places_of_finished_jobs_until_it_ends() -> Result<()> {
    for queue in [in_process(SETTINGS)?, in_redis(SETTINGS)?] {
        let stop = CancellationToken::new();
        let (_backend, finished) = begin(&queue.one, LIMITS, &stop).await?;
        let all: Vec<Taken> = queue.one.admit(&jobs(0..8), 99).await?.into_iter().flatten().collect();
        ensure!(all.len() == CAP as usize, "{} are let in", all.len());
        finished.note_admitted(all.len());
        let mut heir = finished.inherit(all[0].job.endpoint_id).context("nobody has them")?;
        ensure!(finished.inherit(all[0].job.endpoint_id).is_none(), "each has one heir");
        finished.finished(all[0]);
        finished.finished_let_in(all[1]);
        ensure!(heir.next().await == Some(all[0]) && heir.next().await == Some(all[1]));
        ensure!(finished.free() == 91, "they are in flight still");
        let let_in = queue.two.admit(&jobs(20..21), 99).await?;
        ensure!(let_in == [None], "for the queue nothing has changed");
        // What it has not taken goes to the queue in the end, and so does what comes after.
        finished.finished(all[2]);
        drop(heir);
        all[3..].iter().for_each(|place| finished.finished(*place));
        finished.finished(all[0]);
        finished.finished(all[1]);
        until_all_are_free(&*queue.two).await?;
        stop.cancel();
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn places_that_are_too_old_and_slots_that_are_waited_for_are_not_inherited() -> Result<()> {
    for limits in [FeedLimits { reuse_within: Duration::ZERO, ..LIMITS }, FeedLimits { in_flight_max: 8, ..LIMITS }] {
        let queue = in_process(SETTINGS)?;
        let (_backend, finished) = begin(&queue.one, limits, &CancellationToken::new()).await?;
        let all: Vec<Taken> = queue.one.admit(&jobs(0..8), 99).await?.into_iter().flatten().collect();
        finished.note_admitted(all.len());
        let _heir = finished.inherit(all[0].job.endpoint_id).context("nobody has them")?;
        finished.finished(all[0]);
        let room = async || Ok(queue.two.admit(&jobs(20..21), 99).await?.into_iter().flatten().next());
        eventually("the queue is told", SOON, room).await?;
    }
    Ok(())
}
