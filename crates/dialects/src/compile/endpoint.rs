//! What an endpoint of the dialect must be like: its parameters, and the names in its URL's query.

use crate::Parameters;
use crate::definition::{Definition, Encoding, Parameter};
use crate::definition_error::Problems;
use crate::plan::Plan;
use regex_lite::{Regex, RegexBuilder};
use std::collections::BTreeMap;

/// Bytes of a compiled pattern at most, so that no parameter takes long to match.
const PATTERN_BYTES_MAX: usize = 128 * 1024;

/// What does not suit the dialect.
pub(crate) fn check_endpoint(plan: &Plan, url: &str, parameters: &Parameters) -> Vec<String> {
    let mut problems = Vec::new();
    let before_fragment = url.split('#').next().unwrap_or_default();
    let query = before_fragment.split_once('?').map_or("", |(_, query)| query);
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        let begins = |prefix: &String| name.starts_with(prefix.as_str());
        if plan.reserved_names.iter().any(|reserved| *reserved == name) || plan.reserved_prefixes.iter().any(begins) {
            problems.push(format!("the URL's own query has {name:?}, a name that the dialect itself uses"));
        }
    }
    let known = &plan.definition.parameters;
    for (name, parameter) in known {
        match parameters.get(name) {
            Some(text) if !fits(parameter, plan.patterns.get(name), text) => {
                problems.push(format!("the parameter {name} must be {}", form_of(parameter)));
            }
            None if is_needed(parameter) => {
                problems.push(format!("the parameter {name} is missing: {}", parameter.description));
            }
            _ => {}
        }
    }
    for name in parameters.keys().filter(|name| !known.contains_key(*name)) {
        problems.push(format!("the dialect has no parameter {name:?}"));
    }
    problems
}

/// Whether every endpoint that suits the old plan suits the new one, as far as the definitions alone can tell.
pub(crate) fn asks_no_more(new: &Plan, old: &Plan) -> bool {
    let before = &old.definition.parameters;
    let parameters = new.definition.parameters.iter().all(|(name, parameter)| match before.get(name) {
        Some(before) => asks_no_more_of(parameter, before),
        None => !is_needed(parameter) && parameter.pattern.is_none() && parameter.choices.is_empty(),
    });
    let names = new.reserved_names.iter().all(|name| old.reserved_names.contains(name));
    let prefixes = new.reserved_prefixes.iter().all(|prefix| old.reserved_prefixes.contains(prefix));
    let check = old.check.is_none() || new.check.is_some();
    parameters && names && prefixes && check && new.definition.secret == old.definition.secret
}

fn asks_no_more_of(new: &Parameter, old: &Parameter) -> bool {
    let need = !is_needed(new) || is_needed(old);
    let pattern = new.pattern.is_none() || new.pattern == old.pattern;
    let chosen = !old.choices.is_empty() && old.choices.iter().all(|choice| new.choices.contains(choice));
    need && pattern && (new.choices.is_empty() || chosen)
}

fn is_needed(parameter: &Parameter) -> bool {
    parameter.default.is_none() && !parameter.optional
}

/// Compiles the parameters' patterns.
pub(crate) fn compile_parameters(definition: &Definition, problems: &mut Problems) -> BTreeMap<String, Regex> {
    let mut patterns = BTreeMap::new();
    for (name, parameter) in &definition.parameters {
        let path = format!("parameters.{name}");
        let described = !parameter.description.trim().is_empty();
        problems.require(described, &format!("{path}.description"), "must not be empty");
        if let Some(pattern) = &parameter.pattern {
            match whole(pattern) {
                Ok(regex) => drop(patterns.insert(name.clone(), regex)),
                Err(error) => problems.add(format!("{path}.pattern"), format!("is no regular expression: {error}")),
            }
        }
        let default = parameter.default.as_ref();
        let good = default.is_none_or(|default| fits(parameter, patterns.get(name), default));
        problems.require(good, &format!("{path}.default"), "does not fit the parameter's own pattern or choices");
    }
    patterns
}

/// The pattern of all of a text. Alone it must be a pattern as well, so that no bracket of its own closes ours.
fn whole(pattern: &str) -> Result<Regex, regex_lite::Error> {
    let build = |pattern: &str| RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build();
    build(pattern)?;
    build(&format!("^(?:{pattern})$"))
}

/// The names that an endpoint's own query may not have.
pub(crate) fn reserved_names(definition: &Definition) -> Vec<String> {
    let mut names = definition.reserved_names.clone();
    for exchange in [Some(&definition.notify), definition.check.as_ref()].into_iter().flatten() {
        if exchange.encoding == Encoding::Query {
            names.extend(exchange.fields.iter().map(|field| field.name.clone()));
            names.extend(exchange.fields.iter().filter_map(|field| field.previous.clone()));
        }
    }
    names.sort();
    names.dedup();
    names
}

/// What the names of members of the free data begin with that are sent in a query.
pub(crate) fn reserved_prefixes(definition: &Definition) -> Vec<String> {
    let exchanges = [Some(&definition.notify), definition.check.as_ref()].into_iter().flatten();
    let queries = exchanges.filter(|exchange| exchange.encoding == Encoding::Query);
    queries.flat_map(|exchange| exchange.fields.iter().filter_map(|field| field.each.clone())).collect()
}

fn fits(parameter: &Parameter, pattern: Option<&Regex>, text: &str) -> bool {
    let chosen = parameter.choices.is_empty() || parameter.choices.iter().any(|choice| choice == text);
    chosen && pattern.is_none_or(|pattern| pattern.is_match(text))
}

fn form_of(parameter: &Parameter) -> String {
    match &parameter.pattern {
        Some(pattern) => format!("of the form {pattern} ({})", parameter.description),
        None => format!("one of {} ({})", parameter.choices.join(", "), parameter.description),
    }
}
