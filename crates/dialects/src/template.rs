//! Templates: text with values in it, parsed ahead and filled for each request.

use crate::DialectError;
use crate::charset::Charset;
use crate::read_reply::{Path, ReadReply};
use crate::values::Values;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::borrow::Cow;

/// Bytes of a text that is made, and of all values and of all fields together. A definition can name a value twice in the
/// next, and that twice in the next, and so on.
pub(crate) const TEXT_MAX: usize = 1024 * 1024;

/// Bytes of what is signed at most: a body may be six times as long as its texts, each byte escaped.
const SIGNED_MAX: usize = 8 * TEXT_MAX;

/// A parsed template.
#[derive(Debug, Default)]
pub(crate) struct Template(pub(crate) Vec<Piece>);

/// A piece of a template. Indices are into the exchange's lists.
#[derive(Debug)]
pub(crate) enum Piece {
    Literal(Box<str>),
    Value(usize),
    Secret,
    Body,
    Sorted,
    Signature(usize),
    Part(usize),
    Reply(Path),
    ItemName,
    ItemValue,
    Base64(Template),
}

/// What a template is filled with. What a template cannot name where it stands is empty.
#[derive(Clone, Copy)]
pub(crate) struct Filling<'f> {
    pub(crate) values: &'f Values<'f>,
    pub(crate) parts: &'f [String],
    pub(crate) signatures: &'f [Option<String>],
    pub(crate) secret: &'f str,
    pub(crate) sorted: &'f str,
    pub(crate) item: (&'f str, &'f str),
    pub(crate) reply: Option<&'f ReadReply<'f>>,
    pub(crate) body: &'f [u8],
}

impl<'f> Filling<'f> {
    pub(crate) fn of(values: &'f Values<'f>) -> Self {
        Filling { values, parts: &[], signatures: &[], secret: "", sorted: "", item: ("", ""), reply: None, body: &[] }
    }
}

impl Template {
    /// The text, or `None` when the template names something and all that it names is absent.
    pub(crate) fn text<'f>(&'f self, filling: &Filling<'f>) -> Result<Option<Cow<'f, str>>, DialectError> {
        if let [piece] = self.0.as_slice() {
            let text = piece.text(filling)?;
            check_length(text.as_deref().map_or(0, str::len))?;
            return Ok(text);
        }
        let mut text = String::new();
        let (mut named, mut found) = (false, false);
        for piece in &self.0 {
            let part = piece.text(filling)?;
            if !matches!(piece, Piece::Literal(_)) {
                named = true;
                found |= part.is_some();
            }
            text.push_str(part.as_deref().unwrap_or_default());
            check_length(text.len())?;
        }
        Ok((found || !named).then_some(Cow::Owned(text)))
    }

    /// The bytes to sign: the text in the charset, and the body as it is.
    pub(crate) fn message(&self, filling: &Filling<'_>, charset: Charset) -> Result<Vec<u8>, DialectError> {
        let mut message = Vec::with_capacity(filling.body.len() + 128);
        for piece in &self.0 {
            if matches!(piece, Piece::Body) {
                message.extend_from_slice(filling.body);
            } else if let Some(text) = piece.text(filling)? {
                message.extend_from_slice(&charset.encode(&text));
            }
            if message.len() > SIGNED_MAX {
                return Err(too_long());
            }
        }
        Ok(message)
    }

    /// The signatures that it names.
    pub(crate) fn signatures(&self) -> impl Iterator<Item = usize> {
        self.0.iter().filter_map(|piece| if let Piece::Signature(index) = piece { Some(*index) } else { None })
    }

    /// Whether it names what the test finds.
    pub(crate) fn names(&self, test: &impl Fn(&Piece) -> bool) -> bool {
        self.0.iter().any(|piece| match piece {
            Piece::Base64(inner) => inner.names(test),
            piece => test(piece),
        })
    }

    /// Its text, when it names nothing.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

/// Whether a text of so many bytes may be made.
pub(crate) fn check_length(bytes: usize) -> Result<(), DialectError> {
    if bytes <= TEXT_MAX { Ok(()) } else { Err(too_long()) }
}

fn too_long() -> DialectError {
    DialectError::value("what the definition makes of this", "it must be no longer than 1 MiB")
}

impl Piece {
    fn text<'f>(&'f self, filling: &Filling<'f>) -> Result<Option<Cow<'f, str>>, DialectError> {
        let borrowed = match self {
            Piece::Literal(text) => Some(&**text),
            Piece::Value(index) => filling.values.get(*index),
            Piece::Secret => Some(filling.secret),
            Piece::Sorted => Some(filling.sorted),
            Piece::Signature(index) => filling.signatures.get(*index).and_then(Option::as_deref),
            Piece::Part(index) => filling.parts.get(*index).map(String::as_str),
            Piece::Reply(path) => return Ok(filling.reply.and_then(|reply| reply.get(path))),
            Piece::ItemName => Some(filling.item.0),
            Piece::ItemValue => Some(filling.item.1),
            Piece::Base64(inner) => return Ok(inner.text(filling)?.map(|text| Cow::Owned(BASE64.encode(&*text)))),
            // A body stands alone in a message; nowhere else can it be named.
            Piece::Body => None,
        };
        Ok(borrowed.map(Cow::Borrowed))
    }
}
