//! The one binary of Paybell: all roles, the command line and the demo.
//!
//! Cast:
//! - [`cli`]: the commands and their flags. [`wire`]: settings → database, queue, client: a [`wire::Wired`].
//! - [`serve`]: runs the roles until a signal. [`run_roles`]: starts and stops them. [`open_files`]: room for their connections.
//! - [`keys`], [`operators`], [`dialects`], [`migrate`], [`doctor`]: what operators do. [`demo`]: real payments to failing local receivers.
//! - `planted`: deliberate defects, in test builds only.

mod cli;
mod demo;
mod dialects;
mod doctor;
mod keys;
mod lock_folder;
mod master_key;
mod migrate;
mod open_files;
mod operators;
#[cfg(feature = "planted-bugs")]
mod planted;
mod read_brand;
mod run_roles;
mod serve;
mod serve_http;
mod show_config;
mod wire;

use clap::Parser;
use cli::{Cli, Command, ServeFlags};
use paybell_config::{ConfigError, Loaded};
use std::process::ExitCode;

/// A quarter of the engine's time went to the C library's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a shell gets when the command line or the configuration is wrong.
const EXIT_USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    #[cfg(feature = "abort-points")]
    let _armed = paybell_abort::arm();
    match run(cli).await {
        Ok(code) => code,
        Err(error) => {
            let wrong_configuration = error.downcast_ref::<ConfigError>().is_some();
            eprintln!("error: {}", format!("{error:#}").replace('\n', "\nerror: "));
            if wrong_configuration { ExitCode::from(EXIT_USAGE) } else { ExitCode::FAILURE }
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    #[cfg(feature = "planted-bugs")]
    planted::named()?;
    let load = |serve: &ServeFlags| -> anyhow::Result<Loaded> { Ok(cli.settings.inputs(serve).load()?) };
    let none = ServeFlags::default();
    match cli.command {
        Command::Serve(flags) => serve::serve(&load(&flags)?.settings).await,
        Command::Migrate(output) => migrate::migrate(&load(&none)?.settings, output.json).await,
        Command::Config(flags) if flags.reference => Ok(show_config::reference()),
        Command::Config(flags) => Ok(show_config::effective(&load(&flags.serve)?)),
        Command::Doctor(output) => doctor::doctor(&load(&none)?, output.json).await,
        Command::Keys(flags) => keys::keys(&load(&none)?.settings, flags.command).await,
        Command::Operators(flags) => operators::operators(&load(&none)?.settings, flags.command).await,
        Command::Dialects(flags) => dialects::dialects(|| load(&none), flags.command).await,
        Command::Demo(flags) => {
            if let Some(name) = cli.settings.first_given() {
                eprintln!("error: the demo has settings of its own, so {name} would have no effect");
                return Ok(ExitCode::from(EXIT_USAGE));
            }
            demo::demo(flags).await
        }
    }
}
