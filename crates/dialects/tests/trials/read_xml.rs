//! A second reader of XML, for the oracle alone: it walks the tags and keeps the texts of one place. It knows no entities
//! but those that every document has.

/// The texts of all elements at that path, without the white space around them. `None` for a document with a document type
/// or an end that is missing.
pub(super) fn texts_at(document: &str, path: &[&str]) -> Option<Vec<String>> {
    let mut rest = document.strip_prefix('\u{feff}').unwrap_or(document);
    let mut open: Vec<(String, String)> = Vec::new();
    let mut found = Vec::new();
    while let Some(at) = rest.find('<') {
        if let Some((_, text)) = open.last_mut() {
            text.push_str(&plain(&rest[..at]));
        }
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("<!--") {
            rest = &after[after.find("-->")? + 3..];
        } else if let Some(after) = rest.strip_prefix("<![CDATA[") {
            let end = after.find("]]>")?;
            open.last_mut()?.1.push_str(&after[..end]);
            rest = &after[end + 3..];
        } else if let Some(after) = rest.strip_prefix("<?") {
            rest = &after[after.find("?>")? + 2..];
        } else if rest.starts_with("<!") {
            return None;
        } else {
            let end = tag_end(rest)?;
            let tag = &rest[1..end];
            rest = &rest[end + 1..];
            enter(tag, &mut open, &mut found, path);
        }
    }
    open.is_empty().then_some(found)
}

/// Opens an element, or closes the last one.
fn enter(tag: &str, open: &mut Vec<(String, String)>, found: &mut Vec<String>, path: &[&str]) {
    let closes = tag.starts_with('/');
    if !closes {
        let name = tag.trim_end_matches('/').split_ascii_whitespace().next().unwrap_or_default();
        let local = name.split_once(':').map_or(name, |(_, local)| local);
        open.push((local.to_owned(), String::new()));
    }
    if !closes && !tag.ends_with('/') {
        return;
    }
    let here = open.len() == path.len() && open.iter().zip(path).all(|((name, _), wanted)| name == wanted);
    if let Some((_, text)) = open.pop().filter(|_| here) {
        found.push(text.trim().to_owned());
    }
}

/// Where the tag ends; `>` may stand in an attribute's quotes.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    None
}

/// The text with its references replaced.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (name, after) = after.split_once(';').unwrap_or((after, ""));
        let number = |digits: &str| match digits.strip_prefix('x') {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => digits.parse().ok(),
        };
        match name {
            "lt" => plain.push('<'),
            "gt" => plain.push('>'),
            "amp" => plain.push('&'),
            "quot" => plain.push('"'),
            "apos" => plain.push('\''),
            _ => plain.extend(name.strip_prefix('#').and_then(number).and_then(char::from_u32)),
        }
        rest = after;
    }
    plain.push_str(rest);
    plain
}
