//! Who is left alone for a while.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Some merchants or endpoints, each until a moment of its own.
pub(crate) struct Resting<K>(Mutex<HashMap<K, Instant>>);

impl<K> Default for Resting<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone> Resting<K> {
    pub(crate) fn note(&self, who: K, until: Instant) {
        self.held().insert(who, until);
    }

    /// Those who rest at this moment.
    pub(crate) fn all(&self, now: Instant) -> Vec<K> {
        self.at(now).keys().cloned().collect()
    }

    pub(crate) fn has(&self, who: &K, now: Instant) -> bool {
        self.at(now).contains_key(who)
    }

    /// Those whose rest is over are forgotten.
    fn at(&self, now: Instant) -> MutexGuard<'_, HashMap<K, Instant>> {
        let mut resting = self.held();
        resting.retain(|_, until| *until > now);
        resting
    }

    fn held(&self) -> MutexGuard<'_, HashMap<K, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_rests_until_its_moment_and_is_forgotten_then() {
        let (resting, now) = (Resting::default(), Instant::now());
        let after = |seconds| now + Duration::from_secs(seconds);
        resting.note("one", after(1));
        resting.note("two", after(2));
        assert!(resting.has(&"one", now) && !resting.has(&"three", now));
        let mut all = resting.all(now);
        all.sort_unstable();
        assert_eq!(all, ["one", "two"]);
        assert_eq!(resting.all(after(1)), ["two"]);
        assert!(!resting.has(&"one", now), "it is forgotten");
        resting.note("two", after(9));
        assert_eq!(resting.all(after(8)), ["two"], "the last word counts");
    }
}
