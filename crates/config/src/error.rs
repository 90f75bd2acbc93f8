//! What may be wrong with a configuration.

use std::fmt;
use std::path::PathBuf;

/// Why a configuration cannot be used. No text holds a secret's value.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file {} is not valid TOML, line {line}: {rule}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What is wrong there.
        rule: String,
    },
    /// Settings that do not exist or have values that they cannot have.
    #[error("{}", lines(.0))]
    Problems(Vec<Problem>),
}

/// A setting that cannot be used as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Which setting.
    pub key: String,
    /// Where it was set: `the environment variable PAYBELL_GRACE`.
    pub origin: String,
    /// The rule that it breaks, in words.
    pub rule: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.key, self.origin, self.rule)
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}
