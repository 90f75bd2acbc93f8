//! Migrations: numbered, each applied once, in order; and what a process makes of those that it does not know.
//!
//! Old and new processes run side by side, so a migration either *expands* the schema, which older processes do not
//! notice, or *contracts* it: takes away what they may still use. One that contracts says in its name from which
//! migration on a process lives without what is taken: `0007_drop_pay_for_needs_5`. The name is stored with the
//! migration, in the same transaction, so that a process which has never heard of it can read it.
//! The rules for authors are in `migrations/README.md`.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Version, name and statements of each migration, the oldest first.
pub(crate) type Migrations = [(i64, &'static str, &'static str)];

/// How the first line of a migration begins that cannot run in a transaction.
const NO_TRANSACTION: &str = "-- no-transaction";

/// How a database's schema stands to what this version of Paybell knows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Schema {
    /// The migrations that this version knows and the database lacks.
    pub pending: Vec<i64>,
    /// Of the pending ones, those without which this version cannot work: all that expand.
    pub lacking: Vec<i64>,
    /// The migrations that the database has and this version does not know.
    pub newer: Vec<i64>,
    /// The last migration that this version knows.
    pub known: i64,
    /// The migration that a process must know to work on this database, when this version does not know it.
    pub needed: Option<i64>,
}

/// Compares what is known with what was applied: version and name of each.
pub(crate) fn compare(migrations: &Migrations, applied: &[(i64, String)]) -> Schema {
    let is_applied = |version: i64| applied.iter().any(|(applied, _)| *applied == version);
    let pending: Vec<_> = migrations.iter().filter(|(version, ..)| !is_applied(*version)).collect();
    let known = latest(migrations);
    let newer: Vec<_> = applied.iter().filter(|(version, _)| !migrations.iter().any(|m| m.0 == *version)).collect();
    Schema {
        lacking: pending.iter().filter(|(_, name, _)| needs(name).is_none()).map(|(version, ..)| *version).collect(),
        pending: pending.into_iter().map(|(version, ..)| *version).collect(),
        needed: newer.iter().filter_map(|(_, name)| needs(name)).max().filter(|needed| *needed > known),
        newer: newer.into_iter().map(|(version, _)| *version).collect(),
        known,
    }
}

/// The last migration that is known.
pub(crate) fn latest(migrations: &Migrations) -> i64 {
    migrations.iter().map(|(version, ..)| *version).max().unwrap_or(0)
}

/// Which migration a process must know to live with the one of this name; nothing when any process can.
pub(crate) fn needs(name: &str) -> Option<i64> {
    let (_, version) = name.rsplit_once("needs_")?;
    version.parse().ok()
}

/// Whether its statement runs outside a transaction.
pub(crate) fn runs_alone(sql: &str) -> bool {
    sql.starts_with(NO_TRANSACTION)
}

/// Applies them. A database that has newer ones is left as it is. Locking is the caller's.
pub(crate) fn migrator(migrations: &Migrations) -> Migrator {
    let migration = |&(version, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), runs_alone(sql))
    };
    let mut migrator = Migrator::with_migrations(migrations.iter().map(migration).collect());
    migrator.set_ignore_missing(true).set_locking(false);
    migrator
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{postgres, sqlite};

    const THREE: [(i64, &str, &str); 3] = [(1, "ledger", ""), (2, "add_note", ""), (3, "drop_pay_for_needs_2", "")];

    fn applied(names: &[(i64, &str)]) -> Vec<(i64, String)> {
        names.iter().map(|(version, name)| (*version, (*name).to_owned())).collect()
    }

    #[test]
    fn what_a_process_may_run_on() {
        for (knows, has, lacking, newer, needed) in [
            (3, applied(&[]), vec![1, 2], vec![], None),
            (3, applied(&[(1, "ledger")]), vec![2], vec![], None),
            // What takes away is not waited for: the processes that still use it are to be exchanged first.
            (3, applied(&[(1, "ledger"), (2, "add_note")]), vec![], vec![], None),
            (1, applied(&[(1, "ledger"), (2, "add_note")]), vec![], vec![2], None),
            (1, applied(&[(1, "ledger"), (2, "add_note"), (3, "drop_pay_for_needs_2")]), vec![], vec![2, 3], Some(2)),
            (2, applied(&[(1, "ledger"), (2, "add_note"), (3, "drop_pay_for_needs_2")]), vec![], vec![3], None),
            (
                2,
                applied(&[(1, "ledger"), (2, "add_note"), (9, "drop_needs_8"), (10, "x")]),
                vec![],
                vec![9, 10],
                Some(8),
            ),
        ] {
            let schema = compare(&THREE[..knows], &has);
            assert_eq!((schema.lacking, schema.newer, schema.needed), (lacking, newer, needed), "{knows} on {has:?}");
        }
    }

    /// What takes away, narrows or renames, in the words of both databases.
    const CONTRACTING: [&str; 9] = [
        "DROP TABLE",
        "DROP COLUMN",
        "RENAME",
        "SET NOT NULL",
        " TYPE ",
        "ADD CONSTRAINT",
        "DROP DEFAULT",
        "CREATE UNIQUE INDEX",
        "TRUNCATE",
    ];

    #[test]
    fn migrations_keep_the_rules_for_authors() {
        for migrations in [&postgres::MIGRATIONS[..], &sqlite::MIGRATIONS[..]] {
            assert!(migrations.iter().map(|(version, ..)| *version).eq(1..=latest(migrations)), "numbered from 1");
            for (version, name, sql) in &migrations[1..] {
                let contracting = CONTRACTING.iter().find(|words| sql.to_uppercase().contains(**words));
                assert_eq!(contracting.is_some(), needs(name).is_some(), "{version} {name}: {contracting:?}");
                assert!(needs(name).is_none_or(|needs| needs < *version), "{version} {name} needs one before it");
            }
        }
        for (version, name, sql) in &postgres::MIGRATIONS[1..] {
            let locks = sql.contains("CREATE INDEX") && !sql.contains("CREATE INDEX CONCURRENTLY");
            assert!(!locks, "{version} {name} locks out writers while it builds an index");
            let alone = sql.contains("CONCURRENTLY");
            assert_eq!(alone, runs_alone(sql), "{version} {name}: `{NO_TRANSACTION}` and CONCURRENTLY go together");
            assert!(!alone || sql.matches(';').count() == 1, "{version} {name}: one statement in such a file");
        }
    }
}
