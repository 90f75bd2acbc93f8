//! Applies migrations while the engine goes on: one at a time, never queueing for a lock for long.

use crate::error::Doing;
use crate::migrations::{self, Migrations};
use crate::{Result, StoreError};
use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};
use std::time::Duration;
use tokio::time::sleep;

const ACT: &str = "migrate the database";
/// The advisory lock that whoever migrates a database holds.
const LOCK: i64 = 0x7061_7962_656c_6c01;
/// How often to ask for that lock. Waiting for it in the database would hold a snapshot, for which an index that the
/// holder builds concurrently would wait in turn.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// How often a migration is tried again that was not given its locks in time: some five minutes.
const TRIES_MAX: u32 = 60;
/// The rest between two tries.
const REST_MAX: Duration = Duration::from_secs(5);

/// A migration takes its time, and plans as PostgreSQL usually does; the engine's own sessions are kept from that.
const SESSION: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET enable_seqscan = on;
    SET enable_bitmapscan = on; SET enable_hashjoin = on; SET enable_mergejoin = on";
/// While a migration waits for a table's lock, everybody else waits behind it.
const LOCK_SOON: &str = "SET lock_timeout = '1s'";
/// What runs alone only waits for transactions to end, and holds nobody up meanwhile.
const LOCK_PATIENTLY: &str = "SET lock_timeout = 0";

/// Applies what is missing of these. Answers the versions applied.
pub(super) async fn migrate(connection: &mut PgConnection, migrations: &Migrations) -> Result<Vec<i64>> {
    sqlx::raw_sql(SESSION).execute(&mut *connection).await.doing(ACT)?;
    take_turn(connection).await?;
    let before = applied(connection).await?;
    let schema = migrations::compare(migrations, &before);
    for migration in migrations {
        let (version, name, sql) = *migration;
        if schema.pending.contains(&version) {
            refuse_while_in_use(connection, version, name).await?;
            prepare(connection, sql).await?;
        }
        apply(connection, migrations, version).await?;
        if schema.pending.contains(&version) {
            tracing::info!(version, name, "a migration was applied");
        }
    }
    Ok(schema.pending)
}

/// Version and name of what was applied.
pub(super) async fn applied(connection: &mut PgConnection) -> Result<Vec<(i64, String)>> {
    const ACT: &str = "read the migrations";
    let table = sqlx::query("SELECT to_regclass('_sqlx_migrations') IS NOT NULL");
    let exists: bool = table.fetch_one(&mut *connection).await.doing(ACT)?.try_get(0).doing(ACT)?;
    if !exists {
        return Ok(Vec::new());
    }
    let rows = sqlx::query("SELECT version, description FROM _sqlx_migrations WHERE success ORDER BY version");
    let rows = rows.fetch_all(connection).await.doing(ACT)?;
    rows.iter().map(|row| Ok((row.try_get(0).doing(ACT)?, row.try_get(1).doing(ACT)?))).collect()
}

/// What a session is called by PostgreSQL: it tells which migrations its process knows.
pub(super) fn session_name(known: i64) -> String {
    format!("paybell schema {known}")
}

/// Waits until nobody else migrates this database. The lock ends with the connection.
async fn take_turn(connection: &mut PgConnection) -> Result<()> {
    let mut waiting = false;
    loop {
        let lock = sqlx::query("SELECT pg_try_advisory_lock($1)").bind(LOCK);
        if lock.fetch_one(&mut *connection).await.doing(ACT)?.try_get(0).doing(ACT)? {
            return Ok(());
        }
        if !waiting {
            tracing::info!("waiting for another process that migrates this database");
            waiting = true;
        }
        sleep(ASK_AGAIN_AFTER).await;
    }
}

/// What processes at work may still use is not taken away.
async fn refuse_while_in_use(connection: &mut PgConnection, version: i64, name: &str) -> Result<()> {
    let Some(needs) = migrations::needs(name) else { return Ok(()) };
    let sessions = sqlx::query(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND CASE WHEN application_name ~ '^paybell schema [0-9]+$'
                THEN substring(application_name FROM '[0-9]+$')::int8 < $1 ELSE false END",
    );
    let row = sessions.bind(needs).fetch_one(connection).await.doing(ACT)?;
    match row.try_get::<i64, _>(0).doing(ACT)? {
        0 => Ok(()),
        count => Err(StoreError::Refused(format!(
            "migration {version} takes away what older processes use, and {count} connection(s) of such processes are \
             open: restart every process on a version that knows migration {needs}, then run `paybell migrate` again"
        ))),
    }
}

/// Sets how long to wait for locks, and removes the ruin of an index that a former try left.
async fn prepare(connection: &mut PgConnection, sql: &str) -> Result<()> {
    if !migrations::runs_alone(sql) {
        return sqlx::raw_sql(LOCK_SOON).execute(connection).await.doing(ACT).map(drop);
    }
    sqlx::raw_sql(LOCK_PATIENTLY).execute(&mut *connection).await.doing(ACT)?;
    let ruins = sqlx::query(
        "SELECT quote_ident(c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE NOT i.indisvalid AND pg_table_is_visible(c.oid) AND position(c.relname IN $1) > 0",
    );
    for row in ruins.bind(sql).fetch_all(&mut *connection).await.doing(ACT)? {
        let index: String = row.try_get(0).doing(ACT)?;
        tracing::warn!(index, "an index that was not built to its end is built anew");
        let drop = AssertSqlSafe(format!("DROP INDEX CONCURRENTLY IF EXISTS {index}"));
        sqlx::raw_sql(drop).execute(&mut *connection).await.doing(ACT)?;
    }
    Ok(())
}

/// Applies the migrations to this version, again and again while others hold the locks that it needs.
async fn apply(connection: &mut PgConnection, migrations: &Migrations, version: i64) -> Result<()> {
    let migrator = migrations::migrator(migrations);
    let mut tries = 1;
    loop {
        match migrator.run_direct(Some(version), connection, false).await {
            Err(error) if tries < TRIES_MAX && found_locked(&error) => {
                let rest = (ASK_AGAIN_AFTER * tries).min(REST_MAX);
                tracing::warn!(
                    version,
                    tries,
                    rest_ms = rest.as_millis(),
                    "a migration did not get its locks; trying again"
                );
                sleep(rest).await;
                tries += 1;
            }
            ended => return Ok(ended?),
        }
    }
}

/// Whether a lock was not given in time (`lock_not_available`), or was the cause of a deadlock (`deadlock_detected`).
fn found_locked(error: &MigrateError) -> bool {
    let (MigrateError::ExecuteMigration(cause, _) | MigrateError::Execute(cause)) = error else { return false };
    let code = cause.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code == "55P03" || code == "40P01")
}
