//! How many merchants are asked at once: over all, and each endpoint. Deliveries have their own places, so neither can
//! starve the other. Nobody waits for a place: a payer stands before the till.

use metrics::{counter, gauge};
use paybell_delivery::EndpointId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places.
pub(crate) struct CheckPool {
    taken: Mutex<Taken>,
    in_flight_max: usize,
    per_endpoint_max: usize,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_endpoint: HashMap<EndpointId, usize>,
}

/// A place that was taken; it is free again when this is dropped.
pub(crate) struct CheckPlace {
    pool: Arc<CheckPool>,
    endpoint: EndpointId,
}

/// Why there was no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoPlace {
    /// The endpoint is asked as often as it may be at once.
    OfEndpoint(usize),
    /// This process asks as many merchants as it may at once.
    OfProcess(usize),
}

impl NoPlace {
    /// In words, for people.
    pub(crate) fn in_words(self) -> String {
        match self {
            NoPlace::OfEndpoint(max) => {
                format!("nothing was sent: {max} checks of this endpoint are under way already")
            }
            NoPlace::OfProcess(max) => format!("nothing was sent: {max} checks are under way already"),
        }
    }
}

impl CheckPool {
    pub(crate) fn new(in_flight_max: usize, per_endpoint_max: usize) -> Self {
        Self { taken: Mutex::default(), in_flight_max, per_endpoint_max }
    }

    /// Takes a place, if there is one.
    pub(crate) fn take(self: &Arc<Self>, endpoint: EndpointId) -> Result<CheckPlace, NoPlace> {
        let mut taken = self.taken();
        let of_endpoint = taken.by_endpoint.get(&endpoint).copied().unwrap_or(0);
        let full = if of_endpoint >= self.per_endpoint_max {
            Some(NoPlace::OfEndpoint(self.per_endpoint_max))
        } else {
            (taken.all >= self.in_flight_max).then_some(NoPlace::OfProcess(self.in_flight_max))
        };
        if let Some(full) = full {
            counter!("paybell_checks_turned_away_total").increment(1);
            return Err(full);
        }
        taken.all += 1;
        taken.by_endpoint.insert(endpoint, of_endpoint + 1);
        gauge!("paybell_checks_in_flight").increment(1);
        Ok(CheckPlace { pool: Arc::clone(self), endpoint })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CheckPlace {
    fn drop(&mut self) {
        let mut taken = self.pool.taken();
        taken.all -= 1;
        let left = taken.by_endpoint.get(&self.endpoint).map_or(0, |count| count - 1);
        match left {
            0 => drop(taken.by_endpoint.remove(&self.endpoint)),
            left => drop(taken.by_endpoint.insert(self.endpoint, left)),
        }
        gauge!("paybell_checks_in_flight").decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn places_are_limited_for_each_endpoint_and_over_all_and_come_back() {
        let pool = Arc::new(CheckPool::new(3, 2));
        let [one, two] = [1, 2].map(|n| EndpointId(Uuid::from_u128(n)));
        let take = |endpoint| pool.take(endpoint).map_err(NoPlace::in_words);
        let (first, second) = (take(one).expect("free"), take(one).expect("free"));
        assert_eq!(pool.take(one).err(), Some(NoPlace::OfEndpoint(2)));
        let third = take(two).expect("another endpoint has its own");
        assert_eq!(pool.take(two).err(), Some(NoPlace::OfProcess(3)));
        drop((first, third));
        let _again = (take(one).expect("free again"), take(two).expect("free again"));
        drop(second);
        drop(take(one).expect("free again"));
        assert_eq!(pool.taken().by_endpoint.len(), 2);
    }
}
