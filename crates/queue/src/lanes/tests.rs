//! What needs a time of its own, or a look inside.

use super::*;
use std::time::Duration;
use uuid::Uuid;

const LEASE: Duration = Duration::from_secs(60);
/// More slots than any test fills.
const FREE: usize = 1_000;

fn lanes() -> Lanes {
    Lanes::new(QueueSettings { lane_max: 100, depth_max: 10_000, lease: LEASE })
}

fn job(endpoint: u128, number: u128, concurrency_max: u32) -> Job {
    let delivery_id = DeliveryId(Uuid::from_u128(endpoint << 64 | number));
    Job { delivery_id, endpoint_id: EndpointId(Uuid::from_u128(endpoint)), attempts: 0, concurrency_max }
}

fn jobs(taken: &[Taken]) -> Vec<Job> {
    taken.iter().map(|taken| taken.job).collect()
}

#[test]
fn lease_that_ends_frees_its_place_and_not_a_moment_sooner() {
    let mut lanes = lanes();
    let begin = Instant::now();
    assert_eq!(lanes.push(&[job(1, 1, 1), job(1, 2, 1), job(1, 3, 1)]).added, 3);
    assert_eq!(jobs(&lanes.turn(&[], 9, FREE, begin)), [job(1, 1, 1)]);
    assert_eq!(lanes.turn(&[], 9, FREE, begin + LEASE - Duration::from_nanos(1)), []);
    assert!(!lanes.is_ready());
    assert_eq!(jobs(&lanes.turn(&[], 9, FREE, begin + LEASE)), [job(1, 2, 1)]);
    assert_eq!(lanes.turn(&[], 9, FREE, begin + LEASE), []);
}

#[test]
fn job_that_is_finished_after_its_lease_frees_nobody_elses_place() {
    let mut lanes = lanes();
    let begin = Instant::now();
    lanes.push(&[job(1, 1, 1), job(1, 2, 1), job(1, 3, 1)]);
    let first = lanes.turn(&[], 1, FREE, begin);
    let second = lanes.turn(&[], 1, FREE, begin + LEASE);
    assert_eq!(lanes.turn(&first, 9, FREE, begin + LEASE), []);
    assert_eq!(jobs(&lanes.turn(&second, 9, FREE, begin + LEASE)), [job(1, 3, 1)]);
}

#[test]
fn nothing_is_left_of_what_was_drained_and_finished() {
    let mut lanes = lanes();
    let now = Instant::now();
    let all: Vec<Job> = (0..90).map(|n| job(n % 7, n, 3)).collect();
    assert_eq!(lanes.push(&all).added, 90);
    let mut taken = lanes.turn(&[], 50, FREE, now);
    let mut count = 0;
    while !taken.is_empty() {
        count += taken.len();
        taken = lanes.turn(&taken, 50, FREE, now);
    }
    assert_eq!((count, lanes.depth()), (90, 0));
    assert!(lanes.lanes.is_empty() && lanes.ring.is_empty() && lanes.capped.is_empty());
    assert!(lanes.in_flight.is_empty());
}

#[test]
fn endpoints_that_hang_leave_slots_to_which_fresh_ones_come_at_once() {
    const SLOTS: usize = 1_024;
    let mut lanes = lanes();
    let now = Instant::now();
    for hog in 1..=20 {
        lanes.push(&(0..100).map(|number| job(hog, number, 100)).collect::<Vec<_>>());
    }
    let hung = lanes.turn(&[], SLOTS, SLOTS, now).len();
    assert!((960..=980).contains(&hung), "of 1,024 slots they hold {hung}; one in 21 is to stay free");
    assert!(!lanes.is_ready(), "nobody is woken for what is held back");
    let mut finished = Vec::new();
    for number in 0..1_000 {
        lanes.push(&[job(100 + number % 3, number, 8)]);
        let free = SLOTS - hung;
        let taken = lanes.turn(&finished, free, free, now);
        assert_eq!(jobs(&taken), [job(100 + number % 3, number, 8)]);
        finished = taken;
    }
    let freed = lanes.turn(&[], SLOTS, SLOTS - hung, now + LEASE);
    assert!((40..=64).contains(&freed.len()), "their leases end, and they take {} again", freed.len());
}

#[test]
fn fresh_endpoint_has_its_turn_at_the_last_free_slot() {
    let mut lanes = lanes();
    let now = Instant::now();
    lanes.push(&[job(1, 1, 9), job(1, 2, 9), job(2, 1, 9), job(3, 1, 9)]);
    let taken = lanes.turn(&[], 2, 3, now);
    assert_eq!(jobs(&taken), [job(1, 1, 9), job(2, 1, 9)]);
    assert_eq!(jobs(&lanes.turn(&[], 1, 1, now)), [job(3, 1, 9)]);
    assert_eq!(lanes.turn(&taken[1..], 1, 1, now), [], "its own job has not ended");
    assert_eq!(jobs(&lanes.turn(&taken[..1], 1, 1, now)), [job(1, 2, 9)]);
}
