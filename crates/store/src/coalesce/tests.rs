use super::batch::Answered;
use super::*;
use std::sync::Mutex;
use tokio::sync::Semaphore;

/// Doubles numbers, keeps the batches it saw, and refuses a batch with a 13 in it. Each batch waits for a permit.
struct Double {
    batches: Arc<Mutex<Vec<Vec<u32>>>>,
    gate: Arc<Semaphore>,
    error: fn() -> StoreError,
}

#[async_trait]
impl Act for Double {
    type Item = u32;
    type Answer = u32;
    const NAME: &'static str = "double";
    async fn run(&self, items: &[u32]) -> StoreResult<Vec<u32>> {
        self.gate.acquire().await.expect("open").forget();
        self.batches.lock().expect("not poisoned").push(items.to_vec());
        if items.contains(&13) { Err((self.error)()) } else { Ok(items.iter().map(|n| n * 2).collect()) }
    }
}

type Batches = Arc<Mutex<Vec<Vec<u32>>>>;

fn refused() -> StoreError {
    StoreError::Refused("thirteen".to_owned())
}

fn double(error: fn() -> StoreError) -> (Entry<u32, u32>, Batches, Arc<Semaphore>) {
    let (batches, gate) = (Batches::default(), Arc::new(Semaphore::new(0)));
    let act = Double { batches: Arc::clone(&batches), gate: Arc::clone(&gate), error };
    (Entry::start(act, 10), batches, gate)
}

/// The call, polled until it waits. The runtime of these tests has one thread, so a few yields let every task run.
async fn call(entry: &Entry<u32, u32>, n: u32) -> tokio::task::JoinHandle<Answered<u32>> {
    let entry = entry.clone();
    let call = tokio::spawn(async move { entry.join(n).await });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    call
}

/// The answers to calls made one after the other while the first of them is held at the gate.
async fn answers(entry: &Entry<u32, u32>, gate: &Semaphore, numbers: &[u32]) -> Vec<Result<u32, String>> {
    let mut calls = Vec::new();
    for &n in numbers {
        calls.push(call(entry, n).await);
    }
    gate.add_permits(100);
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.expect("no panic").map_err(|e| e.to_string()));
    }
    answers
}

#[tokio::test]
async fn callers_that_come_while_a_batch_is_written_share_the_next_one() {
    let (entry, batches, gate) = double(refused);
    let doubled = answers(&entry, &gate, &[1, 2, 3, 4, 5, 6]).await;
    assert_eq!(doubled, [Ok(2), Ok(4), Ok(6), Ok(8), Ok(10), Ok(12)]);
    assert_eq!(*batches.lock().expect("not poisoned"), [vec![1], vec![2, 3, 4, 5, 6]]);
}

#[tokio::test]
async fn no_batch_is_larger_than_its_limit() {
    let (entry, batches, gate) = double(refused);
    let numbers: Vec<u32> = (100..125).collect();
    assert!(answers(&entry, &gate, &numbers).await.iter().all(Result::is_ok));
    let sizes: Vec<usize> = batches.lock().expect("not poisoned").iter().map(Vec::len).collect();
    assert_eq!(sizes, [1, 10, 10, 4]);
}

#[tokio::test]
async fn one_bad_row_spoils_only_itself() {
    let (entry, batches, gate) = double(refused);
    let answers = answers(&entry, &gate, &[1, 12, 13, 14]).await;
    assert_eq!(answers, [Ok(2), Ok(24), Err("thirteen".to_owned()), Ok(28)]);
    let batches = batches.lock().expect("not poisoned");
    assert_eq!(*batches, [vec![1], vec![12, 13, 14], vec![12], vec![13], vec![14]]);
}

#[tokio::test]
async fn a_ledger_that_is_away_is_not_asked_for_each_row_again() {
    let (entry, batches, gate) = double(|| StoreError::Stopping);
    let answers = answers(&entry, &gate, &[1, 12, 13, 14]).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 3);
    assert_eq!(*batches.lock().expect("not poisoned"), [vec![1], vec![12, 13, 14]]);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_undo_its_act() {
    let (entry, batches, gate) = double(refused);
    call(&entry, 5).await.abort();
    call(&entry, 6).await.abort();
    assert_eq!(answers(&entry, &gate, &[7]).await, [Ok(14)]);
    assert_eq!(batches.lock().expect("not poisoned").concat(), [5, 6, 7]);
}
