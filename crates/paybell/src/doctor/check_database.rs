//! The database: does it answer, does it keep what it commits, is it migrated, what does its clock say.

use super::Check;
use crate::wire::{database_file, open_ledger_without_key, refuse_contracted};
use anyhow::anyhow;
use paybell_config::{Mode, Settings};
use paybell_store::{Clock, Ledger, StoreError};
use std::time::Duration;

/// A difference of clocks above this is a sign of a machine without time synchronisation. Paybell corrects for it.
const OFFSET_MAX: Duration = Duration::from_secs(1);

/// All checks of the database.
pub(crate) async fn checks(settings: &Settings) -> Vec<Check> {
    if settings.mode() == Mode::Embedded && !database_file(settings).exists() {
        return vec![Check::ok("database", "SQLite, made when `paybell serve` starts first")];
    }
    let ledger = match open_ledger_without_key(settings).await {
        Ok(ledger) => ledger,
        Err(error) => return vec![Check::fail("database", format!("{error:#}"), cure_of_absence(settings))],
    };
    let version = match ledger.version().await {
        Ok(version) => Check::ok("database", version),
        Err(error) => return vec![Check::fail("database", in_words(error), cure_of_absence(settings))],
    };
    vec![version, durability(settings, &*ledger).await, migrations(settings, &*ledger).await, clock(&*ledger).await]
}

async fn durability(settings: &Settings, ledger: &dyn Ledger) -> Check {
    const NAME: &str = "durability";
    match ledger.durability_faults().await {
        Ok(faults) if faults.is_empty() => Check::ok(NAME, "what is committed stays"),
        Ok(faults) if settings.allow_unsafe_durability => {
            Check::warn(NAME, faults.join("; "), "allow_unsafe_durability lets Paybell start all the same")
        }
        Ok(faults) => Check::fail(NAME, faults.join("; "), "Paybell does not start on such a database"),
        Err(error) => Check::fail(NAME, in_words(error), "see above"),
    }
}

async fn migrations(settings: &Settings, ledger: &dyn Ledger) -> Check {
    const NAME: &str = "migrations";
    let schema = match ledger.schema().await {
        Ok(schema) => schema,
        Err(error) => return Check::fail(NAME, in_words(error), "see above"),
    };
    if let Err(refused) = refuse_contracted(&schema) {
        return Check::fail(NAME, format!("{refused:#}"), "install that version");
    }
    match (schema.pending.len(), schema.lacking.len()) {
        (0, _) if schema.newer.is_empty() => Check::ok(NAME, "up to date"),
        (0, _) => Check::ok(NAME, format!("{} newer than this version, which it fits", schema.newer.len())),
        (pending, _) if settings.mode() == Mode::Embedded => {
            Check::ok(NAME, format!("{pending} to apply when `paybell serve` starts"))
        }
        (pending, 0) => {
            let found = format!("{pending} left, which take away what older versions use");
            Check::warn(NAME, found, "run `paybell migrate` once no older version runs")
        }
        (_, lacking) => Check::fail(NAME, format!("{lacking} missing"), "run `paybell migrate`"),
    }
}

async fn clock(ledger: &dyn Ledger) -> Check {
    const NAME: &str = "clock";
    let clock = Clock::default();
    if let Err(error) = clock.sync(ledger).await {
        return Check::fail(NAME, in_words(error), "see above");
    }
    let offset = Duration::from_micros(clock.offset_us().unsigned_abs());
    let side = if clock.offset_us() < 0 { "behind" } else { "ahead of" };
    let found = format!("the database's is {:.3} s {side} this machine's", offset.as_secs_f64());
    if offset <= OFFSET_MAX {
        return Check::ok(NAME, found);
    }
    Check::warn(NAME, found, "Paybell goes by the database's clock; let both machines synchronise theirs (NTP)")
}

fn cure_of_absence(settings: &Settings) -> &'static str {
    match settings.mode() {
        Mode::Embedded => "check the file and its folder's rights (setting: data_dir)",
        Mode::Production => "check that PostgreSQL runs, and address, user and password in database_url",
    }
}

fn in_words(error: StoreError) -> String {
    format!("{:#}", anyhow!(error))
}
