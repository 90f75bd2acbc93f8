//! One walk through a JSON value: duplicate names and too deep nesting are errors; NUL characters and card data are
//! findings.

use super::Value;
use crate::find_card::{holds_card_number, names_verification_code};
use crate::problem::Answer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// The least number of digits of a card number (ISO/IEC 7812).
pub(super) const CARD_DIGITS_MIN: usize = 13;
/// More digits than a telephone number has (ITU-T E.164).
pub(super) const PHONE_DIGITS_MIN: usize = 16;

pub(super) const DUPLICATE: &str = "a name appears twice in one object";

/// What must not be in any field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Finding {
    /// The character U+0000, which no database keeps in text.
    Nul,
    /// A card number.
    Card,
    /// A card's verification code.
    VerificationCode,
}

impl Finding {
    pub(super) fn rule(self) -> &'static str {
        match self {
            Finding::Nul => "must not hold the character U+0000",
            Finding::Card => "must not hold a card number",
            Finding::VerificationCode => "must not hold a card's verification code",
        }
    }
}

/// Walks through a value.
pub(super) fn value(raw: &RawValue, digits_min: usize) -> Answer<(Value<'_>, Option<Finding>)> {
    let mut finding = None;
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    // A number that is a field of its own, such as the amount, is no card; within free data it may be.
    let scan = Scan { finding: &mut finding, digits_min, nested: false };
    let value =
        scan.deserialize(&mut deserializer).map_err(|error| super::malformed("the body is not sound JSON", &error))?;
    let value = match value {
        Value::Object(_) => Value::Object(raw.get()),
        other => other,
    };
    Ok((value, finding))
}

/// What a text holds that it must not.
pub(super) fn text_finding(text: &str, digits_min: usize) -> Option<Finding> {
    if text.contains('\0') {
        Some(Finding::Nul)
    } else if holds_card_number(text, digits_min) {
        Some(Finding::Card)
    } else {
        None
    }
}

struct Scan<'f> {
    finding: &'f mut Option<Finding>,
    digits_min: usize,
    nested: bool,
}

impl Scan<'_> {
    fn inner(&mut self) -> Scan<'_> {
        Scan { finding: self.finding, digits_min: self.digits_min, nested: true }
    }

    fn note(&mut self, finding: Option<Finding>) {
        *self.finding = self.finding.or(finding);
    }

    fn text(&mut self, text: &str) {
        self.note(text_finding(text, self.digits_min));
    }

    fn number(&mut self, number: u64) {
        if self.nested && number >= 1_000_000_000_000 && holds_card_number(&number.to_string(), self.digits_min) {
            self.note(Some(Finding::Card));
        }
    }
}

impl<'de> DeserializeSeed<'de> for Scan<'_> {
    type Value = Value<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scan<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(mut self, value: i64) -> Result<Value<'de>, E> {
        self.number(value.unsigned_abs());
        Ok(Value::Integer(value))
    }

    fn visit_u64<E>(mut self, value: u64) -> Result<Value<'de>, E> {
        self.number(value);
        Ok(i64::try_from(value).map_or(Value::Number, Value::Integer))
    }

    fn visit_f64<E>(mut self, value: f64) -> Result<Value<'de>, E> {
        if value.fract() == 0.0 && value.abs() < 1e19 {
            // The value is whole and within bounds, so the cast is exact.
            self.number(value.abs() as u64);
        }
        Ok(Value::Number)
    }

    fn visit_borrowed_str<E>(mut self, text: &'de str) -> Result<Value<'de>, E> {
        self.text(text);
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(mut self, text: &str) -> Result<Value<'de>, E> {
        self.text(text);
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Value<'de>, A::Error> {
        while list.next_element_seed(self.inner())?.is_some() {}
        Ok(Value::Array)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut names = HashSet::new();
        while let Some(Name(name)) = map.next_key()? {
            self.text(&name);
            let secret = names_verification_code(&name);
            if !names.insert(name) {
                return Err(A::Error::custom(DUPLICATE));
            }
            let value = map.next_value_seed(self.inner())?;
            let says_nothing = match &value {
                Value::Null | Value::Bool(_) => true,
                Value::Text(text) => text.is_empty(),
                Value::Integer(_) | Value::Number | Value::Object(_) | Value::Array => false,
            };
            self.note((secret && !says_nothing).then_some(Finding::VerificationCode));
        }
        Ok(Value::Object(""))
    }
}

/// A member's name, borrowed where it has no escapes.
pub(super) struct Name<'a>(pub(super) Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}
