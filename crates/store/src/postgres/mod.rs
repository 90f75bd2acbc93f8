//! The ledger on PostgreSQL. Each of the engine's acts is one statement for the whole batch, committed by itself.

/// Locks the rows that are read until the transaction ends.
macro_rules! for_update {
    () => {
        " FOR UPDATE"
    };
}
/// Keeps the rows that are read from being changed until the transaction ends.
macro_rules! for_share {
    () => {
        " FOR SHARE"
    };
}
/// Locks the rows that are read, passing over rows that somebody else has locked.
macro_rules! for_update_skip_locked {
    () => {
        " FOR UPDATE SKIP LOCKED"
    };
}
/// So many rows of an order that is given, and what stands beside the last of them in it.
macro_rules! first_with_ties {
    ($count:literal) => {
        concat!(" FETCH FIRST ", $count, " ROWS WITH TIES")
    };
}

/// Whether nothing is parked for the endpoint `e` with a deadline after `$2`.
macro_rules! nothing_parked {
    () => {
        "(SELECT true FROM deliveries d
        WHERE d.endpoint_id = e.id AND d.state = 'pending' AND d.claimed_until IS NULL AND d.due_at = d.deadline_at
            AND d.deadline_at > $2
        LIMIT 1) IS NULL"
    };
}

mod accept;
mod claim;
mod database;
mod dispatch;
mod keep_attempts;
mod lines;
mod migrate;
#[cfg(test)]
mod migrating;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod plans_of_pages;
mod probe;
mod record;
mod record_checks;
mod release;
#[path = "../shared/mod.rs"]
mod shared;
mod take_back;

pub(crate) use database::MIGRATIONS;

use crate::error::Doing;
use crate::{Result, Sealer, StoreError, migrations};
use lines::Lines;
use paybell_delivery::EndpointId;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool, Postgres, Transaction};
use std::io;
use std::time::Duration;
use uuid::Uuid;

/// What the shared SQL is compiled for.
type Db = Postgres;
/// Whose acts the shared SQL implements.
type This = PostgresLedger;

/// How long an act waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one of the engine's statements may take before its connection is given up: a connection that was cut
/// without a reset would otherwise hold its caller for as long as the network's own timeouts are.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an accept may take: the gateway is better told soon that it must try again.
const ACCEPT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a look-up may take that comes before an act.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// The ledger on a PostgreSQL server of version 15 or later.
#[derive(Clone, Debug)]
pub struct PostgresLedger {
    pool: PgPool,
    lines: Lines,
    sealer: Sealer,
}

impl PostgresLedger {
    /// Connects with at most `connections_max` connections. Nothing is migrated.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the URL cannot be read, [`StoreError::Unavailable`] or [`StoreError::Database`]
    /// when the server does not let us in.
    pub async fn connect(url: &SecretString, connections_max: u32, sealer: Sealer) -> Result<Self> {
        // The cause is left out, as it may repeat the URL and with it the password.
        let unreadable = |_| StoreError::Refused("the database URL cannot be read; it is postgres://…".to_owned());
        let options: PgConnectOptions = url.expose_secret().parse().map_err(unreadable)?;
        let name = migrate::session_name(migrations::latest(&MIGRATIONS));
        let options = options.application_name(&name).options(SESSION).disable_statement_logging();
        // A pool that cannot connect says only that it waited; one plain connection says why.
        let first = tokio::time::timeout(ACQUIRE_TIMEOUT, PgConnection::connect_with(&options));
        let first = first.await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
        first.doing("connect to the database")?.close().await.doing("connect to the database")?;
        let pool = PgPoolOptions::new()
            .max_connections(connections_max.max(2))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .max_lifetime(Duration::from_secs(3600))
            .connect_with(options)
            .await
            .doing("connect to the database")?;
        Ok(Self { lines: Lines::new(pool.clone()), pool, sealer })
    }

    fn reader(&self) -> &PgPool {
        &self.pool
    }

    async fn begin(&self, act: &'static str) -> Result<Transaction<'static, Postgres>> {
        self.pool.begin().await.doing(act)
    }

    /// Runs one statement and commits it.
    async fn run(&self, act: &'static str, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>> {
        self.run_within(STATEMENT_TIMEOUT, act, query).await
    }

    /// Runs one statement that only reads and that others wait for.
    async fn look_up(&self, act: &'static str, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>> {
        self.run_within(LOOK_UP_TIMEOUT, act, query).await
    }

    /// Runs one statement, with the wait for a connection, within a time limit.
    async fn run_within(
        &self,
        limit: Duration,
        act: &'static str,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>> {
        let late = |_| {
            let error = io::Error::new(io::ErrorKind::TimedOut, "the database did not answer in time");
            StoreError::from_sqlx(act, error.into())
        };
        let until = tokio::time::Instant::now() + limit;
        let taken = tokio::time::timeout_at(until, self.lines.take(act)).await;
        let mut line = taken.map_err(late)??;
        let answer = tokio::time::timeout_at(until, query.fetch_all(line.connection()?)).await.map_err(late)?;
        if answer.as_ref().err().is_none_or(|error| error.as_database_error().is_some()) {
            self.lines.keep(line);
        }
        answer.doing(act)
    }
}

/// How many deliveries are counted in one statement, before it rests: with 100,000 it would keep one of the database's processors
/// busy for a tenth of a second, and payments wait for the others.
const COUNTED_AT_ONCE: u64 = 2_000;

const ENDPOINTS_BY_ID: &str = concat!(
    "SELECT ",
    endpoint_columns!(),
    ", ",
    dialect_columns!(),
    " FROM UNNEST($1::uuid[]) AS item (id)
    CROSS JOIN LATERAL (SELECT * FROM endpoints WHERE id = item.id OFFSET 0) e
    LEFT JOIN dialects x ON x.name = e.dialect"
);

/// Ids of endpoints as [`ENDPOINTS_BY_ID`] takes them.
#[expect(clippy::unnecessary_wraps, reason = "it can fail on the other database")]
fn id_list(endpoints: &[EndpointId]) -> Result<Vec<Uuid>> {
    Ok(ids(endpoints))
}

fn ids(endpoints: &[EndpointId]) -> Vec<Uuid> {
    endpoints.iter().map(|id| id.0).collect()
}

/// An id as it is written within a statement.
fn id_literal(id: Uuid) -> String {
    format!("'{id}'::uuid")
}

/// Settings of each session. Every statement of the ledger is a look-up by index, row by row, so the planner is kept
/// from scanning, hashing and sorting; compiling such statements takes longer than running them, and so does planning them, so
/// plans are kept. To start a parallel worker takes longer than all that a page reads.
const SESSION: [(&str, &str); 12] = [
    ("statement_timeout", "15s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "30s"),
    ("plan_cache_mode", "force_generic_plan"),
    ("jit", "off"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("enable_memoize", "off"),
    ("enable_sort", "off"),
    ("max_parallel_workers_per_gather", "0"),
];
