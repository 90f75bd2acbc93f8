//! `paybell migrate`.

use crate::wire::open_ledger_without_key;
use anyhow::{Context, Result};
use paybell_config::Settings;
use serde_json::json;
use std::process::ExitCode;

/// Applies the migrations that are missing.
///
/// # Errors
/// When the database cannot be reached or a migration fails.
pub(crate) async fn migrate(settings: &Settings, as_json: bool) -> Result<ExitCode> {
    let ledger = open_ledger_without_key(settings).await?;
    let applied = ledger.migrate().await.context("cannot migrate the database")?;
    if as_json {
        println!("{}", json!({ "applied": applied }));
    } else if applied.is_empty() {
        println!("The database is up to date.");
    } else {
        let versions: Vec<_> = applied.iter().map(ToString::to_string).collect();
        println!("Applied migration {}. The database is up to date.", versions.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}
