//! Paybell's configuration: defaults < TOML file < environment < flags.
//!
//! Cast:
//! - [`Settings`]: all settings, flat, each with its unit and default; [`SETTINGS`] lists them with their words.
//! - [`Inputs`]: where settings come from; [`Inputs::load`] merges and checks them and gives [`Loaded`].
//! - [`ConfigError`]: names the key, its source and the rule that it breaks.
//!
//! ```
//! use paybell_config::{Inputs, Mode};
//! let inputs = Inputs::default().flag("listen", "0.0.0.0:9000", "--listen");
//! let loaded = inputs.load().unwrap();
//! assert_eq!(loaded.settings.listen.port(), 9000);
//! assert_eq!(loaded.settings.mode(), Mode::Embedded);
//! ```

mod check_settings;
mod duration;
mod error;
mod hide_secret;
mod load_settings;
mod print_settings;
mod settings;

pub use error::{ConfigError, Problem};
pub use load_settings::{Inputs, Loaded};
pub use print_settings::reference;
pub use settings::{LogFormat, Mode, Role, SETTINGS, SettingInfo, Settings};
