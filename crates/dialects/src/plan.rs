//! What a definition is compiled to: everything that an attempt needs, parsed ahead.

use crate::charset::Charset;
use crate::definition::{Definition, Encoding, Meaning, Otherwise, ReplyFormat};
use crate::fields::{FieldPlan, Node};
use crate::read_reply::Path;
use crate::rendered::Method;
use crate::secrets::SecretPlan;
use crate::sign::SignaturePlan;
use crate::template::Template;
use crate::values::Value;
use regex_lite::Regex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A compiled dialect.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) definition: Definition,
    /// The definition as JSON.
    pub(crate) source: String,
    pub(crate) secret: SecretPlan,
    /// The patterns of those parameters that have one.
    pub(crate) patterns: BTreeMap<String, Regex>,
    pub(crate) reserved_names: Vec<String>,
    pub(crate) reserved_prefixes: Vec<String>,
    pub(crate) notify: ExchangePlan,
    pub(crate) check: Option<ExchangePlan>,
}

/// A compiled exchange.
#[derive(Debug)]
pub(crate) struct ExchangePlan {
    pub(crate) method: Method,
    pub(crate) encoding: Encoding,
    pub(crate) charset: Charset,
    pub(crate) content_type: Option<(Arc<str>, String)>,
    pub(crate) values: Vec<Value>,
    /// Whether members of the free data are used.
    pub(crate) needs_members: bool,
    pub(crate) headers: Vec<(Arc<str>, Template)>,
    pub(crate) body: Option<Template>,
    pub(crate) document: Document,
    pub(crate) parts: Vec<Document>,
    pub(crate) signatures: Vec<SignaturePlan>,
    pub(crate) reply: ReplyPlan,
}

/// Fields, and how they stand in each other where the encoding is a tree.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) fields: Vec<FieldPlan>,
    pub(crate) tree: Node,
}

/// A compiled reply.
#[derive(Debug)]
pub(crate) struct ReplyPlan {
    pub(crate) statuses: Vec<Statuses>,
    pub(crate) format: ReplyFormat,
    /// The values that its templates name, which are not those of the request.
    pub(crate) values: Vec<Value>,
    pub(crate) needs_members: bool,
    pub(crate) rules: Vec<RulePlan>,
    pub(crate) otherwise: Otherwise,
    pub(crate) comment: Option<Path>,
    pub(crate) ignore_whitespace: bool,
    pub(crate) ignore_case: bool,
    pub(crate) fixed: bool,
    pub(crate) signature: Option<ReplySignaturePlan>,
}

/// Statuses from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statuses(pub(crate) u16, pub(crate) u16);

/// A compiled rule.
#[derive(Debug)]
pub(crate) struct RulePlan {
    pub(crate) at: Path,
    /// The value; without one it is enough that there is any.
    pub(crate) is: Option<Template>,
    pub(crate) means: Meaning,
    pub(crate) words: Option<Box<str>>,
}

/// A compiled signature of a reply.
#[derive(Debug)]
pub(crate) struct ReplySignaturePlan {
    pub(crate) at: Path,
    pub(crate) signature: SignaturePlan,
    pub(crate) verify: crate::Verify,
}
