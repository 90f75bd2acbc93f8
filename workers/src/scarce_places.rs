//! Which places in flight somebody may wait for, as far as this process saw lately: an attempt in any other may keep its
//! place a moment longer, until it is recorded with others.

use paybell_delivery::EndpointId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// For how long somebody may wait after it was last seen.
const LATELY: Duration = Duration::from_secs(10);
/// With more such endpoints all places are scarce.
const ENDPOINTS_MAX: usize = 1_000;
/// An attempt that took this long keeps its place a few hundredths longer, at most, when it waits to be recorded.
const LONG: Duration = Duration::from_secs(1);

/// What this process saw of places for which somebody waited.
#[derive(Debug, Default)]
pub struct ScarcePlaces(Mutex<Scarce>);

#[derive(Debug, Default)]
struct Scarce {
    /// When one of the endpoint was last waited for.
    of: HashMap<EndpointId, Instant>,
    /// When the worker last had none to spare, whosever it is.
    any: Option<Instant>,
}

impl ScarcePlaces {
    /// Jobs of these endpoints wait, or may.
    pub(crate) fn note(&self, endpoints: impl IntoIterator<Item = EndpointId>) {
        self.lock().note(endpoints, Instant::now());
    }

    /// The worker has no place to spare.
    pub(crate) fn note_any(&self) {
        self.lock().any = Some(Instant::now());
    }

    /// Whether somebody may wait for the place of an attempt of this endpoint, which took so long.
    pub(crate) fn is_waited_for(&self, endpoint: EndpointId, took: Duration) -> bool {
        took < LONG && self.lock().is_waited_for(endpoint, Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, Scarce> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scarce {
    fn note(&mut self, endpoints: impl IntoIterator<Item = EndpointId>, now: Instant) {
        self.of.extend(endpoints.into_iter().map(|endpoint| (endpoint, now)));
        if self.of.len() > ENDPOINTS_MAX {
            self.of.retain(|_, at| now < *at + LATELY);
        }
        if self.of.len() > ENDPOINTS_MAX {
            self.of.clear();
            self.any = Some(now);
        }
    }

    fn is_waited_for(&self, endpoint: EndpointId, now: Instant) -> bool {
        let lately = |at: &Instant| now < *at + LATELY;
        self.any.as_ref().is_some_and(lately) || self.of.get(&endpoint).is_some_and(lately)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn endpoint(n: usize) -> EndpointId {
        EndpointId(Uuid::from_u128(n as u128))
    }

    #[test]
    fn a_place_is_scarce_for_a_while_where_one_was_waited_for() {
        let (mut scarce, now) = (Scarce::default(), Instant::now());
        scarce.note([endpoint(1)], now);
        let soon = now + LATELY - Duration::from_millis(1);
        assert!(scarce.is_waited_for(endpoint(1), soon) && !scarce.is_waited_for(endpoint(2), soon));
        assert!(!scarce.is_waited_for(endpoint(1), now + LATELY));
        scarce.any = Some(now);
        assert!(scarce.is_waited_for(endpoint(2), soon) && !scarce.is_waited_for(endpoint(2), now + LATELY));
    }

    #[test]
    fn with_very_many_endpoints_all_places_are_scarce_and_what_is_past_is_not_counted() {
        let (mut scarce, now) = (Scarce::default(), Instant::now());
        scarce.note((0..ENDPOINTS_MAX).map(endpoint), now);
        let later = now + LATELY;
        scarce.note([endpoint(ENDPOINTS_MAX)], later);
        assert!(scarce.of.len() == 1 && !scarce.is_waited_for(endpoint(0), later));
        scarce.note((0..ENDPOINTS_MAX).map(endpoint), later);
        assert!(scarce.of.is_empty() && scarce.is_waited_for(endpoint(2 * ENDPOINTS_MAX), later));
    }

    #[test]
    fn an_attempt_that_took_long_may_wait() {
        let places = ScarcePlaces::default();
        places.note([endpoint(1)]);
        assert!(places.is_waited_for(endpoint(1), LONG - Duration::from_millis(1)));
        assert!(!places.is_waited_for(endpoint(1), LONG));
    }
}
