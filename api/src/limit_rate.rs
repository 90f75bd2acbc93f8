//! How often a key may ask: a client that runs wild is told to wait, and keeps no other from being served.

use crate::problem::{Answer, Problem};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;
use uuid::Uuid;

/// The requests of each key, of one process.
pub(crate) struct RateLimit(Option<DefaultKeyedRateLimiter<Uuid>>);

impl RateLimit {
    /// So many a second by each key, and as many at once; nothing for no limit.
    pub(crate) fn new(per_second: Option<NonZeroU32>) -> Self {
        Self(per_second.map(|most| RateLimiter::keyed(Quota::per_second(most))))
    }

    /// Counts a request of a key that is known, so that only the gateway's own keys are kept.
    pub(crate) fn take(&self, key: Uuid) -> Answer<()> {
        let has_room = self.0.as_ref().is_none_or(|limit| limit.check_key(&key).is_ok());
        if has_room { Ok(()) } else { Err(Problem::too_many()) }
    }
}
