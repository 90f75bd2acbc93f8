//! The values of one request: each formatted once, in an order in which none comes before those that it is made of.

use crate::definition::{Case, Money};
use crate::format_money::{format_money, format_rate};
use crate::format_time::{TimeFormat, format_time, parse_offset};
use crate::sources::{MoneySource, Subject, TextSource};
use crate::template::{Filling, Template, check_length};
use crate::{DialectError, Parameters, Signing};
use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The free data's members by name, each with its JSON text.
pub(crate) type Members<'r> = BTreeMap<String, &'r RawValue>;

/// The texts of one request, by the index of their value.
#[derive(Debug, Default)]
pub(crate) struct Values<'r>(Vec<Option<Cow<'r, str>>>);

/// How one value is made.
#[derive(Debug)]
pub(crate) struct Value {
    pub(crate) name: Box<str>,
    pub(crate) source: Source,
    pub(crate) change: Option<Box<Change>>,
}

/// Where a value comes from.
#[derive(Debug)]
pub(crate) enum Source {
    Text(TextSource),
    Money(MoneySource, Money),
    /// A time of the subject, in a format and at an offset.
    Time(TextSource, TimeFormat, Template),
    /// The time of signing.
    AttemptAt(TimeFormat, Template),
    /// A member of the free data, by its path.
    Member(Vec<Box<str>>),
    /// A parameter with its default; whether it may be missing.
    Parameter {
        name: Box<str>,
        default: Option<Box<str>>,
        optional: bool,
    },
    Template(Template),
}

/// What happens to a value's text.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) map: BTreeMap<String, String>,
    pub(crate) otherwise: Option<Box<str>>,
    pub(crate) case: Option<Case>,
    pub(crate) cut: Option<usize>,
    pub(crate) default: Option<Template>,
}

/// What values are taken from.
#[derive(Clone, Copy)]
pub(crate) struct Given<'r> {
    pub(crate) subject: Subject<'r>,
    pub(crate) parameters: &'r Parameters,
    pub(crate) unix_seconds: i64,
    pub(crate) members: &'r Members<'r>,
}

impl<'r> Given<'r> {
    pub(crate) fn new(subject: Subject<'r>, signing: &Signing<'r>, members: &'r Members<'r>) -> Self {
        Given { subject, parameters: signing.parameters, unix_seconds: signing.unix_seconds, members }
    }
}

/// Reads the free data's members, if they are `needed`. There are none without free data.
pub(crate) fn members_of<'r>(subject: Subject<'r>, needed: bool) -> Result<Members<'r>, DialectError> {
    match subject.text(TextSource::Data).filter(|_| needed) {
        Some(data) => serde_json::from_str(data).map_err(|_| DialectError::Data),
        None => Ok(Members::new()),
    }
}

/// A member's text: a string's own, any other as it stands in the JSON. `null` is absent.
pub(crate) fn text_of_member<'r>(raw: &'r RawValue) -> Option<Cow<'r, str>> {
    let text = raw.get();
    if text.starts_with('"') {
        return serde_json::from_str::<String>(text).ok().map(Cow::Owned);
    }
    (text != "null").then_some(Cow::Borrowed(text))
}

impl<'r> Values<'r> {
    /// Makes all of them.
    pub(crate) fn make(plans: &'r [Value], given: Given<'r>) -> Result<Self, DialectError> {
        let mut values = Values(Vec::with_capacity(plans.len()));
        let mut bytes = 0;
        for plan in plans {
            let text = plan.source.text(&plan.name, given, &values)?;
            let text = match &plan.change {
                Some(change) => change.apply(text, &values)?,
                None => text,
            };
            bytes += text.as_deref().map_or(0, str::len);
            check_length(bytes)?;
            values.0.push(text);
        }
        Ok(values)
    }

    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        self.0.get(index)?.as_deref()
    }
}

impl Source {
    fn text<'r>(
        &'r self,
        name: &str,
        given: Given<'r>,
        made: &Values<'_>,
    ) -> Result<Option<Cow<'r, str>>, DialectError> {
        let subject = given.subject;
        Ok(match self {
            Source::Text(source) => subject.text(*source).map(Cow::Borrowed),
            Source::Money(source, format) => money(subject, *source, *format).map(Cow::Owned),
            Source::Time(source, format, offset) => match subject.text(*source) {
                Some(text) => {
                    let time = text.parse().map_err(|_| DialectError::value(name, "it must be a time of RFC 3339"))?;
                    Some(Cow::Owned(time_text(name, time, format, offset, made)?))
                }
                None => None,
            },
            Source::AttemptAt(format, offset) => {
                let time = Timestamp::from_second(given.unix_seconds);
                let time = time.map_err(|_| DialectError::value(name, "it must be a time before the year 10000"))?;
                Some(Cow::Owned(time_text(name, time, format, offset, made)?))
            }
            Source::Member(path) => member(given.members, path)?,
            Source::Parameter { name, default, optional } => match given.parameters.get(&**name) {
                Some(text) => Some(Cow::Borrowed(text.as_str())),
                None if default.is_some() || *optional => default.as_deref().map(Cow::Borrowed),
                None => return Err(DialectError::Parameter(name.to_string())),
            },
            Source::Template(template) => template.text(&Filling::of(made))?.map(|text| Cow::Owned(text.into_owned())),
        })
    }
}

fn money(subject: Subject<'_>, source: MoneySource, format: Money) -> Option<String> {
    match source {
        MoneySource::Amount => Some(format_money(subject.amount(), format)),
        MoneySource::BalanceAmount => subject.balance().map(|balance| format_money(balance, format)),
        MoneySource::Rate => format_rate(subject.amount(), subject.balance(), format),
    }
}

fn time_text(
    name: &str,
    time: Timestamp,
    format: &TimeFormat,
    offset: &Template,
    made: &Values<'_>,
) -> Result<String, DialectError> {
    let offset = match offset.text(&Filling::of(made))? {
        Some(text) if !text.is_empty() => parse_offset(&text),
        _ => Some(Offset::UTC),
    };
    let offset = offset.ok_or_else(|| DialectError::value(name, "its offset must have the form +03:00"))?;
    format_time(time, offset, format).map_err(|_| DialectError::value(name, "it cannot be written in its pattern"))
}

fn member<'r>(members: &Members<'r>, path: &[Box<str>]) -> Result<Option<Cow<'r, str>>, DialectError> {
    let Some((first, deeper)) = path.split_first() else { return Ok(None) };
    let mut found = members.get(&**first).copied();
    for name in deeper {
        let inside: Option<Members<'r>> = found.and_then(|raw| serde_json::from_str(raw.get()).ok());
        found = inside.and_then(|members| members.get(&**name).copied());
    }
    Ok(found.and_then(text_of_member))
}

impl Change {
    fn apply<'r>(
        &'r self,
        text: Option<Cow<'r, str>>,
        made: &Values<'_>,
    ) -> Result<Option<Cow<'r, str>>, DialectError> {
        let mapped =
            text.and_then(|text| match self.map.get(&*text).map(String::as_str).or(self.otherwise.as_deref()) {
                Some(other) => Some(Cow::Borrowed(other)).filter(|other| !other.is_empty()),
                None => Some(text),
            });
        let Some(mut text) = mapped else {
            let default = self.default.as_ref().map(|default| default.text(&Filling::of(made))).transpose()?;
            return Ok(default.flatten().map(|text| Cow::Owned(text.into_owned())));
        };
        match self.case {
            Some(Case::Upper) => text = Cow::Owned(text.to_uppercase()),
            Some(Case::Lower) => text = Cow::Owned(text.to_lowercase()),
            None => {}
        }
        if let Some((end, _)) = self.cut.and_then(|most| text.char_indices().nth(most)) {
            text = Cow::Owned(text[..end].to_owned());
        }
        Ok(Some(text))
    }
}
