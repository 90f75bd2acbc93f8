//! `paybell config`.

use paybell_config::{Loaded, reference as all_settings};
use std::process::ExitCode;

/// Prints the effective settings, without secrets.
pub(crate) fn effective(loaded: &Loaded) -> ExitCode {
    print!("{}", loaded.to_toml());
    ExitCode::SUCCESS
}

/// Prints all settings with their words and defaults.
pub(crate) fn reference() -> ExitCode {
    print!("{}", all_settings());
    ExitCode::SUCCESS
}
