//! An exchange, compiled.

use super::scope::{Names, Scope, template};
use super::value_table::ValueTable;
use super::{Used, fields, replies, signatures};
use crate::charset::Charset;
use crate::definition::{Definition, Encoding, Exchange};
use crate::definition_error::Problems;
use crate::fields::Content;
use crate::plan::{Document, ExchangePlan};
use crate::sign::SignaturePlan;
use crate::sources::Kind;
use crate::template::{Piece, Template};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Headers that the transport itself says.
const TAKEN: &[&str] = &["host", "content-length", "transfer-encoding", "connection", "content-type", "te", "upgrade"];

pub(crate) fn compile(
    definition: &Definition,
    exchange: &Exchange,
    kind: Kind,
    used: &mut Used,
    problems: &mut Problems,
) -> Option<ExchangePlan> {
    let path = if kind == Kind::Notify { "notify" } else { "check" };
    check(exchange, path, problems);
    let charset = Charset::named(&exchange.charset);
    problems.require(charset.is_some(), &format!("{path}.charset"), "must be a charset that can be written");
    let part_names = Names::of(exchange.parts.keys());
    let names = Names::of(exchange.signatures.keys());
    let mut values = ValueTable::new(definition, &exchange.values, kind, used);
    let parts = compile_parts(exchange, &mut values, path, problems);
    let mut compiled = Vec::with_capacity(exchange.signatures.len());
    for (name, signature) in &exchange.signatures {
        let at = format!("{path}.signatures.{name}");
        compiled.push(signatures::compile(definition, name, signature, &part_names, &mut values, &at, problems));
    }
    let scope = Scope { signatures: Some(&names), parts: Some(&part_names), ..Scope::default() };
    let document =
        fields::compile(&exchange.fields, exchange.encoding, scope, &mut values, &format!("{path}.fields"), problems);
    check_bodies(exchange, &document, &compiled, path, problems);
    let headers = compile_headers(exchange, scope, &mut values, path, problems);
    let at = format!("{path}.body");
    let body = exchange.body.as_ref().map(|text| template(text, scope, &mut values, &at, problems));
    names.report_unused(&format!("{path}.signatures"), problems);
    part_names.report_unused(&format!("{path}.parts"), problems);
    let ValueTable { compiled: request_values, needs_members, mut own_used, .. } = values;
    let mut values = ValueTable::new(definition, &exchange.values, kind, used);
    let reply = replies::compile(definition, &exchange.reply, &mut values, &format!("{path}.reply"), problems);
    own_used.append(&mut values.own_used);
    for name in exchange.values.keys().filter(|name| !own_used.contains(*name)) {
        problems.add(format!("{path}.values.{name}"), "is never used");
    }
    Some(ExchangePlan {
        method: exchange.method,
        encoding: exchange.encoding,
        charset: charset?,
        content_type: content_type(exchange, charset?),
        values: request_values,
        needs_members,
        headers,
        body,
        document,
        parts,
        signatures: compiled,
        reply: reply?,
    })
}

fn check(exchange: &Exchange, path: &str, problems: &mut Problems) {
    let is_plain = exchange.encoding == Encoding::Plain;
    let rule = "goes with the encoding plain, and only with it";
    problems.require(is_plain == exchange.body.is_some(), &format!("{path}.body"), rule);
    let rule = "must not be empty, unless the encoding is plain";
    problems.require(is_plain == exchange.fields.is_empty(), &format!("{path}.fields"), rule);
    let limit = exchange.time_limit_s.is_none_or(|limit| (1..=120).contains(&limit));
    problems.require(limit, &format!("{path}.time_limit_s"), "must be 1 to 120");
    let bodiless = exchange.method != crate::Method::Get || exchange.encoding == Encoding::Query;
    problems.require(bodiless, &format!("{path}.method"), "GET has no body; use the encoding query");
    let visible = exchange.content_type.as_ref().is_none_or(|text| text.bytes().all(|b| (b' '..=b'~').contains(&b)));
    problems.require(visible, &format!("{path}.content_type"), "must be visible ASCII");
}

fn compile_parts(
    exchange: &Exchange,
    values: &mut ValueTable<'_>,
    path: &str,
    problems: &mut Problems,
) -> Vec<Document> {
    let compile = |(name, part): (&String, &crate::definition::Part)| {
        let at = format!("{path}.parts.{name}.fields");
        fields::compile(&part.fields, Encoding::Json, Scope::default(), values, &at, problems)
    };
    exchange.parts.iter().map(compile).collect()
}

fn compile_headers(
    exchange: &Exchange,
    scope: Scope<'_>,
    values: &mut ValueTable<'_>,
    path: &str,
    problems: &mut Problems,
) -> Vec<(Arc<str>, Template)> {
    let mut headers: BTreeMap<Arc<str>, ()> = BTreeMap::new();
    let mut compiled = Vec::with_capacity(exchange.headers.len());
    for (nth, header) in exchange.headers.iter().enumerate() {
        let at = format!("{path}.headers[{nth}]");
        let name: Arc<str> = header.name.to_ascii_lowercase().into();
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let good = !name.is_empty() && name.chars().all(token);
        problems.require(good, &format!("{at}.name"), "must be a header's name");
        let free = !TAKEN.contains(&&*name) && !name.starts_with("paybell-");
        problems.require(free, &format!("{at}.name"), "is said by Paybell itself (content_type has a key of its own)");
        let once = headers.insert(name.clone(), ()).is_none();
        problems.require(once, &format!("{at}.name"), "is there twice");
        compiled.push((name, template(&header.value, scope, values, &format!("{at}.value"), problems)));
    }
    compiled
}

/// A signature over the body can stand inside it only where the body is written from its beginning to its end.
fn check_bodies(
    exchange: &Exchange,
    document: &Document,
    signatures: &[SignaturePlan],
    path: &str,
    problems: &mut Problems,
) {
    if matches!(exchange.encoding, Encoding::Form | Encoding::Query) {
        return;
    }
    for (nth, field) in document.fields.iter().enumerate() {
        let Content::Signed(template) = &field.content else { continue };
        let over_body = |index: usize| signatures[index].over.names(&|piece| matches!(piece, Piece::Body));
        let rule = "a signature over {body} can stand in a header, or in a field of form and query";
        problems.require(!template.signatures().any(over_body), &format!("{path}.fields[{nth}].value"), rule);
    }
}

fn content_type(exchange: &Exchange, charset: Charset) -> Option<(Arc<str>, String)> {
    let usual = match exchange.encoding {
        Encoding::Form => "application/x-www-form-urlencoded",
        Encoding::Json => "application/json",
        Encoding::Xml => "application/xml",
        Encoding::Plain => "text/plain",
        Encoding::Query => return exchange.content_type.clone().map(|text| ("content-type".into(), text)),
    };
    let said = charset.is_utf_8() && !matches!(exchange.encoding, Encoding::Xml | Encoding::Plain);
    let usual = if said { usual.to_owned() } else { format!("{usual}; charset={}", charset.name()) };
    Some(("content-type".into(), exchange.content_type.clone().unwrap_or(usual)))
}
