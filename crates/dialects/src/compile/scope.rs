//! What a template may name where it stands.

use super::parse_template::{Part, parse_template};
use super::value_table::ValueTable;
use crate::definition::ReplyFormat;
use crate::definition_error::Problems;
use crate::read_reply::Path;
use crate::template::{Piece, Template};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// What a template may name beside values.
#[derive(Clone, Copy, Default)]
pub(crate) struct Scope<'s> {
    pub(crate) signatures: Option<&'s Names>,
    pub(crate) parts: Option<&'s Names>,
    pub(crate) secret: bool,
    pub(crate) body: bool,
    pub(crate) sorted: bool,
    pub(crate) item: bool,
    pub(crate) reply: Option<ReplyFormat>,
}

/// The names of an exchange's signatures or parts, and which of them were used.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) all: Vec<String>,
    pub(crate) used: RefCell<BTreeSet<String>>,
}

impl Names {
    pub(crate) fn of<'k>(keys: impl Iterator<Item = &'k String>) -> Self {
        Names { all: keys.cloned().collect(), used: RefCell::default() }
    }

    fn find(&self, name: &str) -> Option<usize> {
        let index = self.all.iter().position(|known| known == name)?;
        self.used.borrow_mut().insert(name.to_owned());
        Some(index)
    }

    /// Reports those that were never used.
    pub(crate) fn report_unused(&self, path: &str, problems: &mut Problems) {
        for name in self.all.iter().filter(|name| !self.used.borrow().contains(*name)) {
            problems.add(format!("{path}.{name}"), "is never used");
        }
    }
}

/// Parses a template and resolves its names. What is wrong is reported, and left out of the template.
pub(crate) fn template(
    text: &str,
    scope: Scope<'_>,
    values: &mut ValueTable<'_>,
    path: &str,
    problems: &mut Problems,
) -> Template {
    match parse_template(text) {
        Ok(parts) => resolve(parts, scope, values, path, problems),
        Err(rule) => {
            problems.add(path, rule);
            Template::default()
        }
    }
}

fn resolve(
    parts: Vec<Part>,
    scope: Scope<'_>,
    values: &mut ValueTable<'_>,
    path: &str,
    problems: &mut Problems,
) -> Template {
    let mut pieces = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Part::Literal(text) => pieces.push(Piece::Literal(text.into())),
            Part::Base64(inner) => {
                let scope = Scope { signatures: None, body: false, ..scope };
                pieces.push(Piece::Base64(resolve(inner, scope, values, path, problems)));
            }
            Part::Name(name) => pieces.extend(piece(&name, scope, values, path, problems)),
        }
    }
    Template(pieces)
}

fn piece(
    name: &str,
    scope: Scope<'_>,
    values: &mut ValueTable<'_>,
    path: &str,
    problems: &mut Problems,
) -> Option<Piece> {
    let own = match name {
        "secret" if scope.secret => Some(Piece::Secret),
        "body" if scope.body => Some(Piece::Body),
        "sorted" if scope.sorted => Some(Piece::Sorted),
        "name" if scope.item => Some(Piece::ItemName),
        "value" if scope.item => Some(Piece::ItemValue),
        _ => None,
    };
    if own.is_some() {
        return own;
    }
    if matches!(name, "secret" | "body" | "sorted" | "name" | "value") {
        problems.add(path, format!("{{{name}}} has no meaning here"));
        return None;
    }
    let listed = |names: Option<&Names>, name: &str| names.and_then(|names| names.find(name));
    let found = match name.split_once('.') {
        Some(("signature", signature)) => listed(scope.signatures, signature).map(Piece::Signature),
        Some(("part", part)) => listed(scope.parts, part).map(Piece::Part),
        Some(("reply", at)) => scope.reply.map(|format| Piece::Reply(Path::parse(at, format))),
        _ => return values.resolve(name, path, problems).map(Piece::Value),
    };
    if found.is_none() {
        problems.add(path, format!("{{{name}}} names nothing that can be used here"));
    }
    found
}
