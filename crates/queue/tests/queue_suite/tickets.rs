//! A job may be taken twice; each taking has its own place in flight.

use crate::consumers::{Consumers, SETTINGS, capped_job, job, jobs_of, take, take_jobs};
use anyhow::Result;
use paybell_delivery::Job;
use std::collections::HashSet;

on_both_queues! {
    job_that_is_taken_twice_has_two_places with SETTINGS;
    whoever_loses_a_job_frees_its_own_place_only with SETTINGS;
    no_ticket_is_given_twice with SETTINGS;
}

async fn job_that_is_taken_twice_has_two_places(Consumers { one, two }: Consumers) -> Result<()> {
    let jobs: Vec<Job> = (1..=4).map(|number| capped_job(1, number, 2)).collect();
    one.push(&jobs[..1]).await?;
    take(&*one, &[], 9).await?;
    two.push(&jobs).await?;
    assert_eq!(take_jobs(&*two, &[], 9).await?, jobs[..1], "the first of it and the second fill the cap of two");
    Ok(())
}

async fn whoever_loses_a_job_frees_its_own_place_only(Consumers { one, two }: Consumers) -> Result<()> {
    let jobs: Vec<Job> = (1..=4).map(|number| capped_job(1, number, 2)).collect();
    one.push(&jobs[..1]).await?;
    let running = take(&*one, &[], 9).await?;
    two.push(&jobs).await?;
    let lost = take(&*two, &[], 1).await?;
    assert_eq!(jobs_of(&lost), jobs_of(&running));
    let next = take(&*two, &lost, 9).await?;
    assert_eq!(jobs_of(&next), jobs[1..2], "beside the one that runs there is one place");
    assert_eq!(take_jobs(&*two, &lost, 9).await?, [], "it is finished once");
    assert_eq!(take_jobs(&*one, &running, 9).await?, jobs[2..3]);
    Ok(())
}

async fn no_ticket_is_given_twice(Consumers { one, two }: Consumers) -> Result<()> {
    let mut tickets = HashSet::new();
    for round in 0..100 {
        // Every other round leaves lanes behind: with none left the queue forgets where it was.
        one.push(&[job(1, 2 * round), job(2, 2 * round), job(2, 2 * round + 1)]).await?;
        let want = if round % 2 == 0 { 2 } else { 9 };
        let mut taken = take(&*one, &[], want).await?;
        taken.extend(take(&*two, &[], 2).await?);
        assert!(!taken.is_empty());
        for taken in taken {
            assert!(taken.ticket != 0 && tickets.insert(taken.ticket), "round {round} gives {taken:?} again");
        }
    }
    Ok(())
}
