//! Fields' names: how they stand in each other in a document, and that none is there twice.

use crate::definition::Encoding;
use crate::fields::Node;
use crate::write_json::json_string;

/// Objects in each other, at most.
const DEPTH_MAX: usize = 12;

/// Puts a field at its path into the tree.
pub(crate) fn insert(tree: &mut Node, path: &str, index: usize, encoding: Encoding) -> Result<(), String> {
    let names: Vec<&str> = path.split('.').collect();
    if names.len() > DEPTH_MAX {
        return Err(format!("goes more than {DEPTH_MAX} names deep"));
    }
    if names.iter().any(|name| name.is_empty()) {
        return Err("has an empty name".to_owned());
    }
    if encoding == Encoding::Xml {
        check_elements(&names)?;
    }
    put(tree, &names, index, encoding)
}

fn check_elements(names: &[&str]) -> Result<(), String> {
    for name in names {
        let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !first || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
            return Err(format!("{name:?} cannot be an element's name"));
        }
    }
    if names.len() < 2 { Err("must stand inside a root element".to_owned()) } else { Ok(()) }
}

fn put(tree: &mut Node, names: &[&str], index: usize, encoding: Encoding) -> Result<(), String> {
    let [name, deeper @ ..] = names else { return Err("is there twice".to_owned()) };
    match tree {
        Node::Leaf(_) => Err(format!("{name:?} would stand inside a value")),
        Node::Array(items) => {
            let place: usize = name.parse().map_err(|_| format!("{name:?} is no index of the array that it is in"))?;
            let last = items.len();
            match place {
                place if place == last => items.push(start(deeper, index, encoding)?),
                place if place + 1 == last => put(&mut items[place], deeper, index, encoding)?,
                _ => return Err(format!("{name:?} is not the next index of the array that it is in")),
            }
            Ok(())
        }
        Node::Object(members) => {
            let key = key_of(name, encoding);
            let last = members.len();
            match members.iter().position(|(known, _)| *known == key) {
                None => members.push((key, start(deeper, index, encoding)?)),
                Some(place) if deeper.is_empty() || matches!(members[place].1, Node::Leaf(_)) => {
                    return Err(format!("{name:?} is there twice"));
                }
                Some(place) if place + 1 == last => put(&mut members[place].1, deeper, index, encoding)?,
                Some(_) => return Err(format!("the fields inside {name:?} must stand together")),
            }
            Ok(())
        }
    }
}

/// A new node with the field at the end of the path.
fn start(names: &[&str], index: usize, encoding: Encoding) -> Result<Node, String> {
    let Some(first) = names.first() else { return Ok(Node::Leaf(index)) };
    let is_index = encoding == Encoding::Json && first.bytes().all(|byte| byte.is_ascii_digit());
    let mut node = if is_index { Node::Array(Vec::new()) } else { Node::Object(Vec::new()) };
    put(&mut node, names, index, encoding)?;
    Ok(node)
}

/// A key as it is written: in JSON with its quotes and its colon.
fn key_of(name: &str, encoding: Encoding) -> Box<str> {
    if encoding != Encoding::Json {
        return name.into();
    }
    let mut key = Vec::new();
    json_string(&mut key, name);
    key.push(b':');
    String::from_utf8_lossy(&key).into()
}
