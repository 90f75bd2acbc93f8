//! Definitions read from TOML and JSON, with the place of whatever is wrong.

use crate::Dialect;
use crate::compile::{DEFINITION_MAX, compile};
use crate::definition::Definition;
use crate::definition_error::{DefinitionError, Problem, Problems};
use toml_edit::{ImDocument, Item};

pub(crate) fn from_toml(text: &str) -> Result<Dialect, DefinitionError> {
    check_length(text)?;
    let document = ImDocument::parse(text).map_err(|error| {
        let position = error.span().map(|span| line_and_column(text, span.start));
        one(String::new(), position, error.message().to_owned())
    })?;
    let definition = serde_path_to_error::deserialize(toml::Deserializer::new(text)).map_err(|error| {
        let path = path_of(error.path());
        let error = error.into_inner();
        let position = error.span().map(|span| line_and_column(text, span.start));
        let position = position.or_else(|| locate(text, &document, &path));
        one(path, position, error.message().to_owned())
    })?;
    compile(definition).map_err(|Problems(mut problems)| {
        for problem in &mut problems {
            problem.position = locate(text, &document, &problem.path);
        }
        DefinitionError { problems }
    })
}

pub(crate) fn from_json(text: &str) -> Result<Dialect, DefinitionError> {
    check_length(text)?;
    let mut json = serde_json::Deserializer::from_str(text);
    let read: Result<Definition, _> = serde_path_to_error::deserialize(&mut json);
    let definition = read.map_err(|error| {
        let path = path_of(error.path());
        let error = error.into_inner();
        one(path, Some((error.line(), error.column())), rule_of(&error))
    })?;
    json.end().map_err(|error| one(String::new(), Some((error.line(), error.column())), rule_of(&error)))?;
    compile(definition).map_err(|Problems(problems)| DefinitionError { problems })
}

/// The JSON Schema of definitions.
pub(crate) fn schema() -> String {
    let schema = schemars::schema_for!(Definition);
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

fn check_length(text: &str) -> Result<(), DefinitionError> {
    if text.len() <= DEFINITION_MAX {
        return Ok(());
    }
    Err(one(String::new(), None, "must be no longer than 256 KiB".to_owned()))
}

fn one(path: String, position: Option<(usize, usize)>, rule: String) -> DefinitionError {
    DefinitionError { problems: vec![Problem { path, position, rule }] }
}

/// The path as problems have it; serde's for the whole document is a dot.
fn path_of(path: &serde_path_to_error::Path) -> String {
    let path = path.to_string();
    if path == "." { String::new() } else { path }
}

/// The message without its line and column, which stand before it.
fn rule_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].to_owned()
}

/// Where the path stands in the document, or the nearest that there is of it.
fn locate(text: &str, document: &ImDocument<&str>, path: &str) -> Option<(usize, usize)> {
    let mut item: &Item = document.as_item();
    let mut start = None;
    for name in path.split(['.', '[']) {
        let inside = match name.strip_suffix(']').and_then(|index| index.parse::<usize>().ok()) {
            Some(index) => item.get(index),
            None => item.get(name),
        };
        let Some(inside) = inside else { break };
        item = inside;
        start = item.span().map(|span| span.start).or(start);
    }
    start.map(|start| line_and_column(text, start))
}

/// Line and column of a byte, from 1; columns count characters.
fn line_and_column(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
