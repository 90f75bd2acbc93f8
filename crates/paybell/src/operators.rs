//! `paybell operators`: people who sign in to the pages with a password.

use crate::cli::OutputFlags;
use crate::keys::{actor, open_migrated};
use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand, ValueEnum};
use paybell_config::Settings;
use paybell_dashboards::password;
use paybell_store::Ledger;
use paybell_store::manage::{Operator, OperatorRole};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal, Read};
use std::process::ExitCode;

pub(crate) const OPERATORS_EXAMPLES: &str = "\
Examples:
  paybell operators add olga                        asks for a password, twice
  paybell operators add ivan --role viewer          may look and not act
  pass show paybell/olga | paybell operators add olga
  paybell operators list
  paybell operators remove ivan

They work while `paybell serve` runs. Adding one that is there changes role and password and ends their sessions. Only a
hash of the password is stored (argon2id).";

#[derive(Args, Debug)]
pub(crate) struct OperatorsFlags {
    #[command(subcommand)]
    pub(crate) command: OperatorsCommand,
}

#[derive(Subcommand, Debug)]
pub(crate) enum OperatorsCommand {
    /// Add an operator, or change the role and password of one
    #[command(
        after_help = "The password is asked for without echo, or read as one line from standard input where that \
        is no terminal. It must have at least 12 characters."
    )]
    Add(AddFlags),
    /// List the operators
    List(OutputFlags),
    /// Remove an operator; their sessions end at once
    Remove(RemoveFlags),
}

#[derive(Args, Debug)]
pub(crate) struct AddFlags {
    /// The name they sign in with: letters, digits and . _ - @
    #[arg(value_parser = name)]
    name: String,
    /// What they may do
    #[arg(long, value_enum, default_value = "operator")]
    role: RoleOfOperator,
    #[command(flatten)]
    output: OutputFlags,
}

#[derive(Args, Debug)]
pub(crate) struct RemoveFlags {
    /// The name, as `paybell operators list` shows it
    name: String,
    #[command(flatten)]
    output: OutputFlags,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum RoleOfOperator {
    /// Looks
    Viewer,
    /// Looks and acts
    Operator,
}

/// Adds, lists or removes operators.
///
/// # Errors
/// When the database cannot be used, the password is too short, or there is no such operator.
pub(crate) async fn operators(settings: &Settings, command: OperatorsCommand) -> Result<ExitCode> {
    let ledger = open_migrated(settings).await?;
    match command {
        OperatorsCommand::Add(flags) => add(&*ledger, &flags).await?,
        OperatorsCommand::List(output) => list(&*ledger, output.json).await?,
        OperatorsCommand::Remove(flags) => remove(&*ledger, &flags).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(ledger: &dyn Ledger, flags: &AddFlags) -> Result<()> {
    let role = match flags.role {
        RoleOfOperator::Viewer => OperatorRole::Viewer,
        RoleOfOperator::Operator => OperatorRole::Operator,
    };
    let password_hash = password::hash(read_password(&flags.name)?.expose_secret())?;
    let actor = actor(ledger).await?;
    let known = ledger.operator(&flags.name).await.context("cannot read the operators")?.is_some();
    let (name, now) = (flags.name.clone(), actor.now);
    let operator = Operator { name, role, password_hash, created_at: now, updated_at: now, removed_at: None };
    ledger.put_operator(&operator, &actor).await.context("cannot store the operator")?;
    if flags.output.json {
        let stored = ledger.operator(&flags.name).await?;
        println!("{}", shown(stored.as_ref().unwrap_or(&operator)));
    } else if known {
        println!("Changed {}, {}. Their sessions have ended.", operator.name, role.as_str());
    } else {
        println!(
            "Added {}, {}. They sign in at the address of the pages (setting: listen).",
            operator.name,
            role.as_str()
        );
    }
    Ok(())
}

async fn list(ledger: &dyn Ledger, as_json: bool) -> Result<()> {
    let operators = ledger.operators().await.context("cannot list the operators")?;
    if as_json {
        println!("{}", Value::from(operators.iter().map(shown).collect::<Vec<_>>()));
        return Ok(());
    }
    if operators.is_empty() {
        println!("There is no operator yet. Add one with: paybell operators add NAME");
    }
    for it in &operators {
        println!("{:8}  added {}  changed {}  {}", it.role.as_str(), it.created_at, it.updated_at, it.name);
    }
    Ok(())
}

async fn remove(ledger: &dyn Ledger, flags: &RemoveFlags) -> Result<()> {
    let actor = actor(ledger).await?;
    ledger.remove_operator(&flags.name, &actor).await?;
    if flags.output.json {
        println!("{}", json!({ "name": flags.name, "removed": true }));
    } else {
        println!("Removed {}. Their sessions have ended.", flags.name);
    }
    Ok(())
}

/// Asked for twice at a terminal; one line of anything else.
fn read_password(name: &str) -> Result<SecretString> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        let mut line = String::new();
        let bytes_max = u64::try_from(password::BYTES_MAX).unwrap_or(u64::MAX) + 2;
        input.lock().take(bytes_max).read_line(&mut line).context("cannot read the password from standard input")?;
        return Ok(line.trim_end_matches(['\r', '\n']).into());
    }
    let ask = |words: String| rpassword::prompt_password(words).context("cannot read the password from the terminal");
    let first =
        SecretString::from(ask(format!("Password for {name} (at least {} characters): ", password::CHARACTERS_MIN))?);
    let second = SecretString::from(ask("Once more: ".to_owned())?);
    ensure!(first.expose_secret() == second.expose_secret(), "the two passwords differ");
    Ok(first)
}

fn name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    if (1..=64).contains(&text.chars().count()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("it must have 1 to 64 letters, digits and . _ - @".to_owned())
    }
}

fn shown(operator: &Operator) -> Value {
    json!({
        "name": operator.name,
        "role": operator.role.as_str(),
        "created_at": operator.created_at.to_rfc3339(),
        "updated_at": operator.updated_at.to_rfc3339(),
    })
}
