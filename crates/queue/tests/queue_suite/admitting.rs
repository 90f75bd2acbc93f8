//! Letting in what need not wait.

use crate::consumers::{Consumers, SETTINGS, capped_job, job, jobs_of, take, take_jobs};
use anyhow::Result;
use paybell_delivery::Job;
use paybell_queue::{Queue, QueueSettings, Taken};
use std::time::Duration;

on_both_queues! {
    what_is_let_in_counts_against_its_cap_over_all_consumers with SETTINGS;
    nothing_takes_a_place_that_others_wait_for with SETTINGS;
    nothing_overtakes_what_is_held_back with SETTINGS;
    no_more_is_let_in_than_there_are_slots with SETTINGS;
    endpoint_alone_is_let_in_for_half_of_the_slots with SETTINGS;
    place_of_what_was_let_in_and_lost_is_free_when_its_lease_ends with QueueSettings { lease: LEASE, ..SETTINGS };
}

const LEASE: Duration = Duration::from_millis(150);

/// Those that were let in, and whether each was.
async fn admit(queue: &dyn Queue, jobs: &[Job], free: usize) -> Result<(Vec<Taken>, Vec<bool>)> {
    let places = queue.admit(jobs, free).await?;
    let is_in = places.iter().map(Option::is_some).collect();
    for (job, place) in jobs.iter().zip(&places) {
        assert!(place.is_none_or(|place| place.job == *job), "{place:?} for {job:?}");
    }
    Ok((places.into_iter().flatten().collect(), is_in))
}

async fn what_is_let_in_counts_against_its_cap_over_all_consumers(Consumers { one, two }: Consumers) -> Result<()> {
    let jobs = [capped_job(1, 1, 2), capped_job(1, 2, 2), capped_job(1, 3, 2), capped_job(2, 1, 2)];
    let (first, is_in) = admit(&*one, &jobs, 100).await?;
    assert_eq!(is_in, [true, true, false, true]);
    assert_eq!(admit(&*two, &[capped_job(1, 4, 2)], 100).await?.1, [false]);
    two.push(&[capped_job(1, 5, 2)]).await?;
    assert_eq!(take_jobs(&*two, &[], 9).await?, []);
    assert_eq!(take_jobs(&*two, &first[..1], 9).await?, [capped_job(1, 5, 2)], "whoever finishes frees");
    assert_eq!(one.depth().await?, 0);
    Ok(())
}

async fn nothing_takes_a_place_that_others_wait_for(Consumers { one, two }: Consumers) -> Result<()> {
    one.push(&[capped_job(1, 1, 3), capped_job(1, 2, 3)]).await?;
    let fresh = [capped_job(1, 3, 3), capped_job(1, 4, 3), capped_job(2, 1, 3)];
    assert_eq!(admit(&*two, &fresh, 2).await?.1, [false, false, true], "two slots are for those that wait");
    assert_eq!(admit(&*two, &fresh[..2], 100).await?.1, [true, false], "the third place is free");
    assert_eq!(take_jobs(&*one, &[], 9).await?, [capped_job(1, 1, 3), capped_job(1, 2, 3)]);
    Ok(())
}

async fn nothing_overtakes_what_is_held_back(Consumers { one, two }: Consumers) -> Result<()> {
    one.push(&[capped_job(1, 1, 1), capped_job(1, 2, 1)]).await?;
    let first = take(&*one, &[], 9).await?;
    assert_eq!(jobs_of(&first), [capped_job(1, 1, 1)]);
    assert_eq!(admit(&*two, &[capped_job(1, 3, 9)], 100).await?.1, [false]);
    Ok(())
}

async fn no_more_is_let_in_than_there_are_slots(Consumers { one, .. }: Consumers) -> Result<()> {
    let jobs: Vec<Job> = (1..=5).map(|endpoint| job(endpoint, 1)).collect();
    assert_eq!(admit(&*one, &jobs, 3).await?.1, [true, true, true, false, false]);
    assert_eq!(admit(&*one, &[job(9, 1)], 0).await?.1, [false]);
    assert_eq!(admit(&*one, &[], 3).await?.1, [] as [bool; 0]);
    Ok(())
}

async fn endpoint_alone_is_let_in_for_half_of_the_slots(Consumers { one, .. }: Consumers) -> Result<()> {
    let jobs: Vec<Job> = (1..=30).map(|number| job(1, number)).collect();
    assert_eq!(admit(&*one, &jobs, 20).await?.0.len(), 10);
    Ok(())
}

async fn place_of_what_was_let_in_and_lost_is_free_when_its_lease_ends(
    Consumers { one, two }: Consumers,
) -> Result<()> {
    assert_eq!(admit(&*one, &[capped_job(1, 1, 1)], 100).await?.1, [true]);
    two.push(&[capped_job(1, 2, 1)]).await?;
    assert_eq!(take_jobs(&*two, &[], 9).await?, []);
    tokio::time::sleep(LEASE * 2).await;
    assert_eq!(take_jobs(&*two, &[], 9).await?, [capped_job(1, 2, 1)]);
    Ok(())
}
