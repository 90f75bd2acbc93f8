//! A second reader of JSON, for the oracle alone: it says what stands in a document that is sound, and is lenient with
//! what is not.

use std::iter::Peekable;
use std::str::Chars;

/// Deeper documents are not read.
const DEPTH_MAX: usize = 200;

#[derive(Debug)]
pub(super) enum Json {
    Null,
    Text(String),
    /// A number or a truth value as it is written, or a list.
    Other(String),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The member of that name; the last one where there are several.
    pub(super) fn member(&self, name: &str) -> Option<&Json> {
        let Json::Object(members) = self else { return None };
        members.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(super) fn is_something(&self) -> bool {
        !matches!(self, Json::Null)
    }

    /// A text, or a plain value as it is written.
    pub(super) fn text(&self) -> String {
        match self {
            Json::Text(text) | Json::Other(text) => text.clone(),
            Json::Null | Json::Object(_) => String::new(),
        }
    }
}

/// Reads a whole document.
pub(super) fn read_json(text: &str) -> Option<Json> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text).chars().peekable();
    let value = value(&mut rest, 0)?;
    space(&mut rest);
    rest.next().is_none().then_some(value)
}

fn space(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| matches!(c, ' ' | '\t' | '\n' | '\r')).is_some() {}
}

fn value(rest: &mut Peekable<Chars<'_>>, depth: usize) -> Option<Json> {
    if depth > DEPTH_MAX {
        return None;
    }
    space(rest);
    match rest.peek()? {
        '"' => string(rest).map(Json::Text),
        '{' => object(rest, depth),
        '[' => list(rest, depth),
        _ => {
            let mut plain = String::new();
            while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')) {
                plain.push(c);
            }
            match plain.as_str() {
                "" => None,
                "null" => Some(Json::Null),
                _ => Some(Json::Other(plain)),
            }
        }
    }
}

fn list(rest: &mut Peekable<Chars<'_>>, depth: usize) -> Option<Json> {
    rest.next();
    loop {
        space(rest);
        if rest.next_if_eq(&']').is_some() {
            return Some(Json::Other("[]".to_owned()));
        }
        value(rest, depth + 1)?;
        space(rest);
        rest.next_if_eq(&',');
    }
}

fn object(rest: &mut Peekable<Chars<'_>>, depth: usize) -> Option<Json> {
    rest.next();
    let mut members = Vec::new();
    loop {
        space(rest);
        if rest.next_if_eq(&'}').is_some() {
            return Some(Json::Object(members));
        }
        let name = string(rest)?;
        space(rest);
        rest.next_if_eq(&':')?;
        members.push((name, value(rest, depth + 1)?));
        space(rest);
        rest.next_if_eq(&',');
    }
}

fn string(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    rest.next_if_eq(&'"')?;
    let mut units: Vec<u16> = Vec::new();
    loop {
        match rest.next()? {
            '"' => return Some(String::from_utf16_lossy(&units)),
            '\\' => units.push(escape(rest)?),
            c => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
        }
    }
}

fn escape(rest: &mut Peekable<Chars<'_>>) -> Option<u16> {
    Some(match rest.next()? {
        'n' => 10,
        'r' => 13,
        't' => 9,
        'b' => 8,
        'f' => 12,
        'u' => {
            let digits: String = rest.by_ref().take(4).collect();
            u16::from_str_radix(&digits, 16).ok()?
        }
        c => u16::try_from(u32::from(c)).ok()?,
    })
}
