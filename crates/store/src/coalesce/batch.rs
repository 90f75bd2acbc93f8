//! Batches of callers, one after the other.

use super::gather::{Gather, gather_more};
use crate::{Result as StoreResult, StoreError};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// One act for many callers at once.
#[async_trait]
pub(super) trait Act: Send + Sync + 'static {
    type Item: Send + Sync + 'static;
    type Answer: Send + 'static;
    const NAME: &'static str;
    /// For how long a small batch waits for more callers.
    fn gather(&self) -> Gather {
        Gather::NOT
    }
    /// Answers one result for each item, in order.
    async fn run(&self, items: &[Self::Item]) -> StoreResult<Vec<Self::Answer>>;
}

/// What each caller gets; an error is shared by those of its batch.
pub(super) type Answered<O> = Result<O, Arc<StoreError>>;

/// Who waits for a batch.
struct Caller<I, O> {
    item: I,
    answer: oneshot::Sender<Answered<O>>,
}

/// The channel by which callers join the next batch.
pub(super) struct Entry<I, O> {
    callers: mpsc::Sender<Caller<I, O>>,
}

impl<I, O> Clone for Entry<I, O> {
    fn clone(&self) -> Self {
        Self { callers: self.callers.clone() }
    }
}

impl<I: Send + Sync + 'static, O: Send + 'static> Entry<I, O> {
    pub(super) fn start<A: Act<Item = I, Answer = O>>(act: A, batch_max: usize) -> Self {
        let (callers, waiting) = mpsc::channel(batch_max * 2);
        tokio::spawn(write_batches(Arc::new(act), waiting, batch_max));
        Self { callers }
    }

    pub(super) async fn join(&self, item: I) -> Answered<O> {
        let (answer, answered) = oneshot::channel();
        let stopping = || Arc::new(StoreError::Stopping);
        self.callers.send(Caller { item, answer }).await.map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())?
    }
}

/// Gathers callers into batches until all of them are gone, and writes one batch after the other, so that the next one
/// goes on filling. Each in a task of its own, whose panic ends no others.
async fn write_batches<A: Act>(act: Arc<A>, mut waiting: mpsc::Receiver<Caller<A::Item, A::Answer>>, batch_max: usize) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, batch_max).await > 0 {
        gather_more(&act.gather(), &mut batch, &mut waiting, batch_max).await;
        let written = tokio::spawn(write_batch(Arc::clone(&act), std::mem::take(&mut batch)));
        let _ = written.await;
    }
}

async fn write_batch<A: Act>(act: Arc<A>, batch: Vec<Caller<A::Item, A::Answer>>) {
    let (items, callers): (Vec<_>, Vec<_>) = batch.into_iter().map(|caller| (caller.item, caller.answer)).unzip();
    metrics::histogram!("paybell_batch_size", "act" => A::NAME).record(count(items.len()));
    match run(&*act, &items).await {
        Err(error) if items.len() > 1 && !error.is_transient() => {
            // One bad row spoils only itself.
            for (item, caller) in items.iter().zip(callers) {
                let alone = run(&*act, std::slice::from_ref(item)).await;
                answer_all(alone, vec![caller]);
            }
        }
        result => answer_all(result, callers),
    }
}

async fn run<A: Act>(act: &A, items: &[A::Item]) -> StoreResult<Vec<A::Answer>> {
    let answers = act.run(items).await?;
    if answers.len() == items.len() {
        return Ok(answers);
    }
    Err(StoreError::Unreadable(format!("{} answers for {} items of {}", answers.len(), items.len(), A::NAME)))
}

/// A caller that went away is passed over.
fn answer_all<O>(result: StoreResult<Vec<O>>, callers: Vec<oneshot::Sender<Answered<O>>>) {
    match result {
        Ok(answers) => {
            for (answer, caller) in answers.into_iter().zip(callers) {
                let _ = caller.send(Ok(answer));
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            for caller in callers {
                let _ = caller.send(Err(Arc::clone(&error)));
            }
        }
    }
}

fn count(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::MAX, f64::from)
}
