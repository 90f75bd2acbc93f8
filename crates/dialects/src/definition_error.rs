//! What is wrong with a definition, and where.

use std::fmt;

/// A definition that cannot be used: all that is wrong with it, as far as that could be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionError {
    /// At least one.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where in the document: `notify.fields[3].value`. Empty: the whole.
    pub path: String,
    /// Line and column in the text, from 1, where they are known.
    pub position: Option<(usize, usize)>,
    /// The rule that it breaks.
    pub rule: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the document" } else { &self.path };
        match self.position {
            Some((line, column)) => write!(formatter, "{path} (line {line}, column {column}): {}", self.rule),
            None => write!(formatter, "{path}: {}", self.rule),
        }
    }
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, problem) in self.problems.iter().enumerate() {
            let separator = if nth == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for DefinitionError {}

/// Collects what is wrong while a definition is compiled.
#[derive(Debug, Default)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    pub(crate) fn add(&mut self, path: impl Into<String>, rule: impl Into<String>) {
        self.0.push(Problem { path: path.into(), position: None, rule: rule.into() });
    }

    /// Adds the rule when it is broken; whether it is kept.
    pub(crate) fn require(&mut self, kept: bool, path: &str, rule: &str) -> bool {
        if !kept {
            self.add(path, rule);
        }
        kept
    }
}
