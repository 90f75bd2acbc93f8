//! The database itself: clock, version, settings, migrations.

use super::SqliteLedger;
use crate::error::Doing;
use crate::{Result, Schema, clock, migrations};
use paybell_delivery::Timestamp;
use sqlx::{Row, SqliteExecutor};

/// The migrations, the oldest first: version, name, statements.
pub(crate) const MIGRATIONS: [(i64, &str, &str); 1] =
    [(1, "ledger", include_str!("../../migrations/sqlite/0001_ledger.sql"))];

/// `PRAGMA synchronous` from which a commit survives a power cut: FULL.
const SYNCHRONOUS_MIN: i64 = 2;

impl SqliteLedger {
    /// An embedded database has the machine's clock.
    pub(super) async fn now(&self) -> Result<Timestamp> {
        Ok(Timestamp(clock::machine_now_us()))
    }

    pub(super) async fn version(&self) -> Result<String> {
        const ACT: &str = "read the database's version";
        let row = sqlx::query("SELECT sqlite_version()").fetch_one(self.reader()).await.doing(ACT)?;
        Ok(format!("SQLite {}", row.try_get::<&str, _>(0).doing(ACT)?))
    }

    pub(super) async fn durability_faults(&self) -> Result<Vec<String>> {
        const ACT: &str = "read the database's settings";
        let row = sqlx::query("PRAGMA synchronous").fetch_one(&self.writer).await.doing(ACT)?;
        let synchronous: i64 = row.try_get(0).doing(ACT)?;
        let row = sqlx::query("PRAGMA journal_mode").fetch_one(&self.writer).await.doing(ACT)?;
        let journal: String = row.try_get(0).doing(ACT)?;
        let mut faults = Vec::new();
        if synchronous < SYNCHRONOUS_MIN {
            faults.push(format!(
                "synchronous is {synchronous}, so a power cut loses payments that were answered with a 2xx: \
                 open the file with synchronous = FULL"
            ));
        }
        if journal != "wal" {
            faults.push(format!(
                "the journal mode is {journal}, so a crash may damage the database or block its readers: \
                 keep the data folder on a local disk, where the mode wal is possible"
            ));
        }
        Ok(faults)
    }

    pub(super) async fn migrate(&self) -> Result<Vec<i64>> {
        let schema = self.schema().await?;
        let mut connection = self.writer.acquire().await.doing("migrate the database")?;
        migrations::migrator(&MIGRATIONS).run_direct(None, &mut *connection, false).await?;
        Ok(schema.pending)
    }

    pub(super) async fn schema(&self) -> Result<Schema> {
        Ok(migrations::compare(&MIGRATIONS, &applied(&self.writer).await?))
    }
}

async fn applied<'a>(from: impl SqliteExecutor<'a> + Copy) -> Result<Vec<(i64, String)>> {
    const ACT: &str = "read the migrations";
    let table = sqlx::query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'");
    if table.fetch_optional(from).await.doing(ACT)?.is_none() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query("SELECT version, description FROM _sqlx_migrations WHERE success ORDER BY version");
    let rows = rows.fetch_all(from).await.doing(ACT)?;
    rows.iter().map(|row| Ok((row.try_get(0).doing(ACT)?, row.try_get(1).doing(ACT)?))).collect()
}
