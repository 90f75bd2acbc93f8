//! A gateway at work: it hands in payments until it is told to stop, and keeps its own log of what was answered.

use anyhow::{Result, ensure};
use paybell_testkit::{Answer, Api, eventually};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// How many payments are handed in at the same time.
const TASKS: usize = 3;
/// The rest of each task after a payment.
const REST: Duration = Duration::from_millis(15);

/// The gateway's log: by its own id of each payment, Paybell's id of it where a 2xx came.
pub(crate) type Log = BTreeMap<String, Option<String>>;

/// It hands each payment in at the next process, and once more at each of the others while none answers.
pub(crate) struct Gateway {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

struct Shared {
    apis: Vec<Api>,
    next: AtomicUsize,
    stopped: AtomicBool,
    log: Mutex<Log>,
    refusals: Mutex<Vec<String>>,
}

impl Gateway {
    /// One that uses these processes.
    pub(crate) fn start(apis: Vec<Api>) -> Gateway {
        let shared = Arc::new(Shared {
            apis,
            next: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            log: Mutex::default(),
            refusals: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            tasks.spawn(Arc::clone(&shared).hand_in());
        }
        Gateway { shared, tasks }
    }

    /// Waits until so many more payments than now were accepted.
    ///
    /// # Errors
    /// When they are not in time, or one was refused: answered with anything but a 2xx.
    pub(crate) async fn until_more_accepted(&self, count: usize) -> Result<()> {
        let wanted = self.shared.accepted() + count;
        eventually("more payments are accepted", crate::rig::PATIENCE, async || {
            self.shared.nothing_is_refused()?;
            Ok((self.shared.accepted() >= wanted).then_some(()))
        })
        .await
    }

    /// The log as it stands.
    pub(crate) fn log(&self) -> Log {
        locked(&self.shared.log).clone()
    }

    /// Stops and answers the log.
    ///
    /// # Errors
    /// When a payment was refused.
    pub(crate) async fn stop(mut self) -> Result<Log> {
        self.shared.stopped.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.transpose()?.is_some() {}
        self.shared.nothing_is_refused()?;
        Ok(self.log())
    }
}

impl Shared {
    async fn hand_in(self: Arc<Self>) {
        while !self.stopped.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let id = format!("g{number}");
            // What is under way when the gateway itself is looked at must be in its log already.
            locked(&self.log).insert(id.clone(), None);
            let accepted = self.hand_in_one(number, &id).await;
            locked(&self.log).insert(id, accepted);
            tokio::time::sleep(REST).await;
        }
    }

    async fn hand_in_one(&self, number: usize, id: &str) -> Option<String> {
        for turn in 0..self.apis.len() {
            let api = &self.apis[(number + turn) % self.apis.len()];
            match pay(api, id).await {
                Ok(answer) if matches!(answer.status, 200 | 202) => return Some(payment_id(&answer.body)),
                Ok(answer) => {
                    let refusal = format!("{id} at {}: {} {}", api.base(), answer.status, answer.body);
                    locked(&self.refusals).push(refusal);
                    return None;
                }
                // The process is gone, or goes while it was asked.
                Err(_) => {}
            }
        }
        None
    }

    fn nothing_is_refused(&self) -> Result<()> {
        let refusals = locked(&self.refusals);
        ensure!(refusals.is_empty(), "refused: {refusals:?}");
        Ok(())
    }

    fn accepted(&self) -> usize {
        locked(&self.log).values().flatten().count()
    }
}

/// Hands in the payment of this id, which has the same content each time.
pub(crate) async fn pay(api: &Api, id: &str) -> Result<Answer> {
    api.post("/v1/payments", &Api::payment("shop", id, Value::Null)?).await
}

/// Paybell's id of a payment that was accepted.
pub(crate) fn payment_id(accepted: &Value) -> String {
    accepted["payment_id"].as_str().unwrap_or_default().to_owned()
}

/// All items of a list, page by page.
pub(crate) async fn list(api: &Api, path: &str) -> Result<Vec<Value>> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("{path}&limit=100{cursor}")).await?.expect_status(200)?;
        items.extend(page["items"].as_array().cloned().unwrap_or_default());
        let Some(next) = page["next_cursor"].as_str() else { return Ok(items) };
        cursor = format!("&cursor={next}");
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
