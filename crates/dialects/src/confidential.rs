//! What must not be kept of a merchant's answer: our secrets and signatures, which a careless server sends back.

use form_urlencoded::byte_serialize;
use memchr::memmem;

/// What stands in their place.
const INSTEAD: &str = "[redacted]";
/// What is shorter would be found by chance.
const LENGTH_MIN: usize = 8;
/// Texts are not cut before this length, but for those with an ellipsis.
const CUT_MIN: usize = 500;

/// The secrets of an endpoint and the signatures of a request.
#[derive(Clone)]
pub struct Confidential<'a> {
    secrets: &'a [&'a str],
    signatures: &'a [String],
    /// A piece of each that all ways of writing it leave as it is: where none of them stands, nothing has to be sought.
    /// Nothing where one of them has no such piece.
    signs: Option<Vec<[u8; LENGTH_MIN]>>,
}

impl<'a> Confidential<'a> {
    /// Of the answer to a request with these signatures ([`crate::Rendered::signatures`]).
    pub fn new(secrets: &'a [&'a str], signatures: &'a [String]) -> Self {
        let all = Confidential { secrets, signatures, signs: None };
        let signs = all.words().map(|word| sign_of(word.as_bytes())).collect();
        Confidential { signs, ..all }
    }

    /// An answer's bytes without them, however it writes them.
    pub fn redact(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.may_stand_in(&bytes) {
            for word in self.words().flat_map(ways) {
                bytes = replace(bytes, word.as_bytes());
            }
        }
        bytes
    }

    /// A text without them, nor what a cut left of one at its end or before an ellipsis.
    pub fn redact_text(&self, mut text: String) -> String {
        if !text.contains('…') && text.len() < CUT_MIN && !self.may_stand_in(text.as_bytes()) {
            return text;
        }
        for word in self.words().flat_map(ways) {
            text = text.replace(&word, INSTEAD);
            let end = Some(text.len()).filter(|length| *length >= CUT_MIN);
            let mut ends = text.match_indices('…').map(|(at, _)| at).chain(end);
            if let Some(range) = ends.find_map(|end| beginning_at_end(text.get(..end)?, &word)) {
                text.replace_range(range, INSTEAD);
            }
        }
        text
    }

    fn may_stand_in(&self, bytes: &[u8]) -> bool {
        let Some(signs) = &self.signs else { return true };
        signs.iter().any(|sign| bytes.windows(LENGTH_MIN).any(|piece| piece == sign))
    }

    /// The secrets, with and without their prefix, and the signatures, of which Standard Webhooks writes several into one:
    /// `v1,…= v1,…=`.
    fn words(&self) -> impl Iterator<Item = &'a str> {
        let bare = |secret: &'a str| secret.strip_prefix("whsec_").or(secret.strip_prefix("whsk_"));
        let secrets = self.secrets.iter().flat_map(move |secret| [Some(*secret), bare(secret)]).flatten();
        let signatures = self.signatures.iter().flat_map(|all| all.split([' ', ',']));
        secrets.chain(signatures).filter(|word| word.len() >= LENGTH_MIN)
    }
}

/// The beginning of a part that no way of writing changes.
fn sign_of(word: &[u8]) -> Option<[u8; LENGTH_MIN]> {
    word.split(|byte| !byte.is_ascii_alphanumeric()).find_map(|part| part.first_chunk().copied())
}

fn replace(bytes: Vec<u8>, word: &[u8]) -> Vec<u8> {
    let (mut kept, mut end) = (Vec::new(), 0);
    for at in memmem::find_iter(&bytes, word) {
        kept.extend_from_slice(&bytes[end..at]);
        kept.extend_from_slice(INSTEAD.as_bytes());
        end = at + word.len();
    }
    if end == 0 {
        return bytes;
    }
    kept.extend_from_slice(&bytes[end..]);
    kept
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

    fn redacted(answer: &str) -> String {
        let signatures = ["v1,c2ln/bmF0dXJl+MQ== v1,b3RoZXIgc2lnbg==".to_owned()];
        let confidential = Confidential::new(&["whsec_MfKQ9r8GKYqr", "short"], &signatures);
        let (text, bytes) = (confidential.redact_text(answer.to_owned()), confidential.redact(answer.into()));
        if !answer.contains('…') && answer.len() < CUT_MIN {
            assert_eq!(String::from_utf8_lossy(&bytes), text);
        }
        text
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
            assert_eq!(redacted(answer), kept);
        }
        let confidential = Confidential::new(&["b3RoZXIgc2lnbg=="], &[]);
        assert_eq!(confidential.redact(b"\xff b3RoZXIgc2lnbg== \xff".to_vec()), b"\xff [redacted] \xff");
    }

    #[test]
    fn what_a_cut_left_of_one_is_taken_out_of_texts() {
        assert_eq!(redacted("the body was \"whsec_MfKQ9…\" (4096 bytes)"), "the body was \"[redacted]…\" (4096 bytes)");
        let long = "it said ".repeat(70);
        assert_eq!(redacted(&format!("{long}b3RoZXIgc2")), format!("{long}[redacted]"));
        assert_eq!(redacted("whsec_M…"), "whsec_M…", "too little to tell");
    }
}
