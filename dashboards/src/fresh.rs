//! What many look at is read once: whoever comes within a short time gets what was read for the first, unless somebody
//! acted meanwhile. What takes long to read is kept for longer, so that pages never take much from the deliveries,
//! however many look.

use crate::failure::Failure;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// What was read faster than this is read anew for everybody.
const QUICK: Duration = Duration::from_millis(2);
/// All else is kept for so many times as long as the reading took, which is thus a small part of a processor's time.
const TIMES: u32 = 250;
/// And never for longer than this.
const KEPT_MAX: Duration = Duration::from_secs(10);
/// For how long a page waits for what may take longer, and up to which age it shows the last instead.
const WAIT: Duration = Duration::from_millis(20);
const SHOWN_MAX: Duration = Duration::from_secs(30);
/// More keys than people look at within a short time.
const KEYS_MAX: usize = 64;

struct Read<T> {
    at: Instant,
    kept_for: Duration,
    /// How many acts of people there had been.
    acts: u64,
    value: Arc<T>,
}

/// A value and when it was read.
pub(crate) struct Fresh<T> {
    kept: std::sync::Mutex<Option<Read<T>>>,
    /// Held while it is read.
    reading: Mutex<()>,
}

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self { kept: std::sync::Mutex::default(), reading: Mutex::default() }
    }
}

impl<T> Fresh<T> {
    /// The value, or what is read anew where that is too old: it is kept for `at_least`, and until there were more than
    /// `acts`. Callers that come meanwhile wait for that.
    pub(crate) async fn get(
        &self,
        acts: u64,
        at_least: Duration,
        read: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Arc<T>, Failure> {
        if let Some(value) = self.fresh(acts) {
            return Ok(value);
        }
        let _reading = self.reading.lock().await;
        if let Some(value) = self.fresh(acts) {
            return Ok(value);
        }
        let begun_at = Instant::now();
        let value = Arc::new(read.await?);
        let kept_for = for_how_long(begun_at.elapsed()).max(at_least);
        *self.kept() = Some(Read { at: Instant::now(), kept_for, acts, value: Arc::clone(&value) });
        Ok(value)
    }

    fn kept(&self) -> MutexGuard<'_, Option<Read<T>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self, acts: u64) -> Option<Arc<T>> {
        let kept = self.kept();
        let read = kept.as_ref().filter(|read| read.acts == acts && read.at.elapsed() < read.kept_for)?;
        Some(Arc::clone(&read.value))
    }

    fn last(&self) -> Option<Arc<T>> {
        let kept = self.kept();
        Some(Arc::clone(&kept.as_ref().filter(|read| read.at.elapsed() < SHOWN_MAX)?.value))
    }
}

impl<T: Send + Sync + 'static> Fresh<T> {
    /// [`Fresh::get`], but a caller waits no longer than [`WAIT`]: then it gets what was read last, or nothing. The
    /// reading goes on beside, for whoever comes next.
    pub(crate) async fn get_soon(
        self: &Arc<Self>,
        acts: u64,
        at_least: Duration,
        read: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Result<Option<Arc<T>>, Failure> {
        let this = Arc::clone(self);
        let reading = tokio::spawn(async move { this.get(acts, at_least, read).await });
        match timeout(WAIT, reading).await {
            Ok(read) => read.map_err(|error| Failure::internal(&error))?.map(Some),
            Err(_) => Ok(self.last()),
        }
    }
}

fn for_how_long(took: Duration) -> Duration {
    if took < QUICK { Duration::ZERO } else { (took * TIMES).min(KEPT_MAX) }
}

/// Values by what was asked for.
pub(crate) struct Kept<K, T>(std::sync::Mutex<HashMap<K, Arc<Fresh<T>>>>);

impl<K, T> Default for Kept<K, T> {
    fn default() -> Self {
        Self(std::sync::Mutex::default())
    }
}

impl<K: Eq + Hash, T> Kept<K, T> {
    /// [`Fresh::get`] of what was asked for.
    pub(crate) async fn get(
        &self,
        key: K,
        acts: u64,
        at_least: Duration,
        read: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Arc<T>, Failure> {
        let fresh = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() >= KEYS_MAX && !all.contains_key(&key) {
                all.clear();
            }
            Arc::clone(all.entry(key).or_default())
        };
        fresh.get(acts, at_least, read).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::Notify;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_value_is_read_again_when_it_is_old_or_somebody_acted() {
        let fresh = Fresh::default();
        assert_eq!(*fresh.get(0, HOUR, async { Ok(1) }).await.expect("a value"), 1);
        assert_eq!(*fresh.get(0, HOUR, async { Ok(2) }).await.expect("a value"), 1);
        assert_eq!(*fresh.get(1, Duration::ZERO, async { Ok(3) }).await.expect("a value"), 3, "somebody acted");
        assert_eq!(
            fresh.get(1, HOUR, async { Err(Failure::Unavailable) }).await,
            Err(Failure::Unavailable),
            "it is old"
        );
        assert_eq!(*fresh.get(1, HOUR, async { Ok(4) }).await.expect("a value"), 4);
        assert_eq!(*fresh.get(1, HOUR, async { Ok(5) }).await.expect("a value"), 4);
    }

    #[tokio::test]
    async fn a_page_does_not_wait_for_what_takes_long_but_gets_it_the_next_time() {
        let fresh: Arc<Fresh<i32>> = Arc::default();
        let slow = |value: i32, done: &Arc<Notify>| {
            let done = Arc::clone(done);
            async move {
                tokio::time::sleep(WAIT * 3).await;
                done.notify_one();
                Ok(value)
            }
        };
        let soon = async |acts, at_least, value, done: &_| {
            let got = fresh.get_soon(acts, at_least, slow(value, done)).await;
            got.expect("no failure").map(|value| *value)
        };
        let done = Arc::new(Notify::new());
        assert_eq!(soon(0, Duration::ZERO, 1, &done).await, None, "nothing was read before");
        done.notified().await;
        assert_eq!(*fresh.get(0, Duration::ZERO, async { Ok(9) }).await.expect("a value"), 1, "the reading went on");
        fresh.kept().as_mut().expect("a value").kept_for = Duration::ZERO;
        assert_eq!(soon(0, Duration::ZERO, 2, &done).await, Some(1), "what was read before");
        done.notified().await;
        assert_eq!(soon(1, HOUR, 3, &done).await, Some(2), "somebody acted");
        done.notified().await;
        assert_eq!(*fresh.get(1, HOUR, async { Ok(9) }).await.expect("a value"), 3);
        let failing = fresh.get_soon(2, HOUR, async { Err(Failure::Unavailable) }).await;
        assert_eq!(failing, Err(Failure::Unavailable));
    }

    #[test]
    fn what_takes_long_is_kept_for_longer() {
        for (took_ms, kept_ms) in [(1, 0), (2, 500), (20, 5_000), (40, 10_000), (9_000, 10_000)] {
            let kept = for_how_long(Duration::from_millis(took_ms));
            assert_eq!(kept, Duration::from_millis(kept_ms), "{took_ms} ms");
        }
    }

    #[tokio::test]
    async fn what_was_quick_is_read_anew_for_each_and_each_key_has_its_own() {
        let (kept, now) = (Kept::default(), Duration::ZERO);
        assert_eq!(*kept.get("one", 0, now, async { Ok(1) }).await.expect("a value"), 1);
        assert_eq!(*kept.get("one", 0, now, async { Ok(2) }).await.expect("a value"), 2);
        let slow = async {
            tokio::time::sleep(QUICK).await;
            Ok(3)
        };
        assert_eq!(*kept.get("two", 0, now, slow).await.expect("a value"), 3);
        assert_eq!(*kept.get("two", 0, now, async { Ok(4) }).await.expect("a value"), 3, "it took long");
        assert_eq!(*kept.get("one", 0, now, async { Ok(5) }).await.expect("a value"), 5);
    }
}
