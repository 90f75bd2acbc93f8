//! What a run leaves behind: the sender's log, the receiver's log, what people did, and the dump of the database. All
//! times are microseconds since 1970-01-01T00:00:00Z.

use crate::asked::Asked;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Now.
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A request to the intake and its answer, as the gateway saw it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sent {
    /// When it was sent.
    pub at_us: i64,
    /// When the answer, or its absence, was known.
    pub until_us: i64,
    /// The merchant.
    pub merchant: String,
    /// The gateway's own id of the payment.
    pub id: String,
    /// Which content it had: 0 for the payment's own, 1 for another under the same id.
    pub content: u8,
    /// The answer's status; nothing when none came, so that the outcome is unknown.
    pub status: Option<u16>,
    /// Paybell's id of the payment, of a 2xx.
    pub payment_id: Option<String>,
    /// The ids of its deliveries, of a 2xx.
    pub deliveries: Vec<String>,
}

impl Sent {
    /// Whether the answer was a 2xx.
    pub fn accepted(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// What the merchant's server noted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// A request was complete; noted before anything is answered.
    Requested,
    /// An answer that acknowledges was handed to the kernel, whole.
    Acknowledged,
}

/// A line of the receiver's log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Seen {
    /// What happened.
    pub moment: Moment,
    /// When.
    pub at_us: i64,
    /// The endpoint's path.
    pub path: String,
    /// From the header `paybell-delivery`.
    pub delivery: String,
    /// From the header `paybell-attempt`.
    pub attempt: u32,
    /// The message's id: the header `webhook-id`, or the field `payment_id` of a form.
    pub message_id: String,
    /// The header `webhook-timestamp`, in seconds, where the dialect has one.
    pub timestamp_s: Option<i64>,
    /// SHA-256 of the body, in hex.
    pub body_hash: String,
    /// Whether the signature is the endpoint's.
    pub signature_ok: bool,
    /// How many requests to this path were under way, with this one.
    pub in_flight: u32,
}

/// What a person did by the API; what was refused is not noted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Act {
    /// When.
    pub at_us: i64,
    /// Whether it is known to have changed something: a 5xx, or no answer, leaves that open, and so does an act that may
    /// have found nothing to change.
    pub known: bool,
    /// The action's name in the audit.
    pub action: String,
    /// What it was done to.
    pub subject: String,
}

/// A payment as it is stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StoredPayment {
    /// Its id.
    pub id: String,
    /// Its merchant.
    pub merchant: String,
    /// The gateway's own id.
    pub gateway_id: String,
}

/// An endpoint as it is stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StoredEndpoint {
    /// Its id.
    pub id: String,
    /// Its merchant.
    pub merchant: String,
    /// The path of its URL.
    pub path: String,
    /// Its cap of requests at a time.
    pub concurrency_max: u32,
    /// Whether it is paused.
    pub paused: bool,
}

/// A delivery as it is stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StoredDelivery {
    /// Its id.
    pub id: String,
    /// Its payment.
    pub payment: String,
    /// Its endpoint.
    pub endpoint: String,
    /// The delivery that it repeats by a person's wish.
    pub resend_of: Option<String>,
    /// `pending`, `delivered`, `undelivered` or `settled`.
    pub state: String,
    /// Why it was given up, if it was.
    pub reason: Option<String>,
    /// When it was made.
    pub created_us: i64,
    /// When it is due.
    pub due_us: i64,
    /// When it ends at the latest.
    pub deadline_us: i64,
    /// When it ended.
    pub finished_us: Option<i64>,
    /// How many attempts were begun.
    pub attempts: u32,
}

/// An attempt as it is stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StoredAttempt {
    /// Its delivery.
    pub delivery: String,
    /// 1, 2, 3 …
    pub number: u32,
    /// When it began.
    pub started_us: i64,
    /// How long it took, where that is known.
    pub duration_us: Option<i64>,
    /// What came of it.
    pub outcome: String,
}

/// A row of the audit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StoredAct {
    /// The action's name.
    pub action: String,
    /// What it was done to.
    pub subject: String,
}

/// The database at the end.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Dump {
    /// All payments.
    pub payments: Vec<StoredPayment>,
    /// All endpoints.
    pub endpoints: Vec<StoredEndpoint>,
    /// All deliveries.
    pub deliveries: Vec<StoredDelivery>,
    /// All attempts.
    pub attempts: Vec<StoredAttempt>,
    /// The audit.
    pub acts: Vec<StoredAct>,
}

/// A reading of how late the latest delivery is, in the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reading {
    /// When it was read.
    pub at_us: i64,
    /// For how long the oldest due delivery had been due.
    pub oldest_due_us: i64,
    /// How many deliveries were pending.
    pub pending: i64,
}

/// All of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Evidence {
    /// The sender's log.
    pub sent: Vec<Sent>,
    /// The receiver's log.
    pub seen: Vec<Seen>,
    /// What people did.
    pub acts: Vec<Act>,
    /// The database.
    pub dump: Dump,
    /// How late deliveries were, in the order of time.
    pub readings: Vec<Reading>,
    /// What the engine said of itself at the end.
    pub asked: Asked,
}

/// A log on disk: one JSON object a line, each written before the act that it stands for goes on.
pub struct Log(Mutex<File>);

impl Log {
    /// A log that appends to this file.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(file: &Path) -> std::io::Result<Log> {
        Ok(Log(Mutex::new(File::options().create(true).append(true).open(file)?)))
    }

    /// Appends a line.
    ///
    /// # Errors
    /// When the disk does not take it: then the act must not go on.
    pub fn note(&self, line: &impl Serialize) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&text)
    }
}

/// Reads a log back; what is not there is empty.
///
/// # Errors
/// When a line is none of ours.
pub fn read_log<T: DeserializeOwned>(file: &Path) -> anyhow::Result<Vec<T>> {
    let Ok(file) = File::open(file) else { return Ok(Vec::new()) };
    BufReader::new(file).lines().map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}
