//! For how long the callers of a small batch wait for each other.

use std::time::Duration;
use tokio::sync::mpsc;

/// A batch waits for so many callers, and no longer than that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gather {
    enough: usize,
    at_most: Duration,
}

impl Gather {
    /// No wait.
    pub(crate) const NOT: Gather = Gather { enough: 0, at_most: Duration::ZERO };
}

/// Nobody waits for a record, and a statement costs several times as much as one more row of it.
pub(super) const RECORDS: Gather = Gather { enough: 50, at_most: Duration::from_millis(25) };

/// Waits for more callers of a batch that has at least one.
pub(super) async fn gather_more<C>(
    gather: &Gather,
    batch: &mut Vec<C>,
    waiting: &mut mpsc::Receiver<C>,
    batch_max: usize,
) {
    let enough = gather.enough.min(batch_max);
    if batch.len() >= enough {
        return;
    }
    // What was received stays in the batch when the time is up.
    let until_enough =
        async { while batch.len() < enough && waiting.recv_many(batch, enough - batch.len()).await > 0 {} };
    let _ = tokio::time::timeout(gather.at_most, until_enough).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    const LONG: Duration = Duration::from_secs(60);

    /// The sizes of the batch and of what waits then, and how long it took.
    async fn gathered(gather: Gather, first: usize, later: usize, batch_max: usize) -> (usize, usize, Duration) {
        let (callers, mut waiting) = mpsc::channel(100);
        for n in 0..later {
            callers.send(n).await.expect("room");
        }
        let (mut batch, begun) = ((0..first).collect(), Instant::now());
        gather_more(&gather, &mut batch, &mut waiting, batch_max).await;
        (batch.len(), waiting.len(), begun.elapsed())
    }

    #[tokio::test]
    async fn callers_wait_until_they_are_enough_or_the_time_is_up() {
        let twelve = |at_most| Gather { enough: 12, at_most };
        let (count, left, waited) = gathered(twelve(LONG), 1, 30, 50).await;
        assert!((count, left) == (12, 19) && waited < LONG, "{count} and {left} after {waited:?}");
        let (count, _, waited) = gathered(twelve(Duration::from_millis(40)), 1, 5, 50).await;
        assert!(count == 6 && waited >= Duration::from_millis(40), "too few: {count} after {waited:?}");
        let (count, left, waited) = gathered(twelve(LONG), 1, 30, 7).await;
        assert!(
            (count, left) == (7, 24) && waited < LONG,
            "a batch has its limit: {count} and {left} after {waited:?}"
        );
    }

    #[tokio::test]
    async fn a_batch_of_enough_and_one_that_is_not_to_gather_do_not_wait() {
        for (gather, first) in [(Gather { enough: 12, at_most: LONG }, 12), (Gather::NOT, 1)] {
            let (count, left, waited) = gathered(gather, first, 5, 100).await;
            assert!((count, left) == (first, 5) && waited < LONG, "{count} and {left} after {waited:?}");
        }
    }
}
