//! Fields as a JSON document. Numbers are written digit for digit as their values say, never through a float.

use crate::DialectError;
use crate::definition::JsonType;
use crate::fields::{FieldPlan, Node};
use crate::gather::Wire;
use serde_json::value::RawValue;

/// What is written: fields, their texts, and what makes the text of a field with a signature.
pub(crate) struct Written<'w> {
    pub(crate) fields: &'w [FieldPlan],
    pub(crate) wire: &'w [Wire<'w>],
    pub(crate) signed: &'w dyn Fn(&FieldPlan) -> Result<Option<String>, DialectError>,
}

/// The document. Objects and arrays of which nothing is left are left out.
pub(crate) fn write_json(tree: &Node, written: &Written<'_>) -> Result<Vec<u8>, DialectError> {
    let mut json = Vec::with_capacity(768);
    if !node(&mut json, tree, written)? {
        json.extend_from_slice(b"{}");
    }
    Ok(json)
}

/// A text as a JSON string.
pub(crate) fn json_string(json: &mut Vec<u8>, text: &str) {
    // Writing a string to memory cannot fail.
    let _ = serde_json::to_writer(json, text);
}

/// Writes the node; whether there was anything to write.
fn node(json: &mut Vec<u8>, tree: &Node, written: &Written<'_>) -> Result<bool, DialectError> {
    let start = json.len();
    match tree {
        Node::Leaf(index) => return leaf(json, &written.fields[*index], &written.wire[*index], written),
        Node::Object(members) => {
            json.push(b'{');
            for (key, inner) in members {
                let before = json.len();
                separate(json, start);
                json.extend_from_slice(key.as_bytes());
                if !node(json, inner, written)? {
                    json.truncate(before);
                }
            }
            json.push(b'}');
        }
        Node::Array(items) => {
            json.push(b'[');
            for inner in items {
                let before = json.len();
                separate(json, start);
                if !node(json, inner, written)? {
                    json.truncate(before);
                }
            }
            json.push(b']');
        }
    }
    let empty = json.len() == start + 2;
    if empty {
        json.truncate(start);
    }
    Ok(!empty)
}

fn separate(json: &mut Vec<u8>, start: usize) {
    if json.len() > start + 1 {
        json.push(b',');
    }
}

fn leaf(json: &mut Vec<u8>, field: &FieldPlan, wire: &Wire<'_>, written: &Written<'_>) -> Result<bool, DialectError> {
    match wire {
        Wire::Omitted => return Ok(false),
        Wire::Null => json.extend_from_slice(b"null"),
        Wire::Text(text) => scalar(json, field, text)?,
        Wire::Many(texts) => return many(json, texts),
        Wire::Signed => match (written.signed)(field)? {
            Some(text) => scalar(json, field, &text)?,
            None => return Ok(false),
        },
    }
    Ok(true)
}

/// Members of the free data, as an object of strings.
fn many(json: &mut Vec<u8>, texts: &[(&str, std::borrow::Cow<'_, str>)]) -> Result<bool, DialectError> {
    if texts.is_empty() {
        return Ok(false);
    }
    for (nth, (name, text)) in texts.iter().enumerate() {
        json.push(if nth == 0 { b'{' } else { b',' });
        json_string(json, name);
        json.push(b':');
        json_string(json, text);
    }
    json.push(b'}');
    Ok(true)
}

fn scalar(json: &mut Vec<u8>, field: &FieldPlan, text: &str) -> Result<(), DialectError> {
    let literal = match field.json_type {
        JsonType::String => {
            json_string(json, text);
            return Ok(());
        }
        JsonType::Null => "null",
        JsonType::Boolean if matches!(text, "true" | "false") => text,
        JsonType::Boolean => return Err(DialectError::value(&field.name, "it must be true or false")),
        JsonType::Raw => raw(text)?,
        JsonType::Number => match raw(text) {
            Ok(number) if number.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => number,
            _ => return Err(DialectError::value(&field.name, "it must be a number")),
        },
    };
    json.extend_from_slice(literal.as_bytes());
    Ok(())
}

/// JSON text to the letter, without the white space around it; so that nothing in it can break out of its place.
fn raw(text: &str) -> Result<&str, DialectError> {
    serde_json::from_str::<&RawValue>(text).map(RawValue::get).map_err(|_| DialectError::Data)
}
