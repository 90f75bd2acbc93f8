//! Figures that many look at are read once: whoever comes within a short time gets what was read for the first.

use crate::failure::Failure;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A value and when it was read.
pub(crate) struct Fresh<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Fresh<T> {
    /// The value, if it is younger than `age_max`, or else read anew. Callers that come meanwhile wait for that.
    pub(crate) async fn get(
        &self,
        age_max: Duration,
        read: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Arc<T>, Failure> {
        let mut kept = self.0.lock().await;
        if let Some((_, value)) = kept.as_ref().filter(|(at, _)| at.elapsed() < age_max) {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(read.await?);
        *kept = Some((Instant::now(), Arc::clone(&value)));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_value_is_read_again_only_when_it_is_old() {
        let fresh = Fresh::default();
        let hour = Duration::from_secs(3600);
        assert_eq!(*fresh.get(hour, async { Ok(1) }).await.expect("a value"), 1);
        assert_eq!(*fresh.get(hour, async { Ok(2) }).await.expect("a value"), 1);
        assert_eq!(*fresh.get(Duration::ZERO, async { Ok(3) }).await.expect("a value"), 3);
        assert_eq!(fresh.get(Duration::ZERO, async { Err(Failure::Unavailable) }).await, Err(Failure::Unavailable));
        assert_eq!(*fresh.get(hour, async { Ok(4) }).await.expect("a value"), 3);
    }
}
