//! The ledger on SQLite. One connection writes; each of the engine's acts is one transaction on it for the whole batch,
//! and each batch reaches its statements as one JSON text.

/// Nothing has to be locked: a transaction that may write is the only one.
macro_rules! for_update {
    () => {
        ""
    };
}
/// Nothing has to be locked: a transaction that may write is the only one.
macro_rules! for_update_skip_locked {
    () => {
        ""
    };
}

/// Nothing has to be locked: a transaction that may write is the only one.
macro_rules! for_share {
    () => {
        ""
    };
}

/// So many rows of an order that is given.
macro_rules! first_with_ties {
    ($count:literal) => {
        concat!(" LIMIT ", $count)
    };
}

mod accept;
mod claim;
mod database;
mod dispatch;
mod keep_attempts;
mod record;
mod record_checks;
mod release;
#[path = "../shared/mod.rs"]
mod shared;
mod take_back;

#[cfg(test)]
pub(crate) use database::MIGRATIONS;

use crate::error::Doing;
use crate::{Result, Sealer, StoreError};
use paybell_delivery::EndpointId;
use serde::Serialize;
use sqlx::query::Query;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Sqlite, SqlitePool, Transaction};
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;

/// What the shared SQL is compiled for.
type Db = Sqlite;
/// Whose acts the shared SQL implements.
type This = SqliteLedger;

/// How long an act waits for the writer, and for the file's lock.
const WAIT_TIMEOUT: Duration = Duration::from_secs(10);
const READERS_MAX: u32 = 4;
/// So many rows are read before the thread of a connection waits for their reader: a batch's.
const ROWS_AHEAD: usize = 1_000;

/// The ledger in a file of its own.
#[derive(Clone, Debug)]
pub struct SqliteLedger {
    writer: SqlitePool,
    readers: SqlitePool,
    sealer: Sealer,
}

impl SqliteLedger {
    /// Opens the file, which is made when it is missing. Nothing is migrated.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Database`] when the file cannot be opened or is no database.
    pub async fn open(path: &Path, sealer: Sealer) -> Result<Self> {
        const ACT: &str = "open the database file";
        let options = SqliteConnectOptions::new().filename(path).busy_timeout(WAIT_TIMEOUT).foreign_keys(true);
        let options = options.pragma("cache_size", "-32768").row_buffer_size(ROWS_AHEAD).disable_statement_logging();
        let write = options.clone().create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        let write = write.synchronous(SqliteSynchronous::Full);
        let writer = pool(1).connect_with(write).await.doing(ACT)?;
        let readers = pool(READERS_MAX).connect_with(options.read_only(true)).await.doing(ACT)?;
        Ok(Self { writer, readers, sealer })
    }

    fn reader(&self) -> &SqlitePool {
        &self.readers
    }

    /// Runs one statement that only reads.
    async fn run(&self, act: &'static str, query: Query<'_, Sqlite, SqliteArguments>) -> Result<Vec<SqliteRow>> {
        query.fetch_all(&self.readers).await.doing(act)
    }

    /// The same, for what others wait for: a file answers at once.
    async fn look_up(&self, act: &'static str, query: Query<'_, Sqlite, SqliteArguments>) -> Result<Vec<SqliteRow>> {
        self.run(act, query).await
    }

    /// Begins as a writer at once, so that a transaction that reads first is not refused when it comes to write.
    async fn begin(&self, act: &'static str) -> Result<Transaction<'static, Sqlite>> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.doing(act)
    }
}

/// Connections to a file do not age.
fn pool(connections_max: u32) -> SqlitePoolOptions {
    let options = SqlitePoolOptions::new().max_connections(connections_max).acquire_timeout(WAIT_TIMEOUT);
    options.idle_timeout(None).max_lifetime(None).test_before_acquire(false)
}

/// A batch as the text that its statement reads by `jsonb_each`: it is parsed once, where `json_each` would hand out each item
/// as text again.
fn json(batch: &impl Serialize) -> Result<String> {
    serde_json::to_string(batch).map_err(|e| StoreError::Refused(format!("the batch cannot be passed on: {e}")))
}

/// How many deliveries are counted in one statement: all, as who reads is in nobody's way.
const COUNTED_AT_ONCE: u64 = crate::engine::Gauges::COUNT_MAX;

const ENDPOINTS_BY_ID: &str = concat!(
    "SELECT ",
    endpoint_columns!(),
    ", ",
    dialect_columns!(),
    " FROM jsonb_each($1) item CROSS JOIN endpoints e ON e.id = unhex(item.value)
    LEFT JOIN dialects x ON x.name = e.dialect"
);
use ids as id_list;

/// Ids of endpoints, likewise.
fn ids(endpoints: &[EndpointId]) -> Result<String> {
    json(&endpoints.iter().map(|id| id.0.simple().to_string()).collect::<Vec<_>>())
}

/// An id as it is written within a statement.
fn id_literal(id: Uuid) -> String {
    format!("x'{}'", id.simple())
}
