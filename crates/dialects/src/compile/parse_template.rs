//! The grammar of templates: `{name}`, `{base64:template}`, and `{{` and `}}` for braces.

/// A part of a template, before its names are resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Literal(String),
    Name(String),
    Base64(Vec<Part>),
}

const BASE64: &str = "base64:";

/// Parses a template; or says what is wrong with it.
pub(crate) fn parse_template(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let brace = &rest[at..at + 1];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            literal.push_str(brace);
            rest = after;
            continue;
        }
        if brace == "}" {
            return Err("has a } without a {; write }} for the character".to_owned());
        }
        let end = closing(rest).ok_or("has a { without a }; write {{ for the character")?;
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        parts.push(placeholder(&rest[..end])?);
        rest = &rest[end + 1..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

fn placeholder(inside: &str) -> Result<Part, String> {
    match inside.strip_prefix(BASE64) {
        Some(inner) if inner.contains(BASE64) => Err("has base64 inside base64".to_owned()),
        Some(inner) => Ok(Part::Base64(parse_template(inner)?)),
        None if inside.is_empty() || inside.contains('{') => Err(format!("has no name in {{{inside}}}")),
        None => Ok(Part::Name(inside.to_owned())),
    }
}

/// Where the brace closes that was opened before.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Part {
        Part::Literal(text.to_owned())
    }

    fn name(text: &str) -> Part {
        Part::Name(text.to_owned())
    }

    #[test]
    fn templates_are_parsed() {
        let table = [
            ("", vec![]),
            ("ok", vec![literal("ok")]),
            ("OK{inv_id}", vec![literal("OK"), name("inv_id")]),
            ("{a}:{b}", vec![name("a"), literal(":"), name("b")]),
            ("{a}{{up}}{b}", vec![name("a"), literal("{up}"), name("b")]),
            ("Basic {base64:{u}:x}", vec![literal("Basic "), Part::Base64(vec![name("u"), literal(":x")])]),
            ("{base64:{u}}", vec![Part::Base64(vec![name("u")])]),
        ];
        for (text, expected) in table {
            assert_eq!(parse_template(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn templates_with_stray_braces_are_refused() {
        for wrong in ["{", "}", "a{b", "a}b", "{}", "{{}", "{a{b}}", "{base64:{base64:a}}", "{base64:{a}"] {
            assert!(parse_template(wrong).is_err(), "{wrong}");
        }
    }
}
