//! Reads HTML strictly (every tag closed, in order) and says what is wrong with a page: for people who do not see it, for
//! keyboards, for scripts that must not be there.

use std::collections::BTreeSet;

/// Elements that have no end.
const VOID: &[&str] = &["meta", "link", "img", "input", "br"];

/// An element with its text, and where it stands.
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    /// All text within it.
    pub(crate) text: String,
    /// The names of what it stands in, the outermost first.
    within: Vec<String>,
}

impl Element {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// A page that was read.
pub(crate) struct Html {
    pub(crate) elements: Vec<Element>,
}

impl Html {
    /// Reads a page; says where it is badly formed.
    pub(crate) fn read(html: &str) -> Result<Self, String> {
        let (mut elements, mut open): (Vec<Element>, Vec<usize>) = (Vec::new(), Vec::new());
        let mut rest = html.strip_prefix("<!doctype html>").ok_or("no doctype")?;
        while let Some(at) = rest.find('<') {
            let (text, tag) = rest.split_at(at);
            let text = decoded(text)?;
            open.iter().for_each(|n| elements[*n].text.push_str(&text));
            let end = end_of_tag(tag).ok_or_else(|| format!("a tag does not end: {tag:.60}"))?;
            let inner = &tag[1..end];
            rest = &tag[end + 1..];
            if let Some(name) = inner.strip_prefix('/') {
                let last = open.pop().map(|n| elements[n].name.clone()).unwrap_or_default();
                if last != name {
                    return Err(format!("</{name}> ends <{last}>"));
                }
                continue;
            }
            let within = open.iter().map(|n| elements[*n].name.clone()).collect();
            let element = element(inner, within)?;
            let ends_at_once = inner.ends_with('/') || VOID.contains(&element.name.as_str());
            elements.push(element);
            if !ends_at_once {
                open.push(elements.len() - 1);
            }
        }
        if open.is_empty() { Ok(Self { elements }) } else { Err(format!("{} elements do not end", open.len())) }
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.elements.iter().filter(move |element| element.name == name)
    }

    /// All text that people read or hear.
    pub(crate) fn words(&self) -> String {
        let shown = self.elements.iter().filter(|is| is.name == "html").map(|is| is.text.as_str());
        let heard = self.elements.iter().flat_map(|is| [is.get("aria-label"), is.get("placeholder"), is.get("alt")]);
        shown.chain(heard.flatten()).collect::<Vec<_>>().join("\n")
    }

    /// What is wrong with the page.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut ids = BTreeSet::new();
        let labels: BTreeSet<&str> = self.all("label").filter_map(|label| label.get("for")).collect();
        for element in &self.elements {
            if let Some(id) = element.get("id").filter(|id| !ids.insert(*id)) {
                faults.push(format!("the id {id} stands twice"));
            }
            faults.extend(
                fault_of(element, &labels).map(|fault| format!("{fault}: <{}> {}", element.name, element.text)),
            );
        }
        let h1 = self.all("h1").filter(|h1| !h1.text.trim().is_empty()).count();
        if h1 != 1 {
            faults.push(format!("{h1} headings of the first rank"));
        }
        if self.all("html").any(|html| html.get("lang").is_none()) || self.all("title").count() != 1 {
            faults.push("no language or no title".to_owned());
        }
        faults
    }
}

fn fault_of(element: &Element, labels: &BTreeSet<&str>) -> Option<&'static str> {
    let is_empty = element.text.trim().is_empty() && element.get("aria-label").is_none();
    let is_hidden = element.get("aria-hidden").is_some();
    let is_labelled = element.within.iter().any(|name| name == "label")
        || element.get("aria-label").is_some()
        || element.get("id").is_some_and(|id| labels.contains(id));
    let is_ours = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if element.attributes.iter().any(|(name, _)| name.starts_with("on") || name == "style" || !is_ours(name)) {
        return Some("an attribute that must not be there");
    }
    let leads_out = |to: &str| !(to.starts_with('/') && !to.starts_with("//") || to.starts_with('#'));
    if ["href", "src", "action"].iter().filter_map(|name| element.get(name)).any(leads_out) {
        return Some("it leads elsewhere");
    }
    match element.name.as_str() {
        "script" if element.get("src") != Some("/assets/live.js") || !is_empty => Some("a script"),
        "iframe" | "object" | "embed" | "style" | "base" => Some("it must not be there"),
        "input" if element.get("type") == Some("hidden") => None,
        "input" | "select" | "textarea" if !is_labelled => Some("no label"),
        "button" | "a" | "th" | "dt" | "h2" | "summary" | "label" | "option" if is_empty && !is_hidden => {
            Some("no words")
        }
        "img" if element.get("alt").is_none() => Some("no words for those who do not see it"),
        _ => None,
    }
}

/// Where a tag ends, which may have `>` in its values.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut in_value = false;
    tag.bytes().position(|byte| {
        in_value ^= byte == b'"';
        byte == b'>' && !in_value
    })
}

fn element(inner: &str, within: Vec<String>) -> Result<Element, String> {
    let inner = inner.trim_end_matches('/');
    let (name, mut rest) = inner.split_once([' ', '\n']).unwrap_or((inner, ""));
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(format!("no name of an element: <{inner:.60}"));
    }
    let mut attributes = Vec::new();
    while !rest.trim_start().is_empty() {
        rest = rest.trim_start();
        let end = rest.find([' ', '=', '\n']).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        let Some(value) = after.strip_prefix("=\"") else {
            attributes.push((key.to_owned(), String::new()));
            rest = after.strip_prefix('=').map_or(Ok(after), |_| Err(format!("no quotes: <{inner:.60}")))?;
            continue;
        };
        let (value, after) = value.split_once('"').ok_or_else(|| format!("quotes do not end: <{inner:.60}"))?;
        attributes.push((key.to_owned(), decoded(value)?));
        rest = after;
    }
    Ok(Element { name: name.to_owned(), attributes, text: String::new(), within })
}

/// Text without its escapes. A bare `&` is an error, as is a bare `>`.
fn decoded(text: &str) -> Result<String, String> {
    let (mut decoded, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('&') {
        let (name, after) = after.split_once(';').ok_or_else(|| format!("a bare &: {text:.60}"))?;
        let c = match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            _ => {
                let code = name.strip_prefix('#').and_then(|digits| digits.parse().ok());
                code.and_then(char::from_u32).ok_or_else(|| format!("an unknown escape: &{name:.20};"))?
            }
        };
        decoded.push_str(before);
        decoded.push(c);
        rest = after;
    }
    decoded.push_str(rest);
    Ok(decoded)
}

#[test]
fn what_is_wrong_with_a_page_is_found() -> Result<(), String> {
    let page = |body: &str| {
        format!("<!doctype html><html lang=\"en\"><head><title>t</title></head><body>{body}</body></html>")
    };
    let good = "<h1>a &lt;b&gt;</h1><label>x <input name=\"x\" value=\"&#34;&gt;\"></label>";
    let read = Html::read(&page(good))?;
    assert_eq!(read.faults(), Vec::<String>::new());
    assert_eq!(read.all("input").next().and_then(|input| input.get("value")), Some("\">"));
    for bad in [
        "<h1>a</h1><input name=\"x\">",
        "<h1>a</h1><h1>b</h1>",
        "<h1 id=\"a\">a</h1><p id=\"a\">b</p>",
        "<h1>a</h1><script>alert(1)</script>",
        "<h1>a</h1><p onclick=\"x\">b</p>",
        "<h1>a</h1><a href=\"https://evil.example\">b</a>",
        "<h1>a</h1><a href=\"javascript:alert(1)\">b</a>",
        "<h1>a</h1><button></button>",
    ] {
        assert_ne!(Html::read(&page(bad))?.faults(), Vec::<String>::new(), "{bad}");
    }
    for broken in ["<h1>a</h2>", "<h1>a", "a & b", "<h1 class=x>a</h1>", "<p a=\"></p>"] {
        assert!(Html::read(&page(broken)).is_err(), "{broken}");
    }
    Ok(())
}
