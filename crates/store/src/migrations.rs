//! Migrations: numbered, each applied once, in order.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Version, name and statements of each migration, the oldest first.
pub(crate) type Migrations = [(i64, &'static str, &'static str)];

pub(crate) fn migrator(migrations: &Migrations) -> Migrator {
    let migration = |&(version, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(migrations.iter().map(migration).collect())
}

/// The versions that are not among the `applied`.
pub(crate) fn missing(migrations: &Migrations, applied: &[i64]) -> Vec<i64> {
    migrations.iter().map(|(version, ..)| *version).filter(|version| !applied.contains(version)).collect()
}
