//! Endpoints that hang take no slot from others.

use crate::consumers::{Consumers, SETTINGS, capped_job, job, jobs_of, take_jobs};
use anyhow::Result;
use paybell_delivery::Job;
use paybell_queue::{Queue, Taken};

on_both_queues! {
    endpoints_that_hang_leave_slots_to_which_fresh_ones_come_at_once with SETTINGS;
    endpoint_alone_has_half_of_the_slots with SETTINGS;
    share_shrinks_within_a_turn with SETTINGS;
    endpoint_with_nothing_in_flight_is_never_held_back with SETTINGS;
    lane_that_was_held_back_comes_back_when_a_job_of_its_own_ends with SETTINGS;
    no_share_is_above_the_cap with SETTINGS;
}

const SLOTS: usize = 1_024;

/// A worker whose jobs end only when told.
struct Worker<'a> {
    queue: &'a dyn Queue,
    in_hand: Vec<Taken>,
}

impl Worker<'_> {
    /// Takes what it gets for all its free slots.
    async fn turn(&mut self, finished: &[Taken]) -> Result<Vec<Taken>> {
        self.in_hand.retain(|taken| !finished.contains(taken));
        let free = SLOTS - self.in_hand.len();
        let taken = self.queue.turn(finished, free, free).await?;
        self.in_hand.extend(&taken);
        Ok(taken)
    }
}

fn hogs(count: u128, cap: u32) -> Vec<Job> {
    (0..100).flat_map(|number| (1..=count).map(move |endpoint| capped_job(endpoint, number, cap))).collect()
}

async fn endpoints_that_hang_leave_slots_to_which_fresh_ones_come_at_once(
    Consumers { one, two }: Consumers,
) -> Result<()> {
    two.push(&hogs(20, 100)).await?;
    let mut worker = Worker { queue: &*one, in_hand: Vec::new() };
    let hung = worker.turn(&[]).await?.len();
    assert!((960..=980).contains(&hung), "of 1,024 slots they hold {hung}; one in 21 is to stay free");
    let mut finished = Vec::new();
    for round in 0..200 {
        // Of three endpoints, each of which comes again and again.
        let fresh = job(100 + round % 3, round);
        two.push(&[fresh]).await?;
        finished = worker.turn(&finished).await?;
        assert_eq!(jobs_of(&finished), [fresh]);
    }
    Ok(())
}

async fn endpoint_alone_has_half_of_the_slots(Consumers { one, .. }: Consumers) -> Result<()> {
    one.push(&(0..900).map(|number| job(1, number)).collect::<Vec<_>>()).await?;
    let mut worker = Worker { queue: &*one, in_hand: Vec::new() };
    assert_eq!(worker.turn(&[]).await?.len(), SLOTS / 2);
    assert_eq!(worker.turn(&[]).await?, []);
    Ok(())
}

async fn share_shrinks_within_a_turn(Consumers { one, .. }: Consumers) -> Result<()> {
    one.push(&hogs(2, 100)).await?;
    assert_eq!(one.turn(&[], 30, 30).await?.len(), 20, "10 of each, and 10 stay free");
    assert_eq!(one.turn(&[], 10, 10).await?, []);
    Ok(())
}

async fn endpoint_with_nothing_in_flight_is_never_held_back(Consumers { one, .. }: Consumers) -> Result<()> {
    one.push(&hogs(3, 100)).await?;
    assert_eq!(one.turn(&[], 3, 3).await?.len(), 3, "one of each");
    one.push(&[job(9, 1), job(9, 2)]).await?;
    assert_eq!(jobs_of(&one.turn(&[], 1, 1).await?), [job(9, 1)], "at the last free slot");
    Ok(())
}

async fn lane_that_was_held_back_comes_back_when_a_job_of_its_own_ends(
    Consumers { one, two }: Consumers,
) -> Result<()> {
    one.push(&hogs(2, 100)).await?;
    let taken = one.turn(&[], 6, 6).await?;
    assert_eq!(taken.len(), 4);
    let first = taken[0].job.endpoint_id;
    let again = two.turn(&taken[..1], 2, 2).await?;
    assert_eq!(again.iter().map(|taken| taken.job.endpoint_id).collect::<Vec<_>>(), [first]);
    assert_eq!(take_jobs(&*two, &[], 99).await?, [], "who is held back waits for a job of its own, not for slots");
    assert_eq!(take_jobs(&*two, &again, 99).await?.len(), 97);
    Ok(())
}

async fn no_share_is_above_the_cap(Consumers { one, .. }: Consumers) -> Result<()> {
    one.push(&hogs(2, 3)).await?;
    assert_eq!(one.turn(&[], SLOTS, SLOTS).await?.len(), 6);
    Ok(())
}
