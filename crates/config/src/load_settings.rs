//! Merges defaults, file, environment and flags, remembering where each value came from.

use crate::check_settings::check;
use crate::{ConfigError, Problem, SETTINGS, Settings};
use figment::error::{Actual, Kind};
use figment::value::{Dict, Map, Num, Value};
use figment::{Figment, Metadata, Profile, Provider};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

const PREFIX: &str = "PAYBELL_";
/// Variables that begin like settings and are none: the file's path and the handles of tests.
const OTHER_VARIABLES: &[&str] = &["PAYBELL_CONFIG", "PAYBELL_BIN"];
const TEST_PREFIX: &str = "PAYBELL_TEST_";
const DEFAULT_FILE: &str = "paybell.toml";
const DEFAULT_ORIGIN: &str = "the default";

/// Where settings come from. Empty at first: only the defaults.
#[derive(Clone, Default)]
pub struct Inputs {
    file: Option<PathBuf>,
    variables: Vec<(String, String)>,
    flags: Vec<Layer>,
}

impl fmt::Debug for Inputs {
    /// The values may be secrets, so only their names are written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables: Vec<_> = self.variables.iter().map(|(name, _)| name).collect();
        let flags: Vec<_> = self.flags.iter().flat_map(|layer| layer.dict.keys()).collect();
        let mut shown = f.debug_struct("Inputs");
        shown.field("file", &self.file).field("variables", &variables).field("flags", &flags).finish()
    }
}

/// Settings that were merged and checked.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Where each came from, by its key: `the flag --listen`.
    pub origins: BTreeMap<&'static str, String>,
    /// The file that was read.
    pub file: Option<PathBuf>,
}

impl Inputs {
    /// This process's environment and the file: the one given, else the one that `PAYBELL_CONFIG` names, else
    /// `paybell.toml` in the working folder where there is one.
    pub fn of_this_process(file: Option<PathBuf>) -> Self {
        let variables: Vec<_> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        let named = variables.iter().find(|(name, value)| name == "PAYBELL_CONFIG" && !value.is_empty());
        let file = file
            .or_else(|| named.map(|(_, path)| PathBuf::from(path)))
            .or_else(|| Path::new(DEFAULT_FILE).is_file().then(|| PathBuf::from(DEFAULT_FILE)));
        Self { file, variables, flags: Vec::new() }
    }

    /// Reads this file.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Adds an environment variable, by its whole name.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a flag: the setting's key, the value as text, and how the flag is called (`--listen`). Later ones win.
    #[must_use]
    pub fn flag(mut self, key: &str, value: &str, name: &str) -> Self {
        self.flags.push(Layer { origin: format!("the flag {name}"), dict: text_dict(key, value) });
        self
    }

    /// Merges and checks everything.
    ///
    /// # Errors
    /// When the file cannot be read, a key is unknown, or a value breaks its rule. Each is named with its source.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        let layers = self.layers()?;
        let unknown: Vec<_> = layers.iter().flat_map(unknown_keys).collect();
        if !unknown.is_empty() {
            return Err(ConfigError::Problems(unknown));
        }
        let defaults = Layer { origin: DEFAULT_ORIGIN.to_owned(), dict: default_dict() };
        let figment = layers.into_iter().fold(Figment::from(defaults), Figment::merge);
        let settings = figment.extract().map_err(|error| ConfigError::Problems(problems(&figment, error)))?;
        let origins = SETTINGS.iter().map(|setting| (setting.key, origin(&figment, setting.key))).collect();
        let loaded = Loaded { settings, origins, file: self.file.clone() };
        check(&loaded)?;
        Ok(loaded)
    }

    fn layers(&self) -> Result<Vec<Layer>, ConfigError> {
        let mut layers = Vec::new();
        layers.extend(self.file.as_deref().map(file_layer).transpose()?);
        for (name, value) in &self.variables {
            let other = OTHER_VARIABLES.contains(&name.as_str()) || name.starts_with(TEST_PREFIX);
            if let (Some(key), false) = (name.strip_prefix(PREFIX), other) {
                let origin = format!("the environment variable {name}");
                layers.push(Layer { origin, dict: text_dict(&key.to_lowercase(), value) });
            }
        }
        layers.extend(self.flags.iter().cloned());
        Ok(layers)
    }
}

/// Values from one source.
#[derive(Clone)]
struct Layer {
    origin: String,
    dict: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Map::from([(Profile::Default, self.dict.clone())]))
    }
}

fn file_layer(path: &Path) -> Result<Layer, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let mut dict: Dict = toml::from_str(&text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        line: text[..error.span().map_or(0, |span| span.start).min(text.len())].matches('\n').count() + 1,
        rule: error.message().to_owned(),
    })?;
    // A list may be written as text in the file as well.
    for (key, value) in &mut dict {
        if let (Some(text), Some(Value::Array(..))) = (value.as_str(), default_dict().get(key)) {
            *value = list(text);
        }
    }
    Ok(Layer { origin: format!("the file {}", path.display()), dict })
}

/// One setting given as text, read as what its default is: a list, a switch, a number or text.
fn text_dict(key: &str, text: &str) -> Dict {
    let text = text.trim();
    let as_text = || Value::from(text);
    let value = match default_dict().get(key) {
        Some(Value::Array(..)) => list(text),
        Some(Value::Bool(..)) => text.parse().map_or_else(|_| as_text(), |switch: bool| Value::from(switch)),
        Some(Value::Num(_, Num::F64(_))) => text.parse().map_or_else(|_| as_text(), |number: f64| Value::from(number)),
        Some(Value::Num(..)) => text.parse().map_or_else(|_| as_text(), |whole: u64| Value::from(whole)),
        Some(_) | None => as_text(),
    };
    Dict::from([(key.to_owned(), value)])
}

fn list(text: &str) -> Value {
    Value::from(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect::<Vec<_>>())
}

fn default_dict() -> Dict {
    Value::serialize(Settings::default()).ok().and_then(Value::into_dict).unwrap_or_default()
}

fn unknown_keys(layer: &Layer) -> Vec<Problem> {
    let known = |key: &str| SETTINGS.iter().any(|setting| setting.key == key);
    layer
        .dict
        .keys()
        .filter(|key| !known(key))
        .map(|key| Problem { key: key.clone(), origin: layer.origin.clone(), rule: unknown_rule(key) })
        .collect()
}

fn unknown_rule(key: &str) -> String {
    let nearest = SETTINGS.iter().map(|setting| (strsim::jaro_winkler(key, setting.key), setting.key));
    match nearest.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((likeness, nearest)) if likeness > 0.8 => format!("there is no such setting; did you mean {nearest}?"),
        _ => "there is no such setting; `paybell config --reference` lists them all".to_owned(),
    }
}

fn problems(figment: &Figment, error: figment::Error) -> Vec<Problem> {
    let to_problem = |error: figment::Error| {
        let key = error.path.first().cloned().unwrap_or_default();
        let secret = matches!(key.as_str(), "database_url" | "redis_url" | "master_key");
        let rule = if secret { "it must be text in quotation marks".to_owned() } else { rule(&key, error.kind) };
        Problem { origin: origin(figment, &key), key, rule }
    };
    error.into_iter().map(to_problem).collect()
}

/// The rule that a value breaks, in the words of people who do not know Rust's types.
fn rule(key: &str, kind: Kind) -> String {
    let must_be = match (key, &kind) {
        ("listen", _) => "an address with a port, such as 127.0.0.1:8080".to_owned(),
        (_, Kind::InvalidType(_, rust) | Kind::InvalidValue(_, rust)) => match rust.as_str() {
            "usize" | "u32" | "u64" => "a whole number, not negative".to_owned(),
            "f64" => "a number".to_owned(),
            "a boolean" => "true or false".to_owned(),
            other => other.to_owned(),
        },
        (_, Kind::UnknownVariant(_, known)) => format!("one of {}", known.join(", ")),
        (_, other) => return other.to_string(),
    };
    match kind {
        Kind::InvalidType(Actual::Str(is), _)
        | Kind::InvalidValue(Actual::Str(is), _)
        | Kind::UnknownVariant(is, _) => {
            format!("it is {is:?}, it must be {must_be}")
        }
        Kind::InvalidType(is, _) | Kind::InvalidValue(is, _) => format!("it is {is}, it must be {must_be}"),
        _ => format!("it must be {must_be}"),
    }
}

fn origin(figment: &Figment, key: &str) -> String {
    figment.find_metadata(key).map_or_else(|| DEFAULT_ORIGIN.to_owned(), |metadata| metadata.name.to_string())
}
