//! Migrations that are yet to come, applied while others use the database.

use super::{PostgresLedger, migrate};
use crate::{Sealer, StoreError};
use anyhow::{Context, Result, ensure};
use sqlx::{Connection, PgConnection, Row};
use std::time::Duration;

type Migration = (i64, &'static str, &'static str);
const LEDGER: Migration = super::MIGRATIONS[0];
const ADD_NOTE: Migration = (2, "add_note", "ALTER TABLE merchants ADD COLUMN note TEXT NOT NULL DEFAULT ''");
const INDEX: Migration =
    (2, "index_names", "-- no-transaction\nCREATE INDEX CONCURRENTLY merchants_named ON merchants (name);");
const DROP_NOTE: Migration = (3, "drop_note_needs_2", "ALTER TABLE merchants DROP COLUMN note");

/// A database whose ledger is as of today.
async fn database() -> Result<String> {
    let url = paybell_testkit::Postgres::shared().await?.create_database().await?;
    let mut connection = PgConnection::connect(&url).await?;
    migrate::migrate(&mut connection, &[LEDGER]).await?;
    Ok(url)
}

/// Migrates as a process would that knows them.
async fn apply(url: &str, migrations: &[Migration]) -> Result<Vec<i64>, StoreError> {
    let mut connection = PgConnection::connect(url).await.map_err(|e| StoreError::from_sqlx("connect", e))?;
    migrate::migrate(&mut connection, migrations).await
}

/// Asks until it is so.
async fn until(url: &str, sql: &'static str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    let probe = async {
        while !sqlx::query(sql).fetch_one(&mut connection).await?.try_get::<bool, _>(0)? {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(30), probe).await.with_context(|| format!("never: {sql}"))?
}

const SOMEBODY_WAITS: &str =
    "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'merchants'::regclass::oid";

const NO_PROCESS_IS_LEFT: &str = "SELECT count(*) = 0 FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'paybell schema %'";

#[tokio::test(flavor = "multi_thread")]
async fn migration_that_waits_for_a_lock_lets_others_pass_and_succeeds_later() -> Result<()> {
    let url = database().await?;
    let mut reader = PgConnection::connect(&url).await?;
    sqlx::raw_sql("BEGIN; SELECT * FROM merchants").execute(&mut reader).await?;
    let migrating = tokio::spawn({
        let url = url.clone();
        async move { apply(&url, &[LEDGER, ADD_NOTE]).await }
    });
    until(&url, SOMEBODY_WAITS).await?;
    // This waits behind the migration; it is let through long before the reader ends, which is below.
    let mut writer = PgConnection::connect(&url).await?;
    sqlx::raw_sql("SET lock_timeout = '20s'; INSERT INTO merchants VALUES ('m', 'm', 1, 1)")
        .execute(&mut writer)
        .await?;
    ensure!(!migrating.is_finished(), "the reader still holds the table");
    sqlx::raw_sql("COMMIT").execute(&mut reader).await?;
    ensure!(migrating.await?? == [2]);
    let note = sqlx::query("SELECT note FROM merchants WHERE id = 'm'").fetch_one(&mut writer).await?;
    ensure!(note.try_get::<String, _>(0)?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn several_migrate_at_once_and_an_index_is_built_concurrently_by_one() -> Result<()> {
    let url = database().await?;
    // The index waits for this transaction, and so is still being built when the others come.
    let mut writer = PgConnection::connect(&url).await?;
    sqlx::raw_sql("BEGIN; INSERT INTO merchants VALUES ('m', 'm', 1, 1)").execute(&mut writer).await?;
    let migrating: Vec<_> = (0..3)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { apply(&url, &[LEDGER, INDEX]).await })
        })
        .collect();
    until(&url, "SELECT count(*) > 0 FROM pg_stat_progress_create_index").await?;
    sqlx::raw_sql("COMMIT").execute(&mut writer).await?;
    let mut applied = Vec::new();
    for migrating in migrating {
        applied.extend(migrating.await??);
    }
    ensure!(applied == [2], "one applied it: {applied:?}");
    Ok(())
}

#[tokio::test]
async fn index_that_was_half_built_is_built_anew() -> Result<()> {
    let url = database().await?;
    let mut operator = PgConnection::connect(&url).await?;
    let twins = "INSERT INTO merchants VALUES ('a', 'twin', 1, 1), ('b', 'twin', 1, 1)";
    sqlx::raw_sql(twins).execute(&mut operator).await?;
    let failed = sqlx::raw_sql("CREATE UNIQUE INDEX CONCURRENTLY merchants_named ON merchants (name)");
    ensure!(failed.execute(&mut operator).await.is_err(), "it leaves an invalid index");
    ensure!(apply(&url, &[LEDGER, INDEX]).await? == [2]);
    until(&url, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'merchants_named'::regclass").await
}

#[tokio::test]
async fn what_connected_processes_use_is_not_taken_away() -> Result<()> {
    let url = database().await?;
    // A process of today knows migration 1 only.
    let today = PostgresLedger::connect(&url.as_str().into(), 2, Sealer::new(&[0; 32])).await?;
    let refused = apply(&url, &[LEDGER, ADD_NOTE, DROP_NOTE]).await;
    let refused = refused.err().context("a process of today is connected")?.to_string();
    ensure!(refused.contains("migration 3 takes away") && refused.contains("knows migration 2"), "{refused}");
    ensure!(today.schema().await?.newer == [2], "what expands was applied before it");
    ensure!(today.schema().await?.needed.is_none(), "and the process of today may go on, and start again");
    today.pool.close().await;
    until(&url, NO_PROCESS_IS_LEFT).await?;
    ensure!(apply(&url, &[LEDGER, ADD_NOTE, DROP_NOTE]).await? == [3]);
    let today = PostgresLedger::connect(&url.as_str().into(), 2, Sealer::new(&[0; 32])).await?;
    ensure!(today.schema().await?.needed == Some(2), "now it may not start any more");
    Ok(())
}
