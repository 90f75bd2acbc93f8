//! One suite for both queues: what one does, the other does.

use crate::consumers::{Consumers, SETTINGS, capped_job, job, jobs_of, take, take_jobs};
use anyhow::Result;
use paybell_delivery::{EndpointId, Job};
use paybell_queue::{QueueSettings, Taken};
use paybell_testkit::eventually;
use std::collections::HashSet;
use std::time::{Duration, Instant};

on_both_queues! {
    lanes_are_served_in_turn with SETTINGS;
    cap_holds_over_all_consumers with SETTINGS;
    lowest_cap_is_one with SETTINGS;
    job_that_is_lost_frees_its_place_when_its_lease_ends with QueueSettings { lease: LEASE, ..SETTINGS };
    lost_job_frees_its_place_while_others_come_and_go with QueueSettings { lease: LEASE, ..SETTINGS };
    lane_and_queue_are_bounded with QueueSettings { lane_max: 3, depth_max: 5, ..SETTINGS };
    only_what_is_held_back_is_withdrawn with SETTINGS;
    dropped_lane_is_empty_and_the_others_go_on with SETTINGS;
    pushing_tells_whether_any_lane_has_its_turn with SETTINGS;
    waiting_job_is_not_added_twice with SETTINGS;
    finishing_what_is_not_in_flight_is_harmless with SETTINGS;
    many_jobs_are_each_taken_once with QueueSettings { lane_max: 10_000, ..SETTINGS };
    push_wakes_who_waits with SETTINGS;
    empty_turn_and_empty_push_do_nothing with SETTINGS;
    last_turn_tells_whether_workers_ask with SETTINGS;
    turn_tells_whether_anything_still_waits with SETTINGS;
    endpoints_for_which_jobs_wait_are_told_from_others with SETTINGS;
}

const LEASE: Duration = Duration::from_millis(150);

async fn lanes_are_served_in_turn(Consumers { one, two }: Consumers) -> Result<()> {
    let jobs = [job(1, 1), job(1, 2), job(1, 3), job(1, 4), job(2, 1), job(2, 2), job(3, 1)];
    assert_eq!(one.push(&jobs).await?.added, 7);
    assert_eq!(take_jobs(&*two, &[], 5).await?, [job(1, 1), job(2, 1), job(3, 1), job(1, 2), job(2, 2)]);
    assert_eq!(one.push(&[job(3, 2)]).await?.added, 1);
    assert_eq!(one.depth().await?, 3);
    assert_eq!(take_jobs(&*one, &[], 9).await?, [job(1, 3), job(3, 2), job(1, 4)]);
    assert_eq!((one.depth().await?, take_jobs(&*two, &[], 9).await?), (0, vec![]));
    Ok(())
}

async fn cap_holds_over_all_consumers(Consumers { one, two }: Consumers) -> Result<()> {
    let slow: Vec<Job> = (1..=5).map(|number| capped_job(1, number, 2)).collect();
    one.push(&slow).await?;
    let first = take(&*one, &[], 1).await?;
    let second = take(&*two, &[], 9).await?;
    assert_eq!((jobs_of(&first), jobs_of(&second)), (slow[..1].to_vec(), slow[1..2].to_vec()));
    assert_eq!(take_jobs(&*one, &[], 9).await?, []);
    one.push(&[job(2, 1)]).await?;
    assert_eq!(take_jobs(&*two, &[], 9).await?, [job(2, 1)], "the other lanes must go on");
    let third = take(&*one, &first, 9).await?;
    assert_eq!(jobs_of(&third), slow[2..3]);
    let last = take(&*two, &[second[0], third[0]], 9).await?;
    assert_eq!(jobs_of(&last), slow[3..5], "whoever finishes frees");
    assert_eq!(take_jobs(&*one, &last, 9).await?, []);
    Ok(())
}

async fn lowest_cap_is_one(Consumers { one, .. }: Consumers) -> Result<()> {
    one.push(&[capped_job(1, 1, 0), capped_job(1, 2, 0)]).await?;
    let first = take(&*one, &[], 9).await?;
    assert_eq!(first.len(), 1);
    assert_eq!(take_jobs(&*one, &first, 9).await?.len(), 1);
    Ok(())
}

async fn job_that_is_lost_frees_its_place_when_its_lease_ends(Consumers { one, two }: Consumers) -> Result<()> {
    let (lost, next) = (capped_job(1, 1, 1), capped_job(1, 2, 1));
    one.push(&[lost, next]).await?;
    let begin = Instant::now();
    assert_eq!(take_jobs(&*one, &[], 1).await?, [lost]);
    let taken = eventually("the lease ends", Duration::from_secs(10), async || {
        let taken = take_jobs(&*two, &[], 9).await?;
        Ok((!taken.is_empty()).then_some(taken))
    });
    assert_eq!(taken.await?, [next]);
    assert!(begin.elapsed() >= LEASE - Duration::from_millis(2), "it ended after {:?}", begin.elapsed());
    Ok(())
}

async fn lost_job_frees_its_place_while_others_come_and_go(Consumers { one, two }: Consumers) -> Result<()> {
    let jobs: Vec<Job> = (1..=9).map(|number| capped_job(1, number, 2)).collect();
    one.push(&jobs).await?;
    let lost = take(&*one, &[], 1).await?;
    let mut taken = take(&*two, &[], 9).await?;
    eventually("the lease of the lost job ends", Duration::from_secs(10), async || {
        assert_eq!(taken.len(), 1, "{lost:?} is in flight");
        let next = take(&*two, &taken, 9).await?;
        one.push(&jobs_of(&std::mem::replace(&mut taken, next))).await?;
        Ok((taken.len() == 2).then_some(()))
    })
    .await
}

async fn lane_and_queue_are_bounded(Consumers { one, two }: Consumers) -> Result<()> {
    let jobs: Vec<Job> = (1..=4).map(|number| job(1, number)).collect();
    assert_eq!(one.push(&jobs).await?.added, 3, "the lane is full");
    let jobs: Vec<Job> = (1..=3).map(|number| job(2, number)).collect();
    assert_eq!(one.push(&jobs).await?.added, 2, "the queue is full");
    assert_eq!(two.push(&[job(3, 1)]).await?.added, 0, "the queue is full");
    assert_eq!(one.depth().await?, 5);
    assert_eq!(take_jobs(&*one, &[], 1).await?, [job(1, 1)]);
    assert_eq!(one.push(&[job(3, 1), job(3, 2)]).await?.added, 1, "there is room for one");
    assert_eq!(take_jobs(&*one, &[], 99).await?.len(), 5);
    Ok(())
}

async fn only_what_is_held_back_is_withdrawn(Consumers { one, two }: Consumers) -> Result<()> {
    let jobs: Vec<Job> = (1..=5).map(|number| capped_job(1, number, 1)).collect();
    let endpoint = jobs[0].endpoint_id;
    one.push(&jobs[..3]).await?;
    assert_eq!(two.withdraw(endpoint, 9).await?, [], "it has its turn");
    let taken = take(&*one, &[], 9).await?;
    assert_eq!(jobs_of(&taken), jobs[..1]);
    assert_eq!(two.withdraw(endpoint, 0).await?, []);
    assert_eq!(two.withdraw(endpoint, 1).await?, jobs[1..2], "the first that waits");
    assert_eq!(two.withdraw(job(9, 1).endpoint_id, 9).await?, []);
    assert_eq!(one.depth().await?, 1);
    assert_eq!(one.push(&[jobs[1], jobs[3]]).await?.added, 2, "it waits no more");
    assert_eq!(take_jobs(&*one, &[], 9).await?, [], "it is held back still");
    assert_eq!(take_jobs(&*one, &taken, 9).await?, jobs[2..3]);
    assert_eq!(two.withdraw(endpoint, 9).await?, [jobs[1], jobs[3]]);
    assert_eq!(one.depth().await?, 0);
    one.push(&jobs[4..]).await?;
    assert_eq!(two.withdraw(endpoint, 9).await?, [], "its lane is a new one");
    Ok(())
}

async fn dropped_lane_is_empty_and_the_others_go_on(Consumers { one, two }: Consumers) -> Result<()> {
    let jobs = [capped_job(1, 1, 1), capped_job(1, 2, 1), job(2, 1), job(2, 2), job(3, 1)];
    one.push(&jobs).await?;
    let taken = take(&*one, &[], 2).await?;
    assert_eq!(jobs_of(&taken), [jobs[0], jobs[2]]);
    assert_eq!(jobs_of(&take(&*two, &[], 1).await?), [jobs[4]]);
    let later = [capped_job(1, 3, 1), capped_job(1, 4, 1)];
    one.push(&later).await?;
    assert_eq!(two.drop_lane(jobs[0].endpoint_id).await?, [jobs[1], later[0], later[1]], "what waited, in order");
    assert_eq!(two.drop_lane(job(9, 1).endpoint_id).await?, []);
    assert_eq!(one.depth().await?, 1);
    assert_eq!(one.push(&jobs[1..2]).await?.added, 1, "it waits no more");
    assert_eq!(one.drop_lane(jobs[0].endpoint_id).await?, jobs[1..2]);
    assert_eq!(take_jobs(&*one, &taken, 9).await?, [jobs[3]], "finishing brings nothing back");
    assert_eq!(one.depth().await?, 0);
    one.push(&jobs[..1]).await?;
    assert_eq!(take_jobs(&*two, &[], 9).await?, jobs[..1]);
    Ok(())
}

async fn pushing_tells_whether_any_lane_has_its_turn(Consumers { one, two }: Consumers) -> Result<()> {
    let jobs: Vec<Job> = (1..=3).map(|number| capped_job(1, number, 1)).collect();
    assert!(!one.push(&jobs[..2]).await?.is_held_back);
    let taken = take(&*one, &[], 9).await?;
    assert_eq!(jobs_of(&taken), jobs[..1]);
    assert!(two.push(&jobs[2..]).await?.is_held_back, "its endpoint is at its cap");
    assert!(!two.push(&[jobs[2], job(2, 1)]).await?.is_held_back, "the other's is not");
    let taken = take(&*one, &taken, 9).await?;
    assert_eq!(jobs_of(&taken), [job(2, 1), jobs[1]]);
    assert!(two.push(&jobs[2..]).await?.is_held_back, "another of it is in flight");
    assert!(!two.push(&[job(2, 2)]).await?.is_held_back);
    Ok(())
}

async fn waiting_job_is_not_added_twice(Consumers { one, two }: Consumers) -> Result<()> {
    assert_eq!(one.push(&[job(1, 1), job(1, 1)]).await?.added, 1);
    assert_eq!(two.push(&[job(1, 1), job(1, 2)]).await?.added, 1);
    let taken = take(&*one, &[], 9).await?;
    assert_eq!(jobs_of(&taken), [job(1, 1), job(1, 2)]);
    let later = Job { attempts: 4, ..job(1, 1) };
    assert_eq!(one.push(&[job(1, 1), later]).await?.added, 2, "what was taken may come again");
    assert_eq!(take_jobs(&*one, &taken, 9).await?, [job(1, 1), later]);
    assert_eq!(one.depth().await?, 0);
    Ok(())
}

async fn finishing_what_is_not_in_flight_is_harmless(Consumers { one, .. }: Consumers) -> Result<()> {
    let jobs = [capped_job(1, 1, 1), capped_job(1, 2, 1)];
    let unknown = [1, 2].map(|number| Taken { job: job(number, 1), ticket: 0, taken_at: Instant::now() });
    assert_eq!(take_jobs(&*one, &unknown, 9).await?, []);
    one.push(&jobs).await?;
    let first = take(&*one, &unknown, 9).await?;
    assert_eq!(jobs_of(&first), jobs[..1]);
    assert_eq!(take_jobs(&*one, &unknown, 9).await?, [], "only what is in flight frees a place");
    assert_eq!(take_jobs(&*one, &[first[0], first[0]], 9).await?, jobs[1..]);
    Ok(())
}

async fn many_jobs_are_each_taken_once(Consumers { one, two }: Consumers) -> Result<()> {
    const JOBS: usize = 30_000;
    let jobs: Vec<Job> = (0..JOBS as u128).map(|number| capped_job(number % 7, number, 40)).collect();
    assert_eq!(one.push(&jobs).await?.added, JOBS);
    assert_eq!(two.depth().await?, JOBS as u64);
    let mut seen = HashSet::new();
    let (mut of_one, mut of_two) = (Vec::new(), Vec::new());
    loop {
        of_one = take(&*one, &of_one, 100).await?;
        of_two = take(&*two, &of_two, 500).await?;
        if of_one.is_empty() && of_two.is_empty() {
            break;
        }
        assert!(of_one.len() <= 100);
        for taken in of_one.iter().chain(&of_two) {
            assert!(seen.insert(taken.job), "{taken:?} was taken twice");
        }
    }
    assert_eq!((seen.len(), one.depth().await?), (JOBS, 0));
    Ok(())
}

async fn push_wakes_who_waits(Consumers { one, two }: Consumers) -> Result<()> {
    for round in 0..3 {
        // What woke before is used up once a wait lasts its full time.
        loop {
            let begin = Instant::now();
            two.ready().await;
            if begin.elapsed() > Duration::from_millis(900) {
                assert!(begin.elapsed() < Duration::from_secs(3), "the longest wait is a second");
                break;
            }
        }
        let begin = Instant::now();
        let pushed = async { one.push(&[job(1, round)]).await.unwrap() };
        tokio::join!(two.ready(), pushed);
        assert!(begin.elapsed() < Duration::from_millis(500), "it woke after {:?}", begin.elapsed());
    }
    one.push(&[job(2, 1)]).await?;
    let begin = Instant::now();
    two.ready().await;
    assert!(begin.elapsed() < Duration::from_millis(500), "a push just before the wait was missed");
    Ok(())
}

async fn last_turn_tells_whether_workers_ask(Consumers { one, two }: Consumers) -> Result<()> {
    one.push(&[job(1, 1)]).await?;
    assert_eq!(two.last_turn().await?, None, "a push is no turn");
    take_jobs(&*one, &[], 1).await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let age = two.last_turn().await?;
    assert!(age.is_some_and(|age| (40..5_000).contains(&age.as_millis())), "{age:?}");
    Ok(())
}

async fn empty_turn_and_empty_push_do_nothing(Consumers { one, .. }: Consumers) -> Result<()> {
    assert_eq!(one.push(&[]).await?.added, 0);
    assert_eq!(take_jobs(&*one, &[], 0).await?, []);
    assert_eq!(take_jobs(&*one, &[], 5).await?, []);
    one.push(&[job(1, 1)]).await?;
    assert_eq!(take_jobs(&*one, &[], 0).await?, []);
    assert_eq!(one.depth().await?, 1);
    Ok(())
}

async fn turn_tells_whether_anything_still_waits(Consumers { one, two }: Consumers) -> Result<()> {
    assert!(take(&*one, &[], 9).await?.is_empty());
    assert!(one.none_waits());
    two.push(&[capped_job(1, 1, 1), capped_job(1, 2, 1), job(2, 1)]).await?;
    let first = take(&*one, &[], 1).await?;
    assert!(!one.none_waits(), "two are left in the ring");
    let second = take(&*one, &[], 9).await?;
    assert_eq!((second.len(), one.none_waits()), (1, false), "one is held back");
    let last = take(&*one, &first, 9).await?;
    assert_eq!((last.len(), one.none_waits()), (1, true));
    Ok(())
}

async fn endpoints_for_which_jobs_wait_are_told_from_others(Consumers { one, two }: Consumers) -> Result<()> {
    let endpoints: Vec<EndpointId> = (0..1_500).map(|endpoint| job(endpoint, 1).endpoint_id).collect();
    assert_eq!((one.waited_for(&[]).await?, one.waited_for(&endpoints).await?), (vec![], vec![]));
    two.push(&[capped_job(1_400, 1, 1), capped_job(1_400, 2, 1), job(7, 1)]).await?;
    assert_eq!(one.waited_for(&endpoints).await?, [endpoints[7], endpoints[1_400]], "they have their turn");
    take(&*one, &[], 9).await?;
    assert_eq!(one.waited_for(&endpoints).await?, [endpoints[1_400]], "one is held back");
    Ok(())
}
