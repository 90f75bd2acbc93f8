//! `paybell dialects`: list, show, check, try, add, remove.

mod flags;
mod try_out;

pub(crate) use flags::{DIALECTS_EXAMPLES, DialectsFlags};

use crate::keys::{actor, open_migrated};
use crate::wire::database_file;
use anyhow::{Context, Result, anyhow, bail};
use flags::{DialectsCommand, FileFlags, NameFlags};
use paybell_config::{Loaded, Mode, Settings};
use paybell_dialects::Dialect;
use paybell_store::Ledger;
use paybell_store::manage::{PageRequest, StoredDialect};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Does what is asked; loads the settings only where a database is needed.
///
/// # Errors
/// When the definition is wrong, there is no such dialect, or the database refuses.
pub(crate) async fn dialects(load: impl Fn() -> Result<Loaded>, command: DialectsCommand) -> Result<ExitCode> {
    match command {
        DialectsCommand::Check(flags) => check(&flags)?,
        DialectsCommand::Try(flags) => return try_out::try_out(flags),
        DialectsCommand::List(output) => list(&load()?.settings, output.json).await?,
        DialectsCommand::Show(flags) => show(load, &flags).await?,
        DialectsCommand::Add(flags) => add(&load()?.settings, &flags).await?,
        DialectsCommand::Remove(flags) => remove(&load()?.settings, &flags).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a definition from a file.
fn read_file(file: &Path) -> Result<Dialect> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let is_json = file.extension().is_some_and(|extension| extension == "json");
    let read = if is_json { Dialect::from_json(&text) } else { Dialect::from_toml(&text) };
    read.map_err(|error| anyhow!("{} cannot be used:\n{error}", file.display()))
}

fn check(flags: &FileFlags) -> Result<()> {
    let dialect = read_file(&flags.file)?;
    if flags.output.json {
        println!("{}", shown(&dialect, None));
    } else {
        println!("{} is a sound definition of the dialect {}.", flags.file.display(), dialect.name());
    }
    Ok(())
}

async fn list(settings: &Settings, as_json: bool) -> Result<()> {
    let built_in = Dialect::built_in().iter().map(|dialect| (dialect.clone(), None));
    let own = own(settings).await?.into_iter().map(|(dialect, stored)| (dialect, Some(stored)));
    let all: Vec<(Dialect, Option<StoredDialect>)> = built_in.chain(own).collect();
    if as_json {
        println!("{}", Value::from(all.iter().map(|(dialect, own)| shown(dialect, own.as_ref())).collect::<Vec<_>>()));
        return Ok(());
    }
    for (dialect, own) in &all {
        let whose = own.as_ref().map_or_else(|| "built in".to_owned(), |own| format!("version {}", own.version));
        let check = if dialect.has_check() { "asks before a payment" } else { "" };
        println!("{:16} {whose:12} {:28} {check}", dialect.name(), dialect.title());
    }
    Ok(())
}

/// The gateway's own dialects. A folder without a database has none, and none is made for that.
async fn own(settings: &Settings) -> Result<Vec<(Dialect, StoredDialect)>> {
    if settings.mode() == Mode::Embedded && !database_file(settings).exists() {
        return Ok(Vec::new());
    }
    let ledger = open_migrated(settings).await?;
    let (mut all, mut page) = (Vec::new(), PageRequest { limit: 100, after: None });
    loop {
        let found = ledger.dialects(&page).await.context("cannot list the dialects")?;
        for stored in found.items {
            all.push((compiled(&stored)?, stored));
        }
        page.after = found.next;
        if page.after.is_none() {
            return Ok(all);
        }
    }
}

fn compiled(stored: &StoredDialect) -> Result<Dialect> {
    Dialect::from_json(&stored.definition).map_err(|error| anyhow!("the stored dialect {}: {error}", stored.name))
}

async fn show(load: impl Fn() -> Result<Loaded>, flags: &NameFlags) -> Result<()> {
    let (dialect, own) = match Dialect::named(&flags.name) {
        Some(dialect) => (dialect.clone(), None),
        None => {
            let ledger = open_migrated(&load()?.settings).await?;
            let stored = ledger.dialect(&flags.name).await?;
            let stored = stored.with_context(|| format!("there is no dialect {}", flags.name))?;
            (compiled(&stored)?, Some(stored))
        }
    };
    let definition: Value = serde_json::from_str(&dialect.definition_json())?;
    if flags.output.json {
        let mut shown = shown(&dialect, own.as_ref());
        shown["definition"] = definition;
        println!("{shown}");
        return Ok(());
    }
    println!("{}: {}\n\n{}\n", dialect.name(), dialect.title(), dialect.description().trim());
    for (name, parameter) in dialect.parameters() {
        let need = if parameter.optional || parameter.default.is_some() { "may" } else { "must" };
        println!("An endpoint {need} set {name}: {}", parameter.description);
    }
    println!("\n{}", serde_json::to_string_pretty(&definition)?);
    Ok(())
}

async fn add(settings: &Settings, flags: &FileFlags) -> Result<()> {
    let dialect = read_file(&flags.file)?;
    let ledger = open_migrated(settings).await?;
    let actor = actor(&*ledger).await?;
    let stored = ledger.put_dialect(&dialect, &actor).await?;
    if flags.output.json {
        println!("{}", shown(&dialect, Some(&stored)));
    } else {
        println!(
            "Stored {}, version {}. Its endpoints use it from their next attempt on.",
            stored.name, stored.version
        );
    }
    Ok(())
}

async fn remove(settings: &Settings, flags: &NameFlags) -> Result<()> {
    if Dialect::named(&flags.name).is_some() {
        bail!("{} is built in and cannot be deleted", flags.name);
    }
    let ledger: Arc<dyn Ledger> = open_migrated(settings).await?;
    let actor = actor(&*ledger).await?;
    ledger.delete_dialect(&flags.name, &actor).await?;
    if flags.output.json {
        println!("{}", json!({ "name": flags.name, "removed": true }));
    } else {
        println!("Deleted {}.", flags.name);
    }
    Ok(())
}

fn shown(dialect: &Dialect, own: Option<&StoredDialect>) -> Value {
    let words =
        |(name, parameter): (&String, &paybell_dialects::Parameter)| (name.clone(), parameter.description.clone());
    json!({
        "name": dialect.name(),
        "title": dialect.title(),
        "description": dialect.description(),
        "built_in": own.is_none(),
        "has_check": dialect.has_check(),
        "parameters": dialect.parameters().iter().map(words).collect::<std::collections::BTreeMap<_, _>>(),
        "version": own.map(|own| own.version),
    })
}
