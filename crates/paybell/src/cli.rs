//! The command line.

use crate::dialects::{DIALECTS_EXAMPLES, DialectsFlags};
use crate::operators::{OPERATORS_EXAMPLES, OperatorsFlags};
use clap::{Args, Parser, Subcommand, ValueEnum};
use paybell_config::Inputs;
use std::path::PathBuf;

/// Tells merchants that they were paid, and keeps ringing until they acknowledge it or 72 hours have passed.
#[derive(Parser, Debug)]
#[command(name = "paybell", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  paybell demo                               see it work, with nothing to set up
  paybell serve                              run embedded: one process, data in ./paybell-data
  paybell keys create --role gateway         make the API key that your gateway sends
  paybell config --reference > paybell.toml  begin a configuration file
  paybell doctor                             check database, Redis, clock and limits, with cures

Production, against PostgreSQL and Redis:
  export PAYBELL_DATABASE_URL=postgres://paybell:secret@db/paybell PAYBELL_REDIS_URL=redis://cache
  export PAYBELL_MASTER_KEY_FILE=/etc/paybell/master.key
  paybell migrate && paybell serve";

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run Paybell: embedded without a database URL, in production with one
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeFlags),
    /// Bring the database to this version's form
    #[command(after_help = "Run it once before the new version starts. Running it again changes nothing.")]
    Migrate(OutputFlags),
    /// Print the effective configuration with its sources, secrets hidden
    #[command(after_help = CONFIG_EXAMPLES)]
    Config(ConfigFlags),
    /// Check database, Redis, clock and limits, and say what to do
    #[command(after_help = "Exits with 1 when a check fails; warnings do not count.")]
    Doctor(OutputFlags),
    /// Make, list and revoke API keys
    #[command(after_help = KEYS_EXAMPLES)]
    Keys(KeysFlags),
    /// Add, list and remove operators: people who sign in to the pages with a password
    #[command(after_help = OPERATORS_EXAMPLES)]
    Operators(OperatorsFlags),
    /// List, show, check, try, add and remove dialects: how merchants' receivers want to be told
    #[command(after_help = DIALECTS_EXAMPLES)]
    Dialects(DialectsFlags),
    /// See it work: real payments to real local receivers that fail in every way
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(DemoFlags),
}

/// Where settings come from. Flags win over environment variables, those over the file.
#[derive(Args, Debug, Default)]
pub(crate) struct SettingFlags {
    /// The configuration file [default: $PAYBELL_CONFIG, else ./paybell.toml where there is one]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Any setting, such as --set grace=10s; `paybell config --reference` lists them all
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = parse_pair)]
    set: Vec<(String, String)>,
    /// The folder of an embedded Paybell
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// PostgreSQL, as postgres://…; PAYBELL_DATABASE_URL keeps its password out of the process list
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// Redis, as redis://…
    #[arg(long, global = true, value_name = "URL")]
    redis_url: Option<String>,
}

const SERVE_EXAMPLES: &str = "\
Examples:
  paybell serve                                    embedded, API on 127.0.0.1:8080
  paybell serve --listen 0.0.0.0:8080              reachable from other machines
  paybell serve --roles worker,dispatcher          production: one process of several
  paybell serve --set time_limit=5s                any setting

SIGTERM or Ctrl-C ends it after what is in flight (setting: drain); a second one ends it at once.";

#[derive(Args, Debug, Default)]
pub(crate) struct ServeFlags {
    /// The address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// What this process does, separated by commas [default: api,worker,dispatcher,dashboard]
    #[arg(long, value_name = "ROLES")]
    pub(crate) roles: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct OutputFlags {
    /// Print one JSON object instead of lines for people
    #[arg(long)]
    pub(crate) json: bool,
}

const CONFIG_EXAMPLES: &str = "\
Examples:
  paybell config                                   what `paybell serve` would use, and from where
  paybell config --reference                       all settings with their words and defaults, as a file";

#[derive(Args, Debug)]
pub(crate) struct ConfigFlags {
    /// Print all settings with their words and defaults instead
    #[arg(long)]
    pub(crate) reference: bool,
    #[command(flatten)]
    pub(crate) serve: ServeFlags,
}

const KEYS_EXAMPLES: &str = "\
Examples:
  paybell keys create --role gateway --name shop-backend
  paybell keys list
  paybell keys revoke 0197a8f0-5f5e-7e3a-9f0e-5b7a4c1d2e3f

They work while `paybell serve` runs. A key is shown once; only its hash is stored.";

#[derive(Args, Debug)]
pub(crate) struct KeysFlags {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Subcommand, Debug)]
pub(crate) enum KeysCommand {
    /// Make a key and show it, once
    Create(CreateKeyFlags),
    /// List the keys, never the secrets themselves
    List(OutputFlags),
    /// Revoke a key for good; running processes see it within seconds
    Revoke(RevokeKeyFlags),
}

#[derive(Args, Debug)]
pub(crate) struct CreateKeyFlags {
    /// What the key may do
    #[arg(long, value_enum)]
    pub(crate) role: RoleOfKey,
    /// A name, for people and for the audit [default: the role]
    #[arg(long)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

#[derive(Args, Debug)]
pub(crate) struct RevokeKeyFlags {
    /// The key's id, as `paybell keys list` shows it
    pub(crate) id: uuid::Uuid,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RoleOfKey {
    /// A gateway's program: hands in payments, manages merchants and endpoints
    Gateway,
    /// A person who runs Paybell, or their program
    Operator,
}

const DEMO_EXAMPLES: &str = "\
Examples:
  paybell demo                                     100 payments, a live table, a summary
  paybell demo --payments 500 --json               one JSON object on standard output
  paybell demo --stay                              keep it running, with an API key and a curl line

Exits with 0 only when nothing was lost and nothing is left waiting.";

#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct DemoFlags {
    /// How many payments are sent
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) payments: u32,
    /// Print one JSON object at the end and nothing else on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Keep it running at the end, until Ctrl-C
    #[arg(long)]
    pub(crate) stay: bool,
}

impl SettingFlags {
    /// The first of these flags that was given: a command without settings refuses it rather than ignore it.
    pub(crate) fn first_given(&self) -> Option<&'static str> {
        let given = [
            ("--config", self.config.is_some()),
            ("--set", !self.set.is_empty()),
            ("--data-dir", self.data_dir.is_some()),
            ("--database-url", self.database_url.is_some()),
            ("--redis-url", self.redis_url.is_some()),
        ];
        given.into_iter().find_map(|(name, given)| given.then_some(name))
    }

    /// All sources of settings of this process.
    pub(crate) fn inputs(&self, serve: &ServeFlags) -> Inputs {
        let mut inputs = Inputs::of_this_process(self.config.clone());
        for (key, value) in &self.set {
            inputs = inputs.flag(key, value, "--set");
        }
        let flags = [
            ("data_dir", "--data-dir", &self.data_dir),
            ("database_url", "--database-url", &self.database_url),
            ("redis_url", "--redis-url", &self.redis_url),
            ("listen", "--listen", &serve.listen),
            ("roles", "--roles", &serve.roles),
        ];
        for (key, name, value) in flags {
            if let Some(value) = value {
                inputs = inputs.flag(key, value, name);
            }
        }
        inputs
    }
}

pub(crate) fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("it must be KEY=VALUE, such as grace=10s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_become_settings_and_name_themselves_in_errors() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).expect(line);
        let cli = parse("paybell serve --listen 0.0.0.0:1 --set grace=10s --data-dir /x");
        let Command::Serve(serve) = &cli.command else { panic!("it must be serve") };
        let settings = cli.settings.inputs(serve).load().expect("good settings").settings;
        assert_eq!(settings.listen.to_string(), "0.0.0.0:1");
        assert_eq!(settings.grace.as_secs(), 10);
        assert_eq!(settings.data_dir, PathBuf::from("/x"));
        let cli = parse("paybell migrate --set grace=soon");
        let error = cli.settings.inputs(&ServeFlags::default()).load().expect_err("a bad value").to_string();
        assert!(error.starts_with("grace (the flag --set): it is \"soon\""), "{error}");
    }

    #[test]
    fn a_setting_without_a_value_is_refused() {
        assert!(Cli::try_parse_from(["paybell", "serve", "--set", "grace"]).is_err());
        assert!(Cli::try_parse_from(["paybell", "demo", "--payments", "0"]).is_err());
    }
}
