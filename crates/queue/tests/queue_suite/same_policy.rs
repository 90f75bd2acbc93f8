//! The lanes in process and those in Redis follow one policy: the same history gives the same turns.

use crate::consumers::{SETTINGS, capped_job, in_process, in_redis, jobs_of};
use anyhow::{Result, ensure};
use paybell_delivery::Job;
use paybell_queue::{QueueSettings, Taken};

/// Numbers that look random, the same ones each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// Jobs of some endpoints, some of which may wait already. Sorted by endpoint, as one push to Redis is.
    fn jobs(&mut self) -> Vec<Job> {
        let count = self.below(40);
        let mut jobs: Vec<Job> = (0..count)
            .map(|_| {
                let (endpoint, number) = (self.below(12), self.below(60));
                capped_job(endpoint.into(), number.into(), 1 + u32::try_from(endpoint + number % 2).unwrap())
            })
            .collect();
        jobs.sort_by_key(|job| job.endpoint_id.0);
        jobs
    }

    /// Takes some out of what is in flight, as pairs of the same place in both queues.
    fn finished(&mut self, in_flight: &mut Vec<(Taken, Taken)>) -> (Vec<Taken>, Vec<Taken>) {
        let count = self.below(in_flight.len() as u64 + 1);
        (0..count).map(|_| in_flight.swap_remove(usize::try_from(self.below(in_flight.len() as u64)).unwrap())).unzip()
    }
}

#[tokio::test]
async fn same_history_gives_the_same_turns() -> Result<()> {
    let settings = QueueSettings { lane_max: 30, depth_max: 200, ..SETTINGS };
    for seed in 0..5 {
        let (process, redis) = (in_process(settings)?.one, in_redis(settings)?.one);
        let (mut numbers, mut in_flight, mut turns, mut withdrawn) = (Numbers(seed), Vec::new(), 0, 0);
        for step in 0..300 {
            let jobs = numbers.jobs();
            ensure!(process.push(&jobs).await? == redis.push(&jobs).await?, "seed {seed}, push {step}");
            let (first, second) = numbers.finished(&mut in_flight);
            let free = usize::try_from(numbers.below(60)).unwrap();
            let want = free.min(usize::try_from(numbers.below(80)).unwrap());
            let (one, two) = (process.turn(&first, want, free).await?, redis.turn(&second, want, free).await?);
            ensure!(
                jobs_of(&one) == jobs_of(&two),
                "seed {seed}, turn {step}: {:#?} in process, {:#?} in Redis",
                jobs_of(&one),
                jobs_of(&two)
            );
            let fresh = numbers.jobs();
            let (ones, twos) = (process.admit(&fresh, free).await?, redis.admit(&fresh, free).await?);
            let is_in = |places: &[Option<Taken>]| places.iter().map(Option::is_some).collect::<Vec<_>>();
            ensure!(is_in(&ones) == is_in(&twos), "seed {seed}, admission {step}");
            in_flight.extend(ones.into_iter().flatten().zip(twos.into_iter().flatten()));
            let (endpoint, at_most) = (capped_job(numbers.below(12).into(), 0, 1).endpoint_id, numbers.below(4));
            let at_most = usize::try_from(at_most).unwrap();
            let (one_out, two_out) =
                (process.withdraw(endpoint, at_most).await?, redis.withdraw(endpoint, at_most).await?);
            ensure!(
                one_out == two_out,
                "seed {seed}, withdrawal {step}: {one_out:#?} in process, {two_out:#?} in Redis"
            );
            withdrawn += one_out.len();
            let dropped = capped_job(numbers.below(100).into(), 0, 1).endpoint_id;
            ensure!(process.drop_lane(dropped).await? == redis.drop_lane(dropped).await?, "seed {seed}, drop {step}");
            ensure!(process.depth().await? == redis.depth().await?, "seed {seed}, depth {step}");
            turns += usize::from(!one.is_empty());
            in_flight.extend(one.into_iter().zip(two));
        }
        ensure!(turns > 100, "in {turns} turns only there was anything to take");
        ensure!(withdrawn > 30, "{withdrawn} jobs only were withdrawn");
    }
    Ok(())
}
