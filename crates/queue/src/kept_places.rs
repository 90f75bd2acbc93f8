//! Places in flight that finished jobs left, kept in the worker for a moment: the next jobs of the same endpoints that are
//! let in take them over, and the queue, for which nothing has changed, need not be asked. Only those of jobs that were let in
//! without waiting, or while none waits at all, as what waits would else be overtaken; and up to a quarter of an endpoint's
//! cap, so that other workers find room.

use crate::{Queue, Taken};
use paybell_delivery::{EndpointId, Job};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most places that are kept of one endpoint.
const EACH_MAX: usize = 32;

pub(crate) struct KeptPlaces {
    queue: Arc<dyn Queue>,
    /// How old a place may be that is kept: its lease goes on from when it was taken first.
    within: Duration,
    max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed: bool,
    places: HashMap<EndpointId, Vec<Taken>>,
    count: usize,
}

impl KeptPlaces {
    /// At most `max` places, each up to the age of `within`.
    pub(crate) fn new(queue: Arc<dyn Queue>, within: Duration, max: usize) -> Self {
        Self { queue, within, max, state: Mutex::default() }
    }

    /// Whether the place is kept, which its last job had either `let_in` at once or after it waited; the queue is to be told of it
    /// otherwise.
    pub(crate) fn keep(&self, taken: Taken, let_in: bool) -> bool {
        let each_max = usize::try_from(taken.job.concurrency_max / 4).unwrap_or(usize::MAX).min(EACH_MAX);
        let overtakes = !let_in && !self.queue.none_waits();
        if each_max == 0 || taken.taken_at.elapsed() >= self.within || overtakes || self.queue.is_away() {
            return false;
        }
        let mut state = self.state();
        if state.closed || state.count >= self.max {
            return false;
        }
        let places = state.places.entry(taken.job.endpoint_id).or_default();
        if places.len() >= each_max {
            return false;
        }
        places.push(taken);
        state.count += 1;
        true
    }

    /// A place for each job of whose endpoint one is kept.
    pub(crate) fn take(&self, jobs: &[Job]) -> Vec<Option<Taken>> {
        let mut state = self.state();
        let mut take = |job: &Job| {
            let place = state.places.get_mut(&job.endpoint_id)?.pop()?;
            state.count -= 1;
            Some(Taken { job: *job, ..place })
        };
        jobs.iter().map(&mut take).collect()
    }

    /// The endpoints of which places are kept.
    pub(crate) fn endpoints(&self) -> Vec<EndpointId> {
        let state = self.state();
        state.places.iter().filter(|(_, places)| !places.is_empty()).map(|(endpoint, _)| *endpoint).collect()
    }

    /// Those that are kept of these endpoints, for the queue to be told of.
    pub(crate) fn give_up_of(&self, endpoints: &[EndpointId]) -> Vec<Taken> {
        let mut state = self.state();
        let given_up: Vec<Taken> = endpoints.iter().filter_map(|id| state.places.remove(id)).flatten().collect();
        state.count -= given_up.len();
        given_up
    }

    /// All that are kept, for the queue to be told of.
    pub(crate) fn give_up(&self) -> Vec<Taken> {
        let mut state = self.state();
        state.count = 0;
        std::mem::take(&mut state.places).into_values().flatten().collect()
    }

    /// The same, and none is kept from now on.
    pub(crate) fn close(&self) -> Vec<Taken> {
        self.state().closed = true;
        self.give_up()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InProcessQueue, QueueSettings};
    use paybell_delivery::DeliveryId;
    use std::time::Instant;
    use uuid::Uuid;

    const MINUTE: Duration = Duration::from_secs(60);

    fn kept(within: Duration, max: usize) -> KeptPlaces {
        let queue = InProcessQueue::new(QueueSettings { lane_max: 10, depth_max: 10, lease: MINUTE });
        KeptPlaces::new(Arc::new(queue), within, max)
    }

    fn place(endpoint: u128, ticket: u64, concurrency_max: u32) -> Taken {
        let delivery_id = DeliveryId(Uuid::from_u128(endpoint << 64 | u128::from(ticket)));
        let job = Job { delivery_id, endpoint_id: EndpointId(Uuid::from_u128(endpoint)), attempts: 0, concurrency_max };
        Taken { job, ticket, taken_at: Instant::now() }
    }

    #[test]
    fn up_to_a_quarter_of_a_cap_is_kept_and_of_all_no_more_than_the_limit() {
        for (cap, limit, expected) in [(1, 99, 0), (3, 99, 0), (4, 99, 1), (20, 99, 5), (1_000, 99, 32), (20, 3, 3)] {
            let kept = kept(MINUTE, limit);
            let count = (0..50).filter(|&ticket| kept.keep(place(1, ticket, cap), false)).count();
            assert_eq!(count, expected, "of a cap of {cap}, {limit} in all");
            assert_eq!(kept.give_up().len(), expected);
            assert_eq!(kept.keep(place(1, 99, cap), false), expected > 0, "there is room again");
        }
    }

    #[test]
    fn what_is_too_old_or_comes_after_the_end_is_not_kept() {
        assert!(!kept(Duration::ZERO, 99).keep(place(1, 1, 100), false));
        let kept = kept(MINUTE, 99);
        let (first, second) = (place(1, 1, 100), place(1, 2, 100));
        assert!(kept.keep(first, false));
        assert_eq!(kept.close(), [first]);
        assert!(!kept.keep(second, false));
    }
}
