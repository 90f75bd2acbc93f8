//! Guessed passwords: after some wrong ones for a name, the next is not even looked at for a while; and few are looked
//! at at once, as each costs tens of milliseconds of a processor by design.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many wrong passwords for one name are looked at within [`FORGOTTEN_AFTER`].
const WRONG_MAX: u32 = 10;
/// When a name's wrong passwords are forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(300);
/// How many names are remembered; beyond them the oldest go first.
const NAMES_MAX: usize = 10_000;
/// How many passwords are looked at at once.
const AT_ONCE_MAX: usize = 2;

/// The wrong passwords of late, by name.
pub(crate) struct Throttle {
    wrong: Mutex<HashMap<String, (Instant, u32)>>,
    places: Arc<Semaphore>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { wrong: Mutex::default(), places: Arc::new(Semaphore::new(AT_ONCE_MAX)) }
    }
}

impl Throttle {
    /// A place to look at a password for this name; nothing when there were too many wrong ones. It counts as a wrong one
    /// until it is known to be right, so that those which come at once are counted too.
    pub(crate) async fn enter(&self, name: &str) -> Option<OwnedSemaphorePermit> {
        if self.count(name) {
            return Arc::clone(&self.places).acquire_owned().await.ok();
        }
        None
    }

    /// The password for this name was right: the wrong ones before it are forgotten.
    pub(crate) fn was_right(&self, name: &str) {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Counts one more for this name, unless there were too many.
    fn count(&self, name: &str) -> bool {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !wrong.contains_key(name);
        if is_new && wrong.len() >= NAMES_MAX {
            wrong.retain(|_, (since, _)| since.elapsed() < FORGOTTEN_AFTER);
        }
        if is_new
            && wrong.len() >= NAMES_MAX
            && let Some(oldest) = wrong.iter().min_by_key(|(_, (since, _))| *since).map(|(name, _)| name.clone())
        {
            wrong.remove(&oldest);
        }
        let entry = wrong.entry(name.to_owned()).or_insert((Instant::now(), 0));
        if entry.0.elapsed() >= FORGOTTEN_AFTER {
            *entry = (Instant::now(), 0);
        }
        if entry.1 >= WRONG_MAX {
            return false;
        }
        entry.1 += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn after_ten_wrong_passwords_the_name_must_wait_and_others_need_not() {
        let throttle = Throttle::default();
        for _ in 0..WRONG_MAX {
            assert!(throttle.enter("ann").await.is_some());
        }
        assert!(throttle.enter("ann").await.is_none() && throttle.enter("bob").await.is_some());
        throttle.was_right("ann");
        assert!(throttle.enter("ann").await.is_some());
    }
}
