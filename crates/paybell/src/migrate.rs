//! `paybell migrate`.

use crate::wire::open_ledger_without_key;
use anyhow::{Context, Result};
use paybell_config::Settings;
use paybell_telemetry::init_log;
use serde_json::json;
use std::process::ExitCode;

/// It may wait long for others; what it waits for is told on standard error.
const LOG: &str = "warn,paybell_store=info";

/// Applies the migrations that are missing. A database that is newer than this version is left as it is.
///
/// # Errors
/// When the database cannot be reached, a migration fails, or one would take away what running processes use.
pub(crate) async fn migrate(settings: &Settings, as_json: bool) -> Result<ExitCode> {
    init_log(LOG, false)?;
    let ledger = open_ledger_without_key(settings).await?;
    let applied = ledger.migrate().await.context("cannot migrate the database")?;
    let newer = ledger.schema().await?.newer;
    if as_json {
        println!("{}", json!({ "applied": applied, "newer": newer }));
        return Ok(ExitCode::SUCCESS);
    }
    if !applied.is_empty() {
        println!("Applied migration {}.", listed(&applied));
    }
    match newer.is_empty() {
        true => println!("The database is up to date."),
        false => println!("The database is newer than this version: it has migration {} besides.", listed(&newer)),
    }
    Ok(ExitCode::SUCCESS)
}

fn listed(versions: &[i64]) -> String {
    versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
