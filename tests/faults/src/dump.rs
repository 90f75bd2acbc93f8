//! Reads the database of a run by SQL of its own, past the engine.

use crate::evidence::{Dump, Reading, StoredAct, StoredAttempt, StoredDelivery, StoredEndpoint, StoredPayment, now_us};
use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, ColumnIndex, Database, Decode, PgPool, Row, SqlitePool, Type};
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;

/// A way into the database that no fault is in.
#[derive(Clone)]
pub enum Source {
    /// PostgreSQL, past the proxy.
    Postgres(PgPool),
    /// The file of an embedded engine.
    Sqlite(SqlitePool),
}

/// The columns are the same in both; times are told apart by what they are, not by their type.
const PAYMENTS: &str = "SELECT id, merchant_id, gateway_payment_id FROM payments";
const ENDPOINTS: &str = "SELECT id, merchant_id, url, concurrency_max, paused_at FROM endpoints";
const DELIVERIES: &str = "SELECT id, payment_id, endpoint_id, resend_of, state, created_at, due_at, deadline_at,
    finished_at, attempts, reason FROM deliveries";
const ATTEMPTS: &str = "SELECT delivery_id, number, started_at, duration_us, outcome FROM attempts";
const ACTS: &str = "SELECT action, subject FROM audit";
const PENDING: &str = "SELECT count(*), min(due_at) FROM deliveries WHERE state = 'pending'";
const CLAIMS: &str = "SELECT count(*) FROM deliveries WHERE state = 'pending' AND claimed_at < $1";

impl Source {
    /// PostgreSQL at this URL. It is dialled at the first use.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn postgres(url: &str) -> Result<Source> {
        let options: PgConnectOptions = url.parse()?;
        let pool = PgPoolOptions::new().max_connections(2).acquire_timeout(Duration::from_secs(5));
        Ok(Source::Postgres(pool.connect_lazy_with(options)))
    }

    /// The SQLite database in this file.
    pub fn sqlite(file: &Path) -> Source {
        let options = SqliteConnectOptions::new().filename(file).read_only(true).busy_timeout(Duration::from_secs(10));
        Source::Sqlite(SqlitePoolOptions::new().max_connections(2).connect_lazy_with(options))
    }

    /// How many deliveries are pending, and how long the oldest due one has been due, by the database's clock.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn reading(&self, skew_us: i64) -> Result<Reading> {
        let (pending, due): (i64, Option<i64>) = match self {
            Source::Postgres(pool) => sqlx::query_as(PENDING).fetch_one(pool).await?,
            Source::Sqlite(pool) => sqlx::query_as(PENDING).fetch_one(pool).await?,
        };
        let at_us = now_us();
        let oldest_due_us = due.map_or(0, |due| (at_us - skew_us - due).max(0));
        Ok(Reading { at_us, oldest_due_us, pending })
    }

    /// Everything.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn dump(&self) -> Result<Dump> {
        match self {
            Source::Postgres(pool) => Ok(Dump {
                payments: read(&sqlx::query(PAYMENTS).fetch_all(pool).await?, payment)?,
                endpoints: read(&sqlx::query(ENDPOINTS).fetch_all(pool).await?, endpoint)?,
                deliveries: read(&sqlx::query(DELIVERIES).fetch_all(pool).await?, delivery)?,
                attempts: read(&sqlx::query(ATTEMPTS).fetch_all(pool).await?, attempt)?,
                acts: read(&sqlx::query(ACTS).fetch_all(pool).await?, act)?,
            }),
            Source::Sqlite(pool) => Ok(Dump {
                payments: read(&sqlx::query(PAYMENTS).fetch_all(pool).await?, payment)?,
                endpoints: read(&sqlx::query(ENDPOINTS).fetch_all(pool).await?, endpoint)?,
                deliveries: read(&sqlx::query(DELIVERIES).fetch_all(pool).await?, delivery)?,
                attempts: read(&sqlx::query(ATTEMPTS).fetch_all(pool).await?, attempt)?,
                acts: read(&sqlx::query(ACTS).fetch_all(pool).await?, act)?,
            }),
        }
    }

    /// How many claims have been held for longer than this.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn claims_held(&self, longer: Duration) -> Result<u64> {
        let before = now_us() - i64::try_from(longer.as_micros())?;
        let count: i64 = match self {
            Source::Postgres(pool) => sqlx::query_scalar(CLAIMS).bind(before).fetch_one(pool).await?,
            Source::Sqlite(pool) => sqlx::query_scalar(CLAIMS).bind(before).fetch_one(pool).await?,
        };
        Ok(u64::try_from(count)?)
    }

    /// Runs statements, past the engine.
    ///
    /// # Errors
    /// When the database refuses them.
    pub async fn execute(&self, statements: String) -> Result<()> {
        let statements = sqlx::raw_sql(AssertSqlSafe(statements));
        match self {
            Source::Postgres(pool) => _ = statements.execute(pool).await?,
            Source::Sqlite(pool) => _ = statements.execute(pool).await?,
        }
        Ok(())
    }

    /// Lets go of the database.
    pub async fn close(&self) {
        match self {
            Source::Postgres(pool) => pool.close().await,
            Source::Sqlite(pool) => pool.close().await,
        }
    }
}

fn read<R, T>(rows: &[R], each: impl Fn(&R) -> Result<T>) -> Result<Vec<T>> {
    rows.iter().map(each).collect::<Result<_>>().context("read the dump")
}

/// Rows of either database.
trait Columns {
    fn id(&self, column: usize) -> Result<String>;
    fn id_if_any(&self, column: usize) -> Result<Option<String>>;
    fn text(&self, column: usize) -> Result<String>;
    fn text_if_any(&self, column: usize) -> Result<Option<String>>;
    fn long(&self, column: usize) -> Result<i64>;
    fn long_if_any(&self, column: usize) -> Result<Option<i64>>;
    fn small(&self, column: usize) -> Result<u32>;
}

impl<R> Columns for R
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> Uuid: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i32: Decode<'r, R::Database> + Type<R::Database>,
    R::Database: Database,
{
    fn id(&self, column: usize) -> Result<String> {
        Ok(self.try_get::<Uuid, _>(column)?.to_string())
    }

    fn id_if_any(&self, column: usize) -> Result<Option<String>> {
        Ok(self.try_get::<Option<Uuid>, _>(column)?.map(|id| id.to_string()))
    }

    fn text(&self, column: usize) -> Result<String> {
        Ok(self.try_get(column)?)
    }

    fn text_if_any(&self, column: usize) -> Result<Option<String>> {
        Ok(self.try_get(column)?)
    }

    fn long(&self, column: usize) -> Result<i64> {
        Ok(self.try_get(column)?)
    }

    fn long_if_any(&self, column: usize) -> Result<Option<i64>> {
        Ok(self.try_get(column)?)
    }

    fn small(&self, column: usize) -> Result<u32> {
        Ok(u32::try_from(self.try_get::<i32, _>(column)?)?)
    }
}

fn payment(row: &impl Columns) -> Result<StoredPayment> {
    Ok(StoredPayment { id: row.id(0)?, merchant: row.text(1)?, gateway_id: row.text(2)? })
}

fn endpoint(row: &impl Columns) -> Result<StoredEndpoint> {
    let url = row.text(2)?;
    let path = url.splitn(4, '/').nth(3).map_or_else(String::new, |path| format!("/{path}"));
    let (concurrency_max, paused) = (row.small(3)?, row.long_if_any(4)?.is_some());
    Ok(StoredEndpoint { id: row.id(0)?, merchant: row.text(1)?, path, concurrency_max, paused })
}

fn delivery(row: &impl Columns) -> Result<StoredDelivery> {
    Ok(StoredDelivery {
        id: row.id(0)?,
        payment: row.id(1)?,
        endpoint: row.id(2)?,
        resend_of: row.id_if_any(3)?,
        state: row.text(4)?,
        created_us: row.long(5)?,
        due_us: row.long(6)?,
        deadline_us: row.long(7)?,
        finished_us: row.long_if_any(8)?,
        attempts: row.small(9)?,
        reason: row.text_if_any(10)?,
    })
}

fn attempt(row: &impl Columns) -> Result<StoredAttempt> {
    Ok(StoredAttempt {
        delivery: row.id(0)?,
        number: row.small(1)?,
        started_us: row.long(2)?,
        duration_us: row.long_if_any(3)?,
        outcome: row.text(4)?,
    })
}

fn act(row: &impl Columns) -> Result<StoredAct> {
    Ok(StoredAct { action: row.text(0)?, subject: row.text(1)? })
}
