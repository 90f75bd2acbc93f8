//! From a definition to a dialect: every rule is checked, every template parsed, every name resolved.

mod algorithms;
mod endpoint;
mod exchange;
mod field_names;
mod fields;
mod parse_template;
mod replies;
mod scope;
mod signatures;
mod value_table;

pub(crate) use endpoint::{asks_no_more, check_endpoint};

use crate::Dialect;
use crate::definition::{Definition, Schedule, Secret, SecretForm};
use crate::definition_error::Problems;
use crate::plan::Plan;
use crate::secrets::SecretPlan;
use crate::sources::Kind;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Bytes of a definition at most.
pub(crate) const DEFINITION_MAX: usize = 256 * 1024;

/// More than any gateway needs, and few enough to compile at once.
const VALUES_MAX: usize = 200;
const FIELDS_MAX: usize = 300;
const NAME_MAX: usize = 40;

/// What is used of what the whole dialect shares.
#[derive(Default)]
pub(crate) struct Used {
    values: BTreeSet<String>,
    parameters: BTreeSet<String>,
}

/// Compiles a definition.
pub(crate) fn compile(definition: Definition) -> Result<Dialect, Problems> {
    let mut problems = Problems::default();
    check_names(&definition, &mut problems);
    check_schedule(definition.schedule.as_ref(), &mut problems);
    let patterns = endpoint::compile_parameters(&definition, &mut problems);
    if !problems.0.is_empty() {
        return Err(problems);
    }
    let mut used = Used::default();
    let notify = exchange::compile(&definition, &definition.notify, Kind::Notify, &mut used, &mut problems);
    let check = definition.check.as_ref();
    let check = check.map(|check| exchange::compile(&definition, check, Kind::Check, &mut used, &mut problems));
    check_used(&definition, &used, &mut problems);
    let source = serde_json::to_string(&definition).unwrap_or_default();
    // It is stored as JSON, and would not be read again.
    problems.require(source.len() <= DEFINITION_MAX, "", "must be no longer than 256 KiB as JSON too");
    let (Some(notify), true) = (notify, problems.0.is_empty()) else { return Err(problems) };
    let secret = SecretPlan::new(&definition.name, &definition.secret);
    let check = check.flatten();
    let reserved_names = endpoint::reserved_names(&definition);
    let reserved_prefixes = endpoint::reserved_prefixes(&definition);
    let plan = Plan { definition, source, secret, patterns, reserved_names, reserved_prefixes, notify, check };
    Ok(Dialect(Arc::new(plan)))
}

/// Whether a name has the form of those that templates use.
fn is_name(name: &str) -> bool {
    let first = name.starts_with(|c: char| c.is_ascii_lowercase());
    first && name.len() <= NAME_MAX && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn check_names(definition: &Definition, problems: &mut Problems) {
    let name = &definition.name;
    let hyphened = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = (1..=NAME_MAX).contains(&name.len()) && name.chars().all(hyphened);
    problems.require(good, "name", "must be 1 to 40 small letters, digits and hyphens");
    problems.require(!definition.title.trim().is_empty(), "title", "must not be empty");
    check_secret(&definition.secret, problems);
    let exchanges = [("notify", Some(&definition.notify)), ("check", definition.check.as_ref())];
    for (path, exchange) in exchanges.into_iter().filter_map(|(path, exchange)| Some((path, exchange?))) {
        check_keys(&format!("{path}.values"), exchange.values.keys(), problems);
        check_keys(&format!("{path}.parts"), exchange.parts.keys(), problems);
        check_keys(&format!("{path}.signatures"), exchange.signatures.keys(), problems);
        let fields = exchange.fields.len() + exchange.headers.len();
        let inside: usize = exchange.parts.values().map(|part| part.fields.len()).sum();
        problems.require(fields + inside <= FIELDS_MAX, path, "has more than 300 fields and headers");
    }
    check_keys("values", definition.values.keys(), problems);
    check_keys("parameters", definition.parameters.keys(), problems);
}

fn check_secret(secret: &Secret, problems: &mut Problems) {
    let min = secret.min.unwrap_or(16);
    let ordered = secret.max.is_none_or(|max| min <= max && max <= 1024);
    let rule = "must have 1 <= min <= max <= 1024 (min is 16 unless it is said)";
    problems.require(min >= 1 && ordered, "secret", rule);
    // Otherwise a secret that Paybell makes could not be used.
    let (form, made) = match secret.form {
        SecretForm::Text => ("characters", 64),
        SecretForm::Hex => ("bytes", 32),
        SecretForm::StandardWebhooks | SecretForm::None => return,
    };
    problems.require(min <= made, "secret.min", &format!("must be at most {made}, as a new secret has {made} {form}"));
}

fn check_keys<'k>(path: &str, keys: impl ExactSizeIterator<Item = &'k String>, problems: &mut Problems) {
    problems.require(keys.len() <= VALUES_MAX, path, "there are more than 200");
    for key in keys {
        let rule = "the name must begin with a small letter and go on with small letters, digits and _, at most 40";
        problems.require(is_name(key), &format!("{path}.{key}"), rule);
        let reserved = matches!(key.as_str(), "secret" | "body" | "sorted" | "name" | "value");
        let taken = reserved && path.ends_with("values");
        problems.require(!taken, &format!("{path}.{key}"), "the name has a meaning of its own in templates");
    }
}

fn check_schedule(schedule: Option<&Schedule>, problems: &mut Problems) {
    let Some(Schedule { waits_s, initial_s, factor, cap_s }) = schedule else { return };
    let good = if waits_s.is_empty() {
        initial_s.is_some_and(|initial| initial > 0)
            && factor.is_some_and(|factor| (1.0..=100.0).contains(&factor))
            && cap_s.is_some_and(|cap| Some(cap) >= *initial_s)
    } else {
        initial_s.is_none() && factor.is_none() && cap_s.is_none() && waits_s.iter().all(|wait| *wait > 0)
    };
    let rule = "must have waits_s (each at least 1), or initial_s (at least 1), factor (1 to 100) and cap_s (at least initial_s)";
    problems.require(good, "schedule", rule);
}

/// What is never used is a slip of the pen, and would not have been checked.
fn check_used(definition: &Definition, used: &Used, problems: &mut Problems) {
    if !problems.0.is_empty() {
        return;
    }
    for name in definition.values.keys().filter(|name| !used.values.contains(*name)) {
        problems.add(format!("values.{name}"), "is never used");
    }
    for name in definition.parameters.keys().filter(|name| !used.parameters.contains(*name)) {
        problems.add(format!("parameters.{name}"), "is never used");
    }
}
