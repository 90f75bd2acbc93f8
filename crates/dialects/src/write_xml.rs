//! Fields as an XML document.

use crate::DialectError;
use crate::fields::{FieldPlan, Node};
use crate::gather::Wire;
use crate::write_json::Written;

/// The document with a declaration of its charset. Elements in which nothing is left are left out, but for the root.
pub(crate) fn write_xml(tree: &Node, charset: &str, written: &Written<'_>) -> Result<Vec<u8>, DialectError> {
    let mut xml = format!("<?xml version=\"1.0\" encoding=\"{}\"?>", charset.to_ascii_uppercase());
    if !node(&mut xml, tree, written)?
        && let Node::Object(members) = tree
        && let [(root, _)] = members.as_slice()
    {
        xml.push_str(&format!("<{root}></{root}>"));
    }
    Ok(xml.into_bytes())
}

/// Writes what stands in an element; whether there was anything.
fn node(xml: &mut String, tree: &Node, written: &Written<'_>) -> Result<bool, DialectError> {
    match tree {
        Node::Leaf(index) => leaf(xml, &written.fields[*index], &written.wire[*index], written),
        // Arrays are refused when the definition is read.
        Node::Array(_) => Ok(false),
        Node::Object(members) => {
            let mut any = false;
            for (name, inner) in members {
                let before = xml.len();
                for part in ["<", name, ">"] {
                    xml.push_str(part);
                }
                if !node(xml, inner, written)? {
                    xml.truncate(before);
                    continue;
                }
                any = true;
                for part in ["</", name, ">"] {
                    xml.push_str(part);
                }
            }
            Ok(any)
        }
    }
}

fn leaf(xml: &mut String, field: &FieldPlan, wire: &Wire<'_>, written: &Written<'_>) -> Result<bool, DialectError> {
    match wire {
        Wire::Text(text) => escape(xml, field, text)?,
        Wire::Signed => match (written.signed)(field)? {
            Some(text) => escape(xml, field, &text)?,
            None => return Ok(false),
        },
        Wire::Omitted | Wire::Null | Wire::Many(_) => return Ok(false),
    }
    Ok(true)
}

fn escape(xml: &mut String, field: &FieldPlan, text: &str) -> Result<(), DialectError> {
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            // A bare carriage return would be read back as a line feed.
            '\r' => xml.push_str("&#13;"),
            '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => xml.push(c),
            _ => return Err(DialectError::value(&field.name, "it must have no control characters in XML")),
        }
    }
    Ok(())
}
