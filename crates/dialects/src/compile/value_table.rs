//! The values that an exchange uses, compiled in an order in which none comes before those that it is made of.

use super::Used;
use super::scope::{Scope, template};
use crate::definition::{Definition, Money, Unit, ValueDefinition};
use crate::definition_error::Problems;
use crate::format_time::{TimeFormat, parse_offset};
use crate::sources::{Kind, MoneySource, TextSource};
use crate::template::Template;
use crate::values::{Change, Source, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Digits after the point that make any sense.
const DIGITS_MAX: u8 = 12;

/// The values of one exchange while it is compiled.
pub(crate) struct ValueTable<'d> {
    definition: &'d Definition,
    own: &'d BTreeMap<String, ValueDefinition>,
    kind: Kind,
    used: &'d mut Used,
    index: BTreeMap<String, Option<usize>>,
    pub(crate) compiled: Vec<Value>,
    pub(crate) needs_members: bool,
    pub(crate) own_used: BTreeSet<String>,
}

impl<'d> ValueTable<'d> {
    pub(crate) fn new(
        definition: &'d Definition,
        own: &'d BTreeMap<String, ValueDefinition>,
        kind: Kind,
        used: &'d mut Used,
    ) -> Self {
        let (index, compiled, own_used) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
        ValueTable { definition, own, kind, used, index, compiled, needs_members: false, own_used }
    }

    /// The index of the value of that name, which is compiled when it is first named.
    pub(crate) fn resolve(&mut self, name: &str, path: &str, problems: &mut Problems) -> Option<usize> {
        if let Some(known) = self.index.get(name) {
            if known.is_none() {
                problems
                    .add(path, format!("{{{name}}} cannot be had: it has a problem of its own, or is made of itself"));
            }
            return *known;
        }
        // While it is being compiled it cannot be had, which is what a value meets that is made of itself.
        self.index.insert(name.to_owned(), None);
        let implicit = ValueDefinition { from: Some(name.to_owned()), ..ValueDefinition::default() };
        let (definition, at) = self.find(name).unwrap_or_else(|| (implicit, path.to_owned()));
        let value = self.compile(name, &definition, &at, problems)?;
        self.compiled.push(value);
        let index = self.compiled.len() - 1;
        self.index.insert(name.to_owned(), Some(index));
        Some(index)
    }

    /// The definition of that name, and where it stands.
    fn find(&mut self, name: &str) -> Option<(ValueDefinition, String)> {
        if let Some(own) = self.own.get(name) {
            self.own_used.insert(name.to_owned());
            let exchange = if self.kind == Kind::Notify { "notify" } else { "check" };
            return Some((own.clone(), format!("{exchange}.values.{name}")));
        }
        let shared = self.definition.values.get(name)?;
        self.used.values.insert(name.to_owned());
        Some((shared.clone(), format!("values.{name}")))
    }

    fn compile(&mut self, name: &str, value: &ValueDefinition, at: &str, problems: &mut Problems) -> Option<Value> {
        let before = problems.0.len();
        let source = match (&value.from, &value.template) {
            (Some(from), None) => self.source(from, value, at, problems),
            (None, Some(text)) => {
                let unused = value.money.is_none() && value.time.is_none();
                problems.require(unused, at, "has a template, which takes neither money nor time");
                Some(Source::Template(self.template(text, &format!("{at}.template"), problems)))
            }
            _ => {
                problems.add(at, "must have either from or template");
                None
            }
        };
        let change = self.change(value, at, problems);
        let source = source.filter(|_| problems.0.len() == before)?;
        Some(Value { name: name.into(), source, change })
    }

    fn source(&mut self, from: &str, value: &ValueDefinition, at: &str, problems: &mut Problems) -> Option<Source> {
        if let Some(source) = MoneySource::named(from) {
            problems.require(value.time.is_none(), at, "is an amount, which takes no time");
            return self.money(source, value.money, at, problems);
        }
        problems.require(value.money.is_none(), at, "is no amount, so it takes no money");
        if let Some(member) = from.strip_prefix("data.") {
            self.needs_members = true;
            problems.require(value.time.is_none(), at, "is no time of Paybell's, so it takes no time");
            return Some(Source::Member(member.split('.').map(Into::into).collect()));
        }
        if let Some(parameter) = from.strip_prefix("param.") {
            problems.require(value.time.is_none(), at, "is a parameter, so it takes no time");
            return self.parameter(parameter, at, problems);
        }
        if from == "attempt_at" {
            let (format, offset) = self.time(value, at, problems)?.unwrap_or((TimeFormat::Unix, Template::default()));
            return Some(Source::AttemptAt(format, offset));
        }
        let Some(source) = TextSource::named(from) else {
            problems.add(at, format!("there is no value or source {from:?}"));
            return None;
        };
        if !source.is_in(self.kind) {
            let (here, there) = if self.kind == Kind::Notify { ("notify", "check") } else { ("check", "notify") };
            problems.add(at, format!("{from:?} can be had in {there} only, and {here} uses it"));
            return None;
        }
        let time = self.time(value, at, problems)?;
        problems.require(time.is_none() || source.is_time(), at, "is no time of Paybell's, so it takes no time");
        Some(time.map_or(Source::Text(source), |(format, offset)| Source::Time(source, format, offset)))
    }

    fn money(
        &mut self,
        source: MoneySource,
        format: Option<Money>,
        at: &str,
        problems: &mut Problems,
    ) -> Option<Source> {
        let Some(format) = format else {
            problems.add(at, "is an amount, which needs a format: define a value with money");
            return None;
        };
        let Money { unit, digits_min, digits_max } = format;
        let ordered = digits_max.is_none_or(|most| digits_min.unwrap_or(0) <= most && most <= DIGITS_MAX);
        let bounded = digits_min.is_none_or(|least| least <= DIGITS_MAX);
        problems.require(ordered && bounded, &format!("{at}.money"), "must have digits_min <= digits_max <= 12");
        let whole = unit == Unit::Major || (digits_min.is_none() && digits_max.is_none());
        problems.require(whole, &format!("{at}.money"), "minor units are whole numbers and take no digits");
        let rate = unit == Unit::Major || source != MoneySource::Rate;
        problems.require(rate, &format!("{at}.money"), "a rate has no minor units");
        Some(Source::Money(source, format))
    }

    /// `None` when something is wrong; `Some(None)` when no format is asked for.
    fn time(
        &mut self,
        value: &ValueDefinition,
        at: &str,
        problems: &mut Problems,
    ) -> Option<Option<(TimeFormat, Template)>> {
        let Some(time) = &value.time else { return Some(None) };
        let path = format!("{at}.time.offset");
        let offset = self.template(time.offset.as_deref().unwrap_or_default(), &path, problems);
        let fixed = offset.literal().filter(|text| !text.is_empty());
        problems.require(fixed.is_none_or(|text| parse_offset(text).is_some()), &path, "must have the form +03:00");
        match TimeFormat::parse(&time.pattern) {
            Ok(format) => Some(Some((format, offset))),
            Err(error) => {
                problems.add(format!("{at}.time.pattern"), format!("cannot be written: {error}"));
                None
            }
        }
    }

    fn parameter(&mut self, name: &str, at: &str, problems: &mut Problems) -> Option<Source> {
        let Some(parameter) = self.definition.parameters.get(name) else {
            problems.add(at, format!("there is no parameter {name:?}"));
            return None;
        };
        self.used.parameters.insert(name.to_owned());
        let default = parameter.default.as_deref().map(Into::into);
        Some(Source::Parameter { name: name.into(), default, optional: parameter.optional })
    }

    fn change(&mut self, value: &ValueDefinition, at: &str, problems: &mut Problems) -> Option<Box<Change>> {
        let path = format!("{at}.default");
        let default = value.default.as_ref().map(|text| self.template(text, &path, problems));
        problems.require(value.cut != Some(0), &format!("{at}.cut"), "must be at least 1");
        let change = Change {
            map: value.map.clone(),
            otherwise: value.otherwise.as_deref().map(Into::into),
            case: value.case,
            cut: value.cut,
            default,
        };
        let any = !change.map.is_empty()
            || change.otherwise.is_some()
            || change.case.is_some()
            || change.cut.is_some()
            || change.default.is_some();
        any.then(|| Box::new(change))
    }

    fn template(&mut self, text: &str, path: &str, problems: &mut Problems) -> Template {
        template(text, Scope::default(), self, path, problems)
    }
}
