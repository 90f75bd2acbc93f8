//! Replies, compiled.

use super::algorithms;
use super::scope::{Scope, template};
use super::value_table::ValueTable;
use crate::definition::{Definition, Meaning, Reply, ReplyFormat, ReplySignature, Rule};
use crate::definition_error::Problems;
use crate::plan::{ReplyPlan, ReplySignaturePlan, RulePlan, Statuses};
use crate::read_reply::Path;
use crate::sign::SignaturePlan;
use crate::template::Piece;

pub(crate) fn compile(
    definition: &Definition,
    reply: &Reply,
    values: &mut ValueTable<'_>,
    path: &str,
    problems: &mut Problems,
) -> Option<ReplyPlan> {
    let statuses = compile_statuses(&reply.statuses, path, problems);
    check(reply, path, problems);
    let rules = reply.rules.iter().enumerate();
    let rules =
        rules.filter_map(|(nth, rule)| compile_rule(reply, rule, values, &format!("{path}.rules[{nth}]"), problems));
    let rules = rules.collect();
    let signature = reply.signature.as_ref();
    let signature = signature.map(|signature| compile_signature(definition, reply, signature, values, path, problems));
    Some(ReplyPlan {
        statuses,
        format: reply.format,
        rules,
        otherwise: reply.otherwise,
        comment: reply.comment.as_ref().map(|at| Path::parse(at, reply.format)),
        ignore_whitespace: reply.ignore_whitespace,
        ignore_case: reply.ignore_case,
        fixed: reply.fixed,
        signature,
        values: std::mem::take(&mut values.compiled),
        needs_members: values.needs_members,
    })
}

fn compile_statuses(statuses: &[String], path: &str, problems: &mut Problems) -> Vec<Statuses> {
    problems.require(!statuses.is_empty(), &format!("{path}.statuses"), "must not be empty");
    let mut compiled = Vec::with_capacity(statuses.len());
    for (nth, text) in statuses.iter().enumerate() {
        match parse_statuses(text) {
            Some(statuses) => compiled.push(statuses),
            None => problems.add(format!("{path}.statuses[{nth}]"), "must be a status, 200, or a class, 2xx"),
        }
    }
    compiled
}

fn parse_statuses(text: &str) -> Option<Statuses> {
    let class = text.strip_suffix("xx").unwrap_or(text);
    let number: u16 = class.parse().ok().filter(|_| class.bytes().all(|byte| byte.is_ascii_digit()))?;
    match (class.len(), text.len()) {
        (1, 3) if (1..=5).contains(&number) => Some(Statuses(number * 100, number * 100 + 99)),
        (3, 3) if (100..=599).contains(&number) => Some(Statuses(number, number)),
        _ => None,
    }
}

fn check(reply: &Reply, path: &str, problems: &mut Problems) {
    let is_tree = matches!(reply.format, ReplyFormat::Json | ReplyFormat::Xml | ReplyFormat::Form);
    let rule = "must not be empty where the body is read, and must be where it is not";
    problems.require(reply.rules.is_empty() == (reply.format == ReplyFormat::None), &format!("{path}.rules"), rule);
    let accepts = reply.rules.is_empty() || reply.rules.iter().any(|rule| rule.means == Meaning::Accepted);
    problems.require(accepts, &format!("{path}.rules"), "no rule accepts anything");
    problems.require(is_tree || reply.at.is_none(), &format!("{path}.at"), "goes only with json, xml and form");
    problems.require(
        is_tree || reply.comment.is_none(),
        &format!("{path}.comment"),
        "goes only with json, xml and form",
    );
    let signed = is_tree || reply.signature.is_none();
    problems.require(signed, &format!("{path}.signature"), "goes only with json, xml and form");
}

fn compile_rule(
    reply: &Reply,
    rule: &Rule,
    values: &mut ValueTable<'_>,
    path: &str,
    problems: &mut Problems,
) -> Option<RulePlan> {
    problems.require(rule.is.is_some() != rule.present, path, "must have either is, or present = true");
    let is_text = reply.format == ReplyFormat::Text;
    problems.require(!(is_text && rule.present), path, "a text is always present");
    problems.require(!is_text || rule.at.is_none(), &format!("{path}.at"), "goes only with json, xml and form");
    let at = match rule.at.as_ref().or(reply.at.as_ref()) {
        Some(at) => Path::parse(at, reply.format),
        None if is_text => Path::default(),
        None => {
            problems.add(path, "must say where its value stands: at, here or for the whole reply");
            return None;
        }
    };
    let is = rule.is.as_ref();
    let is = is.map(|text| template(text, Scope::default(), values, &format!("{path}.is"), problems));
    Some(RulePlan { at, is, means: rule.means, words: rule.words.as_deref().map(Into::into) })
}

fn compile_signature(
    definition: &Definition,
    reply: &Reply,
    signature: &ReplySignature,
    values: &mut ValueTable<'_>,
    path: &str,
    problems: &mut Problems,
) -> ReplySignaturePlan {
    let path = format!("{path}.signature");
    let scope = Scope { secret: true, reply: Some(reply.format), ..Scope::default() };
    let over = template(&signature.over, scope, values, &format!("{path}.over"), problems);
    let has_secret = over.names(&|piece| matches!(piece, Piece::Secret));
    let at = format!("{path}.algorithm");
    let algorithm = algorithms::compile(definition, &signature.algorithm, has_secret, values, &at, problems);
    let name = format!("{path}.at").into();
    let plan = SignaturePlan { name, algorithm, output: signature.output, over, sorted: None };
    ReplySignaturePlan { at: Path::parse(&signature.at, reply.format), signature: plan, verify: signature.verify }
}
