//! What must not be kept of a merchant's answer: our secrets and signatures, which a careless server sends back.

use crate::Rendered;
use form_urlencoded::byte_serialize;
use memchr::memmem;

/// What stands in their place.
const INSTEAD: &str = "[redacted]";
/// What is shorter would be found by chance.
const LENGTH_MIN: usize = 8;
/// Texts are not cut before this length, but for those with an ellipsis.
const CUT_MIN: usize = 500;

/// The secrets of an endpoint and the signatures of a request, in all the ways in which an answer may write them.
pub struct Confidential(Vec<String>);

impl Confidential {
    /// Of the answer to this request.
    pub fn new(secrets: &[&str], request: &Rendered) -> Self {
        let keys = secrets
            .iter()
            .flat_map(|secret| [Some(*secret), secret.strip_prefix("whsec_"), secret.strip_prefix("whsk_")]);
        // Standard Webhooks writes several into one: `v1,…= v1,…=`.
        let signatures = request.signatures.iter().flat_map(|all| all.split([' ', ',']));
        let words = keys.flatten().chain(signatures).filter(|word| word.len() >= LENGTH_MIN);
        Confidential(words.flat_map(ways).collect())
    }

    /// An answer's bytes without them.
    pub fn redact(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        for word in &self.0 {
            let mut rest = bytes.as_slice();
            let Some(mut at) = memmem::find(rest, word.as_bytes()) else { continue };
            let mut kept = Vec::with_capacity(bytes.len());
            loop {
                kept.extend_from_slice(&rest[..at]);
                kept.extend_from_slice(INSTEAD.as_bytes());
                rest = &rest[at + word.len()..];
                let Some(next) = memmem::find(rest, word.as_bytes()) else { break };
                at = next;
            }
            kept.extend_from_slice(rest);
            bytes = kept;
        }
        bytes
    }

    /// A text without them, nor what a cut left of one at its end or before an ellipsis.
    pub fn redact_text(&self, mut text: String) -> String {
        for word in &self.0 {
            if memmem::find(text.as_bytes(), word.as_bytes()).is_some() {
                text = text.replace(word, INSTEAD);
            }
            let end = Some(text.len()).filter(|length| *length >= CUT_MIN);
            let ends = text.match_indices('…').map(|(at, _)| at).chain(end);
            let cut = ends.filter_map(|end| beginning_at_end(text.get(..end)?, word)).next();
            if let Some(range) = cut {
                text.replace_range(range, INSTEAD);
            }
        }
        text
    }
}

/// Where the text ends with the word's beginning.
fn beginning_at_end(text: &str, word: &str) -> Option<std::ops::Range<usize>> {
    let lengths = (LENGTH_MIN..word.len()).rev();
    let found = lengths.filter_map(|length| word.get(..length)).find(|beginning| text.ends_with(beginning))?;
    Some(text.len() - found.len()..text.len())
}

/// As it is; as JSON may write it (RFC 8259, section 7: `/` as `\/`); as a form does.
fn ways(word: &str) -> Vec<String> {
    let mut ways = vec![word.to_owned()];
    if word.contains('/') {
        ways.push(word.replace('/', "\\/"));
    }
    if word.contains(['/', '+', '=']) {
        ways.push(byte_serialize(word.as_bytes()).collect());
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Method;

    fn confidential() -> Confidential {
        let signatures = vec!["v1,c2ln/bmF0dXJl+MQ== v1,b3RoZXIgc2lnbg==".to_owned()];
        let request = Rendered { method: Method::Post, query: None, headers: Vec::new(), body: Vec::new(), signatures };
        Confidential::new(&["whsec_MfKQ9r8GKYqr", "short"], &request)
    }

    #[test]
    fn secrets_and_signatures_are_taken_out_however_they_are_written() {
        let table = [
            ("ok", "ok"),
            ("short", "short"),
            ("key=whsec_MfKQ9r8GKYqr;", "key=[redacted];"),
            ("MfKQ9r8GKYqr and MfKQ9r8GKYqr", "[redacted] and [redacted]"),
            ("{\"sign\":\"v1,c2ln\\/bmF0dXJl+MQ==\"}", "{\"sign\":\"v1,[redacted]\"}"),
            ("sign=v1%2Cc2ln%2FbmF0dXJl%2BMQ%3D%3D", "sign=v1%2C[redacted]"),
            ("v1,c2ln/bmF0dXJl+MQ== v1,b3RoZXIgc2lnbg==", "v1,[redacted] v1,[redacted]"),
        ];
        for (answer, kept) in table {
            assert_eq!(String::from_utf8_lossy(&confidential().redact(answer.into())), kept);
            assert_eq!(confidential().redact_text(answer.to_owned()), kept);
        }
        assert_eq!(confidential().redact(b"\xff b3RoZXIgc2lnbg== \xff".to_vec()), b"\xff [redacted] \xff");
    }

    #[test]
    fn what_a_cut_left_of_one_is_taken_out_of_texts() {
        let redacted = |text: &str| confidential().redact_text(text.to_owned());
        assert_eq!(redacted("the body was \"whsec_MfKQ9…\" (4096 bytes)"), "the body was \"[redacted]…\" (4096 bytes)");
        let long = "it said ".repeat(70);
        assert_eq!(redacted(&format!("{long}b3RoZXIgc2")), format!("{long}[redacted]"));
        assert_eq!(redacted("whsec_M…"), "whsec_M…", "too little to tell");
    }
}
