//! More jobs than one command of Redis takes, and order where lanes are held back.

use crate::consumers::{Consumers, SETTINGS, capped_job, job, jobs_of, take, take_jobs};
use anyhow::Result;
use paybell_delivery::Job;
use paybell_queue::QueueSettings;

on_both_queues! {
    thousands_of_jobs_of_one_endpoint_keep_their_order with QueueSettings { lane_max: 10_000, ..SETTINGS };
    thousands_of_endpoints_are_served_and_finished_at_once with SETTINGS;
    lane_takes_the_first_of_thousands_until_it_is_full with QueueSettings { lane_max: 1_700, ..SETTINGS };
    jobs_that_wait_already_take_no_room_from_others with QueueSettings { lane_max: 1_700, ..SETTINGS };
    lane_that_is_held_back_keeps_its_order with SETTINGS;
    lanes_that_no_turn_reached_keep_their_place with SETTINGS;
}

const MANY: u128 = 2_500;

fn jobs_of_one(from: u128, to: u128) -> Vec<Job> {
    (from..to).map(|number| job(1, number)).collect()
}

async fn thousands_of_jobs_of_one_endpoint_keep_their_order(Consumers { one, two }: Consumers) -> Result<()> {
    let jobs = jobs_of_one(0, MANY);
    assert_eq!(one.push(&jobs).await?.added, jobs.len());
    let first = take(&*two, &[], 7).await?;
    let rest = take(&*one, &first, 10_000).await?;
    assert_eq!([jobs_of(&first), jobs_of(&rest)].concat(), jobs);
    assert_eq!(take_jobs(&*two, &rest, 9).await?, []);
    assert_eq!(one.depth().await?, 0);
    Ok(())
}

async fn thousands_of_endpoints_are_served_and_finished_at_once(Consumers { one, two }: Consumers) -> Result<()> {
    let jobs: Vec<Job> = (0..2).flat_map(|number| (1..=MANY).map(move |one| capped_job(one, number, 1))).collect();
    assert_eq!(one.push(&jobs).await?.added, jobs.len());
    let (first, second) = jobs.split_at(jobs.len() / 2);
    let taken = take(&*one, &[], 10_000).await?;
    assert_eq!(jobs_of(&taken), first);
    assert_eq!(take_jobs(&*two, &[], 10_000).await?, []);
    let taken = take(&*two, &taken, 10_000).await?;
    assert_eq!(jobs_of(&taken), second, "each comes back when its own ended");
    assert_eq!(take_jobs(&*one, &taken, 10_000).await?, []);
    assert_eq!(one.depth().await?, 0);
    Ok(())
}

async fn lane_takes_the_first_of_thousands_until_it_is_full(Consumers { one, .. }: Consumers) -> Result<()> {
    let jobs = jobs_of_one(0, MANY);
    let pushed = one.push(&jobs).await?;
    assert_eq!((pushed.added, &pushed.refused[..]), (1_700, &jobs[1_700..]));
    assert_eq!(take_jobs(&*one, &[], 10_000).await?, jobs[..1_700]);
    Ok(())
}

async fn jobs_that_wait_already_take_no_room_from_others(Consumers { one, two }: Consumers) -> Result<()> {
    assert_eq!(one.push(&jobs_of_one(0, 900)).await?.added, 900);
    let pushed = two.push(&jobs_of_one(100, 1_700)).await?;
    assert_eq!((pushed.added, pushed.refused.len(), one.depth().await?), (800, 0, 1_700));
    assert_eq!(take_jobs(&*one, &[], 10_000).await?, jobs_of_one(0, 1_700));
    Ok(())
}

async fn lane_that_is_held_back_keeps_its_order(Consumers { one, two }: Consumers) -> Result<()> {
    let jobs: Vec<Job> = (0..9).map(|number| capped_job(1, number, 2)).collect();
    one.push(&jobs[..6]).await?;
    let mut taken = take(&*one, &[], 99).await?;
    assert_eq!(jobs_of(&taken), jobs[..2]);
    assert_eq!(take_jobs(&*two, &[], 99).await?, []);
    two.push(&jobs[6..]).await?;
    for next in &jobs[2..] {
        let more = take(&*two, &[taken.remove(0)], 99).await?;
        assert_eq!(jobs_of(&more), [*next]);
        taken.extend(more);
    }
    assert_eq!(one.depth().await?, 0);
    Ok(())
}

async fn lanes_that_no_turn_reached_keep_their_place(Consumers { one, two }: Consumers) -> Result<()> {
    // In an order which is not that of their names.
    for endpoint in [3, 1, 4, 2] {
        one.push(&[job(endpoint, 1), job(endpoint, 2), job(endpoint, 3)]).await?;
    }
    let mut endpoints = Vec::new();
    for want in [3, 2, 1, 4, 2] {
        endpoints.extend(take_jobs(&*two, &[], want).await?.iter().map(|job| job.endpoint_id.0.as_u128()));
    }
    assert_eq!(endpoints, [3, 1, 4, 2, 3, 1, 4, 2, 3, 1, 4, 2]);
    Ok(())
}
