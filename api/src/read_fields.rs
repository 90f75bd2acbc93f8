//! Reads a JSON object field by field, so that every error names its field: strict about duplicate names, unknown
//! fields and depth; refuses NUL characters and card data anywhere within.
//!
//! Cast:
//! - [`Fields`]: the object's known fields, taken one by one; it gathers the errors.
//! - [`Value`]: a field's value. [`mod@scan`] walks through it.

mod scan;

use crate::problem::{Answer, FieldError, Problem};
use paybell_delivery::Timestamp;
use scan::{Finding, Name};
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

/// A field's value.
#[derive(Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number written as an integer that fits.
    Integer(i64),
    /// Any other number.
    Number,
    /// A string.
    Text(Cow<'a, str>),
    /// An object, as it was sent.
    Object(&'a str),
    /// A list.
    Array,
}

/// The fields of one JSON object.
pub(crate) struct Fields<'a> {
    known: &'static [&'static str],
    values: Vec<Option<Value<'a>>>,
    errors: Vec<FieldError>,
}

/// How many unknown fields are named in an error.
const UNKNOWN_NAMED_MAX: usize = 8;

impl<'a> Fields<'a> {
    /// Reads the object. Broken JSON, duplicate names and too deep nesting are 400; other faults are gathered until
    /// [`Fields::finish`].
    pub(crate) fn read(json: &'a [u8], known: &'static [&'static str]) -> Answer<Self> {
        let text = std::str::from_utf8(json).map_err(|_| Problem::malformed("the body is not UTF-8"))?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let members = deserializer
            .deserialize_map(MembersVisitor { known })
            .and_then(|members| deserializer.end().map(|()| members))
            .map_err(|error| malformed("the body is not a sound JSON object", &error))?;
        let mut fields = Fields { known, values: Vec::with_capacity(known.len()), errors: Vec::new() };
        for (name, raw) in known.iter().zip(members.known) {
            let value = raw.map(|raw| fields.scan(name, raw)).transpose()?;
            fields.values.push(value.flatten());
        }
        for (name, raw) in members.unknown {
            scan::value(raw, scan::CARD_DIGITS_MIN)?;
            fields.errors.push(FieldError { field: shown(name), rule: "is not a known field".into() });
        }
        Ok(fields)
    }

    fn scan(&mut self, name: &'static str, raw: &'a RawValue) -> Answer<Option<Value<'a>>> {
        let digits_min = if name == "payer_phone" { scan::PHONE_DIGITS_MIN } else { scan::CARD_DIGITS_MIN };
        let (value, finding) = scan::value(raw, digits_min)?;
        let Some(finding) = finding else { return Ok(Some(value)) };
        self.wrong(name, finding.rule());
        Ok(None)
    }

    /// Notes that a field broke a rule.
    pub(crate) fn wrong(&mut self, field: &'static str, rule: impl Into<Cow<'static, str>>) {
        self.errors.push(FieldError::new(field, rule));
    }

    /// Whether the field was sent, be it as `null`.
    pub(crate) fn given(&self, name: &str) -> bool {
        self.place(name).is_some_and(|place| self.values[place].is_some())
    }

    /// Whether the field holds something, or held something that was refused.
    pub(crate) fn has_value(&self, name: &str) -> bool {
        let value = self.place(name).and_then(|place| self.values[place].as_ref());
        value.is_some_and(|value| *value != Value::Null) || self.errors.iter().any(|error| error.field == name)
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.known.iter().position(|known| *known == name)
    }

    /// Takes a field's value; nothing where it is missing or `null`.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value<'a>> {
        let place = self.place(name)?;
        self.values[place].take().filter(|value| *value != Value::Null)
    }

    /// Takes a string of so many characters.
    pub(crate) fn text(&mut self, name: &'static str, length: RangeInclusive<usize>) -> Option<Cow<'a, str>> {
        match self.take(name)? {
            Value::Text(text) if length.contains(&text.chars().count()) => Some(text),
            _ => {
                let rule = format!("must be a string of {} to {} characters", length.start(), length.end());
                self.wrong(name, rule);
                None
            }
        }
    }

    /// Takes an integer within bounds.
    pub(crate) fn integer(&mut self, name: &'static str, bounds: RangeInclusive<i64>) -> Option<i64> {
        match self.take(name)? {
            Value::Integer(number) if bounds.contains(&number) => Some(number),
            _ => {
                let rule = format!("must be an integer from {} to {}", bounds.start(), bounds.end());
                self.wrong(name, rule);
                None
            }
        }
    }

    /// Takes a truth value.
    pub(crate) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(value) => Some(value),
            _ => {
                self.wrong(name, "must be true or false");
                None
            }
        }
    }

    /// Takes an object, as it was sent.
    pub(crate) fn object(&mut self, name: &'static str, bytes_max: usize) -> Option<&'a str> {
        match self.take(name)? {
            Value::Object(raw) if raw.len() <= bytes_max => Some(raw),
            _ => {
                self.wrong(name, format!("must be a JSON object of at most {bytes_max} bytes"));
                None
            }
        }
    }

    /// Takes a moment.
    pub(crate) fn moment(&mut self, name: &'static str) -> Option<Timestamp> {
        let moment = match self.take(name)? {
            Value::Text(text) => Timestamp::from_rfc3339(&text),
            _ => None,
        };
        if moment.is_none() {
            self.wrong(name, "must be a time of RFC 3339 with an offset, such as 2026-11-21T09:30:00Z");
        }
        moment
    }

    /// Takes a string and reads it.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
        rule: &'static str,
    ) -> Option<T> {
        let parsed = match self.take(name)? {
            Value::Text(text) => read(&text),
            _ => None,
        };
        if parsed.is_none() {
            self.wrong(name, rule);
        }
        parsed
    }

    /// Notes that a field is missing, unless something was said about it already.
    pub(crate) fn required<T>(&mut self, name: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.errors.iter().any(|error| error.field == name) {
            self.wrong(name, "is required");
        }
        value
    }

    /// The end: 422 with all the faults, where there are any.
    pub(crate) fn finish(self) -> Answer<()> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }

    /// The end, where what is needed was found only if nothing is wrong.
    pub(crate) fn finish_with<T>(self, value: Option<T>) -> Answer<T> {
        self.finish()?;
        // Each missing value has left an error, so this arm is a fault of the caller's.
        value.ok_or_else(Problem::internal)
    }
}

/// The problem of JSON that cannot be read: where, and the parser's words only where they quote nothing that was sent.
fn malformed(what: &str, error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    let words = error.to_string();
    Problem::malformed(match error.classify() {
        Category::Syntax | Category::Eof => format!("{what}: {words}"),
        Category::Data if words.starts_with(scan::DUPLICATE) => format!("{what}: {words}"),
        Category::Data | Category::Io => format!("{what}, at line {line} column {column}"),
    })
}

/// An unknown field's name as it may be repeated to the caller: short and free of card data.
fn shown(name: Cow<'_, str>) -> Cow<'static, str> {
    match scan::text_finding(&name, scan::CARD_DIGITS_MIN) {
        None if name.chars().count() <= 64 => Cow::Owned(name.into_owned()),
        None => Cow::Owned(name.chars().take(64).chain(['…']).collect()),
        Some(Finding::Card | Finding::Nul | Finding::VerificationCode) => "(not shown)".into(),
    }
}

struct Members<'a> {
    known: Vec<Option<&'a RawValue>>,
    unknown: Vec<(Cow<'a, str>, &'a RawValue)>,
}

struct MembersVisitor {
    known: &'static [&'static str],
}

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Members { known: vec![None; self.known.len()], unknown: Vec::new() };
        while let Some(Name(name)) = map.next_key()? {
            let raw: &RawValue = map.next_value()?;
            let duplicate = match self.known.iter().position(|known| *known == name) {
                Some(place) => members.known[place].replace(raw).is_some(),
                None if members.unknown.iter().any(|(other, _)| *other == name) => true,
                None => {
                    if members.unknown.len() < UNKNOWN_NAMED_MAX {
                        members.unknown.push((name, raw));
                    }
                    false
                }
            };
            if duplicate {
                return Err(A::Error::custom(scan::DUPLICATE));
            }
        }
        Ok(members)
    }
}
