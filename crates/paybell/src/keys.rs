//! `paybell keys`.

use crate::cli::{CreateKeyFlags, KeysCommand, RevokeKeyFlags, RoleOfKey};
use crate::wire::{open_ledger_without_key, refuse_contracted};
use anyhow::{Context, Result, bail, ensure};
use paybell_api::keys::{new_key, role_word};
use paybell_config::{Mode, Settings};
use paybell_store::Ledger;
use paybell_store::manage::{Actor, KeyRecord, KeyRole};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::Arc;

/// Makes, lists or revokes keys.
///
/// # Errors
/// When the database cannot be used or there is no such key.
pub(crate) async fn keys(settings: &Settings, command: KeysCommand) -> Result<ExitCode> {
    let ledger = open_migrated(settings).await?;
    match command {
        KeysCommand::Create(flags) => create(&*ledger, &flags).await?,
        KeysCommand::List(output) => list(&*ledger, output.json).await?,
        KeysCommand::Revoke(flags) => revoke(&*ledger, &flags).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The ledger without the master key; an embedded one is migrated.
///
/// # Errors
/// When the database cannot be used, or is not migrated.
pub(crate) async fn open_migrated(settings: &Settings) -> Result<Arc<dyn Ledger>> {
    let ledger = open_ledger_without_key(settings).await?;
    let schema = ledger.schema().await?;
    refuse_contracted(&schema)?;
    if !schema.lacking.is_empty() {
        match settings.mode() {
            Mode::Embedded => drop(ledger.migrate().await?),
            Mode::Production => bail!("the database is not migrated: run `paybell migrate` first"),
        }
    }
    Ok(ledger)
}

async fn create(ledger: &dyn Ledger, flags: &CreateKeyFlags) -> Result<()> {
    let role = match flags.role {
        RoleOfKey::Gateway => KeyRole::Gateway,
        RoleOfKey::Operator => KeyRole::Operator,
    };
    let name = flags.name.clone().unwrap_or_else(|| role_word(role).to_owned());
    ensure!((1..=100).contains(&name.chars().count()), "--name must have 1 to 100 characters");
    let actor = actor(ledger).await?;
    let (key, record) = new_key(role, &name, actor.now);
    ledger.create_key(&record, &actor).await.context("cannot store the key")?;
    if flags.output.json {
        let mut shown = shown(&record);
        shown["key"] = key.expose_secret().into();
        println!("{shown}");
    } else {
        println!("{}", key.expose_secret());
        eprintln!("Keep it now: it is not shown again. Send it as: Authorization: Bearer <key>");
    }
    Ok(())
}

async fn list(ledger: &dyn Ledger, as_json: bool) -> Result<()> {
    let keys = ledger.keys().await.context("cannot list the keys")?;
    if as_json {
        println!("{}", Value::from(keys.iter().map(shown).collect::<Vec<_>>()));
        return Ok(());
    }
    if keys.is_empty() {
        println!("There is no key yet. Make one with: paybell keys create --role gateway");
    }
    for key in &keys {
        let state = key.revoked_at.map_or_else(|| "active".to_owned(), |at| format!("revoked {at}"));
        println!("{}  {:8}  made {}  {state}  {}", key.id, role_word(key.role), key.created_at, key.name);
    }
    Ok(())
}

async fn revoke(ledger: &dyn Ledger, flags: &RevokeKeyFlags) -> Result<()> {
    let actor = actor(ledger).await?;
    ledger.revoke_key(flags.id, &actor).await?;
    if flags.output.json {
        println!("{}", json!({ "id": flags.id, "revoked": true }));
    } else {
        println!("Revoked {}. Running processes see it within seconds.", flags.id);
    }
    Ok(())
}

/// The command line, at the database's time.
pub(crate) async fn actor(ledger: &dyn Ledger) -> Result<Actor> {
    let now = ledger.now().await.context("cannot read the database's clock")?;
    Ok(Actor { name: "command line".to_owned(), now })
}

fn shown(key: &KeyRecord) -> Value {
    json!({
        "id": key.id,
        "role": role_word(key.role),
        "name": key.name,
        "created_at": key.created_at.to_rfc3339(),
        "revoked_at": key.revoked_at.map(|at| at.to_rfc3339()),
    })
}
