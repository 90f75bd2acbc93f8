//! Fields, compiled.

use crate::definition::{Absent, JsonType};
use crate::template::Template;

/// A compiled field.
#[derive(Debug)]
pub(crate) struct FieldPlan {
    /// Its name; in JSON and XML its whole path.
    pub(crate) name: Box<str>,
    pub(crate) content: Content,
    pub(crate) json_type: JsonType,
    pub(crate) absent: Absent,
    pub(crate) previous: Option<Box<str>>,
    /// Whether it stands inside an object of a document.
    pub(crate) nested: bool,
}

/// What a field holds.
#[derive(Debug)]
pub(crate) enum Content {
    /// A template that names no signature.
    Value(Template),
    /// A template that names a signature, so that it is filled last.
    Signed(Template),
    /// One field for each member of the free data whose name begins so.
    Each(Box<str>),
}

/// How fields stand in each other in a document.
#[derive(Debug)]
pub(crate) enum Node {
    Object(Vec<(Box<str>, Node)>),
    Array(Vec<Node>),
    /// The field of that index.
    Leaf(usize),
}

impl Default for Node {
    fn default() -> Self {
        Node::Object(Vec::new())
    }
}
