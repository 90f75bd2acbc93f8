//! A merchant's answer, read in the reply's format. Nothing in it can make reading fail in another way than an error:
//! bodies are bounded, JSON's depth is, and XML has no document type and so no entities of its own.

use crate::charset::Charset;
use crate::definition::ReplyFormat;
use crate::quote::shorten;
use std::borrow::Cow;
use std::fmt;

/// Bytes of a body that are read at most.
pub(crate) const BODY_MAX: usize = 64 * 1024;

/// Where something stands in a reply. Empty: the whole body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(Vec<Box<str>>);

/// An answer that could be read.
#[derive(Debug)]
pub(crate) enum ReadReply<'b> {
    Text(&'b str),
    Json(serde_json::Value),
    Xml(roxmltree::Document<'b>),
    Form(Vec<(String, String)>),
}

impl Path {
    /// The path with dots between its names; or in a form the one key.
    pub(crate) fn parse(text: &str, format: ReplyFormat) -> Path {
        match format {
            ReplyFormat::Form => Path(vec![text.into()]),
            _ => Path(text.split('.').map(Into::into).collect()),
        }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("."))
    }
}

/// Reads the text in the format; or says what it is not.
pub(crate) fn read_reply(format: ReplyFormat, text: &str, charset: Charset) -> Result<ReadReply<'_>, String> {
    match format {
        ReplyFormat::None | ReplyFormat::Text => Ok(ReadReply::Text(text)),
        ReplyFormat::Json => serde_json::from_str(text).map(ReadReply::Json).map_err(|error| not("JSON", &error)),
        ReplyFormat::Xml => {
            let text = text.trim_start();
            roxmltree::Document::parse(text).map(ReadReply::Xml).map_err(|error| not("XML", &error))
        }
        ReplyFormat::Form => Ok(ReadReply::Form(text.trim().split('&').map(|pair| pair_of(pair, charset)).collect())),
    }
}

fn not(format: &str, error: &impl fmt::Display) -> String {
    format!("not {format} ({})", shorten(&error.to_string()))
}

impl ReadReply<'_> {
    /// What stands there: a text as it is, other JSON as JSON text, an element's own text without white space around it.
    /// `null` and what is missing are absent.
    pub(crate) fn get(&self, path: &Path) -> Option<Cow<'_, str>> {
        match self {
            ReadReply::Text(text) => path.is_whole().then_some(Cow::Borrowed(*text)),
            ReadReply::Json(value) => text_of_json(path.0.iter().try_fold(value, |inside, name| step(inside, name))?),
            ReadReply::Xml(document) => text_of_element(document.root(), &path.0),
            ReadReply::Form(pairs) => {
                let name = path.0.first()?;
                pairs.iter().find(|(key, _)| **key == **name).map(|(_, value)| Cow::Borrowed(value.as_str()))
            }
        }
    }
}

fn step<'v>(inside: &'v serde_json::Value, name: &str) -> Option<&'v serde_json::Value> {
    match inside {
        serde_json::Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        other => other.get(name),
    }
}

fn text_of_json(value: &serde_json::Value) -> Option<Cow<'_, str>> {
    match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(Cow::Borrowed(text)),
        other => Some(Cow::Owned(other.to_string())),
    }
}

fn text_of_element<'d>(root: roxmltree::Node<'d, '_>, path: &[Box<str>]) -> Option<Cow<'d, str>> {
    let inside = |node: roxmltree::Node<'d, '_>, name: &str| {
        node.children().find(|child| child.is_element() && child.tag_name().name() == name)
    };
    let mut element = root;
    for name in path {
        element = inside(element, name)?;
    }
    let mut texts = element.children().filter(roxmltree::Node::is_text).filter_map(|text| text.text());
    let first = texts.next().unwrap_or_default();
    let rest: String = texts.collect();
    if rest.is_empty() {
        Some(Cow::Borrowed(first.trim()))
    } else {
        Some(Cow::Owned(format!("{first}{rest}").trim().to_owned()))
    }
}

fn pair_of(pair: &str, charset: Charset) -> (String, String) {
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        let bytes: Vec<u8> = percent_encoding::percent_decode_str(&text).collect();
        charset.decode(&bytes, false).map_or_else(|_| String::from_utf8_lossy(&bytes).into_owned(), Cow::into_owned)
    };
    (decoded(key), decoded(value))
}
