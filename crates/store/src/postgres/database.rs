//! The database itself: clock, version, settings, migrations.

use super::PostgresLedger;
use crate::error::Doing;
use crate::{Result, migrations};
use paybell_delivery::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgConnection;

/// The migrations, the oldest first: version, name, statements.
const MIGRATIONS: [(i64, &str, &str); 1] = [(1, "ledger", include_str!("../../migrations/postgres/0001_ledger.sql"))];

const VERSION_MIN: i32 = 15;

impl PostgresLedger {
    pub(super) async fn now(&self) -> Result<Timestamp> {
        const ACT: &str = "read the database's clock";
        let clock = sqlx::query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8");
        let rows = self.run(ACT, clock).await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound).doing(ACT)?;
        row.try_get(0).map(Timestamp).doing(ACT)
    }

    pub(super) async fn version(&self) -> Result<String> {
        const ACT: &str = "read the database's version";
        let row = sqlx::query("SHOW server_version").fetch_one(&self.pool).await.doing(ACT)?;
        let version: String = row.try_get(0).doing(ACT)?;
        Ok(format!("PostgreSQL {}", version.split(' ').next().unwrap_or_default()))
    }

    pub(super) async fn durability_faults(&self) -> Result<Vec<String>> {
        const ACT: &str = "read the database's settings";
        let settings = sqlx::query(
            "SELECT current_setting('server_version_num')::int4 / 10000, current_setting('server_version'),
                current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')",
        );
        let row = settings.fetch_one(&self.pool).await.doing(ACT)?;
        let mut faults = Vec::new();
        let major: i32 = row.try_get(0).doing(ACT)?;
        if major < VERSION_MIN {
            let version: String = row.try_get(1).doing(ACT)?;
            faults.push(format!("the server is PostgreSQL {version}: upgrade it to version {VERSION_MIN} or later"));
        }
        for (column, name, loses, cure) in [
            (2, "fsync", "a power cut may damage the whole database", SERVER_CURE),
            (3, "full_page_writes", "a power cut may leave half-written pages", SERVER_CURE),
            (4, "synchronous_commit", "a crash loses payments that were answered with a 2xx", COMMIT_CURE),
        ] {
            let setting: String = row.try_get(column).doing(ACT)?;
            if setting == "off" {
                faults.push(format!("{name} is off, so {loses}: {}", cure.replace("{}", name)));
            }
        }
        Ok(faults)
    }

    pub(super) async fn migrate(&self) -> Result<Vec<i64>> {
        const ACT: &str = "migrate the database";
        let mut connection = self.pool.acquire().await.doing(ACT)?.detach();
        // A migration may take long, and waits for one that another process runs.
        let unlimited = sqlx::raw_sql("SET statement_timeout = 0; SET lock_timeout = 0");
        unlimited.execute(&mut connection).await.doing(ACT)?;
        let before = applied(&mut connection).await?;
        migrations::migrator(&MIGRATIONS).run_direct(None, &mut connection, false).await?;
        Ok(migrations::missing(&MIGRATIONS, &before))
    }

    pub(super) async fn pending_migrations(&self) -> Result<Vec<i64>> {
        let mut connection = self.pool.acquire().await.doing("read the migrations")?;
        let applied = applied(&mut connection).await?;
        Ok(migrations::missing(&MIGRATIONS, &applied))
    }
}

const SERVER_CURE: &str = "set {} = on in postgresql.conf and reload the server";
const COMMIT_CURE: &str = "set {} = on for the server, and for this role and database where they override it";

async fn applied(connection: &mut PgConnection) -> Result<Vec<i64>> {
    const ACT: &str = "read the migrations";
    let table = sqlx::query("SELECT to_regclass('_sqlx_migrations') IS NOT NULL");
    let exists: bool = table.fetch_one(&mut *connection).await.doing(ACT)?.try_get(0).doing(ACT)?;
    if !exists {
        return Ok(Vec::new());
    }
    let rows = sqlx::query("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version");
    let rows = rows.fetch_all(connection).await.doing(ACT)?;
    rows.iter().map(|row| row.try_get(0).doing(ACT)).collect::<Result<_>>()
}
