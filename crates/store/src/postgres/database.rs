//! The database itself: clock, version, settings, migrations.

use super::{PostgresLedger, migrate};
use crate::error::Doing;
use crate::{Result, Schema, migrations};
use paybell_delivery::Timestamp;
use sqlx::Row;

/// The migrations, the oldest first: version, name, statements.
pub(crate) const MIGRATIONS: [(i64, &str, &str); 1] =
    [(1, "ledger", include_str!("../../migrations/postgres/0001_ledger.sql"))];

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
        let mut connection = self.pool.acquire().await.doing("migrate the database")?.detach();
        let applied = migrate::migrate(&mut connection, &MIGRATIONS).await?;
        self.make_first_partitions().await;
        Ok(applied)
    }

    pub(super) async fn schema(&self) -> Result<Schema> {
        let mut connection = self.pool.acquire().await.doing("read the migrations")?;
        let applied = migrate::applied(&mut connection).await?;
        Ok(migrations::compare(&MIGRATIONS, &applied))
    }
}

const SERVER_CURE: &str = "set {} = on in postgresql.conf and reload the server";
const COMMIT_CURE: &str = "set {} = on for the server, and for this role and database where they override it";
