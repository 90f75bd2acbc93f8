//! Definitions: any bytes are an error that says so, or a dialect that can be stored, shown, given to an endpoint, and used.

use super::requests::check_dialect;
use super::{Prepared, notification, question};
use paybell_dialects::{Answer, CheckVerdict, Dialect, Notification, Question, Tolerance, Verdict};

/// Answers to whatever was loaded.
const BODIES: [&[u8]; 6] = [b"", b"OK", b"{\"code\":0}", b"<result><code>0</code></result>", b"a=b&code=0", b"\xff"];

/// Loads a definition. The bytes: an even one for TOML and an odd one for JSON, and then the text.
pub(crate) fn load_definition(bytes: &[u8]) {
    let Some((form, text)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let dialect = match form % 2 {
        0 => Dialect::from_toml(text),
        _ => Dialect::from_json(text),
    };
    match dialect {
        Ok(dialect) => use_dialect(&dialect),
        Err(error) => assert!(!error.problems.is_empty(), "an error without a problem"),
    }
}

fn use_dialect(dialect: &Dialect) {
    let again = Dialect::from_json(&dialect.definition_json());
    assert_eq!(again.as_ref(), Ok(dialect), "what is stored can be read again");
    let prepared = Prepared::of(dialect);
    assert_eq!(dialect.check_secret(&prepared.secret), Ok(()), "a secret that it makes can be used");
    let full = Notification { data: Some(r#"{"a":{"b":1.50},"x_y":"z","n":null}"#), ..notification(Some("55")) };
    let asked = Question { data: full.data, ..question(Some("55")) };
    check_dialect(&prepared, &full, &asked);
    check_dialect(&prepared, &notification(None), &question(None));
    for body in BODIES {
        judge(&prepared, body);
    }
}

/// An answer that was cut off is no yes, unless the status alone is one.
fn judge(prepared: &Prepared, body: &[u8]) {
    let Prepared { dialect, definition, .. } = prepared;
    let by_status = |exchange: &str| definition[exchange]["reply"].get("format").is_none_or(|format| format == "none");
    for (status, truncated) in [(200, false), (200, true), (204, false), (500, false)] {
        let answer = Answer { status, body, truncated };
        let (told, asked, tolerance) = (notification(Some("55")), question(Some("55")), Tolerance::default());
        let verdict = prepared.signing(|signing| dialect.judge(&told, signing, &answer, tolerance));
        let check = prepared.signing(|signing| dialect.judge_check(&asked, signing, &answer, tolerance));
        assert!(!truncated || by_status("notify") || !matches!(verdict, Verdict::Acknowledged { .. }), "{verdict:?}");
        assert!(!truncated || by_status("check") || !matches!(check, CheckVerdict::Allow { .. }), "{check:?}");
    }
}
