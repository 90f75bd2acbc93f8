//! Charsets of requests and replies.

use encoding_rs::{Encoding, UTF_8};
use std::borrow::Cow;

/// A charset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Charset(&'static Encoding);

impl Charset {
    /// The charset of that WHATWG label. UTF-16 cannot be written, so it is none.
    pub(crate) fn named(label: &str) -> Option<Charset> {
        let encoding = Encoding::for_label(label.as_bytes())?;
        (encoding.output_encoding() == encoding).then_some(Charset(encoding))
    }

    pub(crate) fn is_utf_8(self) -> bool {
        self.0 == UTF_8
    }

    /// Its name in small letters.
    pub(crate) fn name(self) -> String {
        self.0.name().to_ascii_lowercase()
    }

    /// The text's bytes. What the charset lacks becomes a numeric reference (`&#8470;`), as browsers write it in forms.
    pub(crate) fn encode(self, text: &str) -> Cow<'_, [u8]> {
        if self.is_utf_8() { Cow::Borrowed(text.as_bytes()) } else { self.0.encode(text).0 }
    }

    /// The text of a reply, without its byte order mark, which goes before everything; or which charset it is not in. An
    /// XML declaration may name another charset.
    pub(crate) fn decode(self, body: &[u8], is_xml: bool) -> Result<Cow<'_, str>, String> {
        let (encoding, text) = match Encoding::for_bom(body) {
            Some((encoding, length)) => (encoding, &body[length..]),
            None => (declared(body).filter(|_| is_xml).unwrap_or(self.0), body),
        };
        let decoded = encoding.decode_without_bom_handling_and_without_replacement(text);
        decoded.ok_or_else(|| encoding.name().to_owned())
    }
}

/// Whether a reply that is one text begins as it may: with a byte order mark only where that is ignored, and never with
/// that of UTF-16, in which no acknowledgement is written.
pub(crate) fn begins_well(body: &[u8], ignores_mark: bool) -> bool {
    match Encoding::for_bom(body) {
        None => true,
        Some((encoding, _)) => ignores_mark && encoding == UTF_8,
    }
}

/// The charset that an XML declaration names.
fn declared(body: &[u8]) -> Option<&'static Encoding> {
    const LONGEST: usize = 200;
    let head = &body[..body.len().min(LONGEST)];
    let end = head.strip_prefix(b"<?xml")?.iter().position(|byte| *byte == b'>')?;
    let declaration = std::str::from_utf8(&head[5..5 + end]).ok()?;
    let label = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = label.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    Encoding::for_label(label[1..].split(quote).next()?.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_decoded_by_mark_then_declaration_then_the_dialects_charset() {
        let utf_8 = Charset::named("utf-8").expect("known");
        let cyrillic = Charset::named("windows-1251").expect("known");
        type Row<'r> = (Charset, &'r [u8], bool, Result<&'r str, &'r str>);
        let table: [Row<'_>; 8] = [
            (utf_8, b"ok", false, Ok("ok")),
            (utf_8, b"\xef\xbb\xbfok", false, Ok("ok")),
            (utf_8, b"\xff\xfeo\0k\0", false, Ok("ok")),
            (utf_8, b"\xe4\xe0", false, Err("UTF-8")),
            (cyrillic, b"\xe4\xe0", false, Ok("да")),
            (
                utf_8,
                b"<?xml version='1.0' encoding='windows-1251'?>\xe4",
                true,
                Ok("<?xml version='1.0' encoding='windows-1251'?>д"),
            ),
            (utf_8, b"<?xml encoding=\"windows-1251\"?>\xe4", false, Err("UTF-8")),
            (utf_8, b"<?xml encoding=", true, Ok("<?xml encoding=")),
        ];
        for (charset, body, is_xml, expected) in table {
            let found = charset.decode(body, is_xml);
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{body:?}");
        }
    }

    #[test]
    fn what_a_charset_lacks_is_written_as_a_reference() {
        let cyrillic = Charset::named("windows-1251").expect("known");
        assert_eq!(&*cyrillic.encode("да ☃"), b"\xe4\xe0 &#9731;");
        assert_eq!(Charset::named("utf-16le"), None);
        assert_eq!(Charset::named("nonsense"), None);
    }
}
