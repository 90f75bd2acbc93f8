//! For how long the callers of a small batch wait for each other.

use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// A batch of so many callers waits for no more.
const SMALL: usize = 50;

/// A small batch waits this long, and longer while it has very few callers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gather {
    /// Whatever comes meanwhile.
    at_least: Duration,
    /// In all, while there are fewer than `few`.
    at_most: Duration,
    few: usize,
}

impl Gather {
    /// No wait.
    pub(crate) const NOT: Gather = Gather::within(Duration::ZERO);

    /// That long.
    pub(crate) const fn within(time: Duration) -> Gather {
        Gather { at_least: time, at_most: time, few: 0 }
    }
}

/// Nobody waits for a record, and a statement costs several times as much as one more row of it.
pub(super) const RECORDS: Gather =
    Gather { at_least: Duration::from_millis(2), at_most: Duration::from_millis(25), few: 12 };

/// Waits for more callers of a batch that has at least one.
pub(super) async fn gather_more<C>(
    gather: &Gather,
    batch: &mut Vec<C>,
    waiting: &mut mpsc::Receiver<C>,
    batch_max: usize,
) {
    if gather.at_least.is_zero() || batch.len() >= SMALL {
        return;
    }
    let until = Instant::now() + gather.at_most;
    tokio::time::sleep(gather.at_least).await;
    while batch.len() < batch_max
        && let Ok(caller) = waiting.try_recv()
    {
        batch.push(caller);
    }
    while batch.len() < gather.few.min(batch_max)
        && let Ok(Some(caller)) = tokio::time::timeout_at(until, waiting.recv()).await
    {
        batch.push(caller);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    async fn gathered(gather: Gather, first: usize, later: usize, batch_max: usize) -> (usize, Duration) {
        let (callers, mut waiting) = mpsc::channel(100);
        for n in 0..later {
            callers.send(n).await.expect("room");
        }
        let (mut batch, begun) = ((0..first).collect(), Instant::now());
        gather_more(&gather, &mut batch, &mut waiting, batch_max).await;
        (batch.len(), begun.elapsed())
    }

    #[tokio::test]
    async fn very_few_wait_until_they_are_enough_or_the_time_is_up() {
        let few = |at_most| Gather { at_least: Duration::from_millis(1), at_most, few: 12 };
        let (count, waited) = gathered(few(LONG), 1, 11, 50).await;
        assert!(count == 12 && waited < LONG, "{count} after {waited:?}");
        let (count, waited) = gathered(few(LONG), 1, 30, 50).await;
        assert!(count == 31 && waited < LONG, "more than enough: {count} after {waited:?}");
        let (count, waited) = gathered(few(Duration::from_millis(40)), 1, 5, 50).await;
        assert!(count == 6 && waited >= Duration::from_millis(40), "too few: {count} after {waited:?}");
        let (count, waited) = gathered(few(LONG), 1, 30, 7).await;
        assert!(count == 7 && waited < LONG, "no batch is larger than its limit: {count} after {waited:?}");
    }

    #[tokio::test]
    async fn a_batch_that_is_not_small_and_one_that_is_not_to_gather_do_not_wait() {
        for (gather, first) in [(Gather::within(LONG), SMALL), (Gather::NOT, 1)] {
            let (count, waited) = gathered(gather, first, 5, 100).await;
            assert!(count == first && waited < LONG, "{count} after {waited:?}");
        }
    }
}
