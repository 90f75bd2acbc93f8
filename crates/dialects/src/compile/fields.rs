//! Fields, compiled to a document.

use super::field_names::insert;
use super::scope::{Scope, template};
use super::value_table::ValueTable;
use crate::definition::{Absent, Encoding, Field, JsonType};
use crate::definition_error::Problems;
use crate::fields::{Content, FieldPlan};
use crate::plan::Document;
use crate::template::Piece;

/// Compiles fields. `path`: where the list stands.
pub(crate) fn compile(
    fields: &[Field],
    encoding: Encoding,
    scope: Scope<'_>,
    values: &mut ValueTable<'_>,
    path: &str,
    problems: &mut Problems,
) -> Document {
    let mut document = Document::default();
    let is_tree = matches!(encoding, Encoding::Json | Encoding::Xml);
    for (nth, field) in fields.iter().enumerate() {
        let at = format!("{path}[{nth}]");
        check(field, encoding, &at, problems);
        let content = content(field, scope, values, &at, problems);
        if is_tree {
            if let Err(rule) = insert(&mut document.tree, &field.name, nth, encoding) {
                problems.add(format!("{at}.name"), rule);
            }
        } else {
            check_unique(field, &document.fields, &at, problems);
        }
        let nested = is_tree && (field.name.contains('.') || field.each.is_some());
        document.fields.push(FieldPlan {
            name: field.name.as_str().into(),
            content,
            json_type: field.json_type,
            absent: field.absent,
            previous: field.previous.as_deref().map(Into::into),
            nested,
        });
    }
    let roots = if let crate::fields::Node::Object(members) = &document.tree { members.len() } else { 1 };
    problems.require(encoding != Encoding::Xml || roots == 1, path, "must all stand inside one root element");
    document
}

fn content(field: &Field, scope: Scope<'_>, values: &mut ValueTable<'_>, at: &str, problems: &mut Problems) -> Content {
    if let Some(prefix) = &field.each {
        values.needs_members = true;
        return Content::Each(prefix.as_str().into());
    }
    let Some(text) = &field.value else {
        problems.add(at, "must have either value or each");
        return Content::Each("".into());
    };
    let template = template(text, scope, values, &format!("{at}.value"), problems);
    let is_signature = matches!(template.0.as_slice(), [Piece::Signature(_)]);
    let rule = "goes only with a value that is one signature alone";
    problems.require(field.previous.is_none() || is_signature, &format!("{at}.previous"), rule);
    let signed = template.signatures().next().is_some();
    if signed { Content::Signed(template) } else { Content::Value(template) }
}

fn check(field: &Field, encoding: Encoding, at: &str, problems: &mut Problems) {
    let is_json = encoding == Encoding::Json;
    let is_form = matches!(encoding, Encoding::Form | Encoding::Query);
    let typed = is_json || field.json_type == JsonType::String;
    problems.require(typed, &format!("{at}.type"), "types are JSON's alone");
    let null = is_json || field.absent != Absent::Null;
    problems.require(null, &format!("{at}.absent"), "null is JSON's alone");
    problems.require(is_form || field.previous.is_none(), &format!("{at}.previous"), "goes only with form and query");
    let Some(prefix) = &field.each else {
        problems.require(!field.name.is_empty(), at, "must have a name");
        return;
    };
    problems.require(!prefix.is_empty(), &format!("{at}.each"), "must not be empty");
    problems.require(field.value.is_none(), at, "must have either value or each");
    problems.require(encoding != Encoding::Xml, &format!("{at}.each"), "does not go with XML");
    let named = is_json != field.name.is_empty();
    let rule = "with each, a name is needed in JSON (the object that the members stand in), and nowhere else";
    problems.require(named, at, rule);
}

/// No two fields of a form have one name, whatever the free data may hold.
fn check_unique(field: &Field, before: &[FieldPlan], at: &str, problems: &mut Problems) {
    let names = |field: &Field| [field.previous.clone(), Some(field.name.clone()).filter(|name| !name.is_empty())];
    for name in names(field).into_iter().flatten() {
        let twice = before.iter().any(|other| match &other.content {
            Content::Each(prefix) => name.starts_with(&**prefix),
            Content::Value(_) | Content::Signed(_) => *other.name == *name || other.previous.as_deref() == Some(&*name),
        });
        problems.require(!twice, at, &format!("the name {name:?} is there twice, or begins like members of the data"));
    }
    let Some(prefix) = &field.each else { return };
    let taken = before.iter().any(|other| match &other.content {
        Content::Each(known) => known.starts_with(&**prefix) || prefix.starts_with(&**known),
        Content::Value(_) | Content::Signed(_) => {
            other.name.starts_with(&**prefix) || other.previous.as_ref().is_some_and(|name| name.starts_with(&**prefix))
        }
    });
    problems.require(!taken, &format!("{at}.each"), "another field's name begins so");
}
