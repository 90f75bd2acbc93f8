//! Settings as text: the effective ones, and all that there are.

use crate::{Loaded, SETTINGS, Settings};
use std::fmt::Write;

impl Loaded {
    /// The effective settings as TOML with their sources, with secrets hidden.
    pub fn to_toml(&self) -> String {
        let mut out = format!("# Paybell runs {} with these settings.\n", self.settings.mode().as_str());
        let values = values(&self.settings);
        for setting in SETTINGS {
            let origin = self.origins.get(setting.key).map_or("", String::as_str);
            let line = match values.get(setting.key) {
                Some(value) => format!("{} = {value}", setting.key),
                None => format!("# {} is not set", setting.key),
            };
            let _ = if origin == "the default" { writeln!(out, "{line}") } else { writeln!(out, "{line}  # {origin}") };
        }
        out
    }
}

/// All settings with their words and defaults, as a TOML file to begin with.
pub fn reference() -> String {
    let mut out = String::from(
        "# All settings of Paybell with their defaults. Each can be set in a file (--config FILE, PAYBELL_CONFIG or\n\
         # ./paybell.toml), by an environment variable (PAYBELL_LISTEN for listen, and so on) or by --set key=value;\n\
         # the later wins.\n",
    );
    let values = values(&Settings::default());
    for setting in SETTINGS {
        out.push('\n');
        for line in setting.words {
            let _ = writeln!(out, "#{line}");
        }
        let _ = match values.get(setting.key) {
            Some(value) => writeln!(out, "{} = {value}", setting.key),
            None => writeln!(out, "# {} = \"\"", setting.key),
        };
    }
    out
}

fn values(settings: &Settings) -> toml::Table {
    toml::Table::try_from(settings).unwrap_or_default()
}
