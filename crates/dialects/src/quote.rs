//! A merchant's answer, made safe to show to a person.

use std::fmt::Write;

/// How many characters of a body are shown.
const SHOWN_MAX: usize = 80;

/// The body in quotes with control characters, direction marks and invalid bytes escaped, cut at 80 characters, and its
/// length: `"<html>…" (4096 bytes)`.
pub(crate) fn quote(body: &[u8], truncated: bool) -> String {
    if body.is_empty() {
        return "empty".to_owned();
    }
    let more_than = if truncated { "more than " } else { "" };
    let bytes = if body.len() == 1 { "byte" } else { "bytes" };
    format!("\"{}\" ({more_than}{} {bytes})", escape(body), body.len())
}

/// A text in quotes, escaped and cut in the same way.
pub(crate) fn quote_text(text: &str) -> String {
    format!("\"{}\"", escape(text.as_bytes()))
}

/// The words of a reader about a body, which may repeat parts of it: escaped, and cut in the same way.
pub(crate) fn shorten(words: &str) -> String {
    let mut shown = String::with_capacity(SHOWN_MAX);
    for c in words.chars().take(SHOWN_MAX) {
        // What stands in quotes there should go on doing so.
        if matches!(c, '"' | '\'' | '\\') { shown.push(c) } else { shown.extend(c.escape_debug()) }
    }
    if words.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn escape(body: &[u8]) -> String {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\'' | b'\\');
    if body.len() <= SHOWN_MAX && body.iter().all(plain) {
        return String::from_utf8_lossy(body).into_owned();
    }
    let mut shown = String::with_capacity(SHOWN_MAX + 8);
    let mut room = SHOWN_MAX;
    for chunk in body.utf8_chunks() {
        let valid = chunk.valid().chars().map(|c| c.escape_debug().to_string());
        let invalid = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
        for piece in valid.chain(invalid) {
            let length = piece.chars().count();
            if length > room {
                shown.push('…');
                return shown;
            }
            room -= length;
            // Writing to a String cannot fail.
            let _ = shown.write_str(&piece);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_escaped_and_cut() {
        let long = "a".repeat(4096);
        let table: [(&[u8], &str); 8] = [
            (b"", "empty"),
            (b"k", r#""k" (1 byte)"#),
            (b"<html>", r#""<html>" (6 bytes)"#),
            (b"ok\n\0", r#""ok\n\0" (4 bytes)"#),
            (b"say \"no\"", r#""say \"no\"" (8 bytes)"#),
            (b"\x1b[31mred", r#""\u{1b}[31mred" (8 bytes)"#),
            ("\u{202e}ko".as_bytes(), r#""\u{202e}ko" (5 bytes)"#),
            (b"ok\xff", r#""ok\xff" (3 bytes)"#),
        ];
        for (body, expected) in table {
            assert_eq!(quote(body, false), expected);
        }
        assert_eq!(quote(long.as_bytes(), true), format!("\"{}…\" (more than 4096 bytes)", "a".repeat(80)));
        assert_eq!(shorten("expected 'a' tag, not '\u{1b}' at 1:2"), "expected 'a' tag, not '\\u{1b}' at 1:2");
        assert_eq!(shorten(&long), format!("{}…", "a".repeat(80)));
        assert_eq!(quote("ж".repeat(80).as_bytes(), false), format!("\"{}\" (160 bytes)", "ж".repeat(80)));
    }
}
