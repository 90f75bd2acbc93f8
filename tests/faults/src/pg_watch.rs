//! Watches a connection to PostgreSQL for the one moment that matters: a statement of some words is about to run, and the
//! server's answer to it, which it sends after the commit. Source of the messages' form: PostgreSQL's documentation,
//! chapter "Frontend/Backend Protocol".

use std::collections::HashSet;

/// A greeting has no kind; a message has one byte for it. Then comes the length, without the kind and with itself.
const LENGTH_BYTES: usize = 4;

/// What a client sends.
pub(crate) struct Requests {
    words: &'static str,
    pending: Vec<u8>,
    is_greeted: bool,
    /// The names of the prepared statements that have the words.
    statements: HashSet<Vec<u8>>,
}

/// The codes of a greeting after which another one follows: the wishes for TLS and for GSSAPI.
const WISHES: [u32; 2] = [80_877_103, 80_877_104];

impl Requests {
    pub(crate) fn new(words: &'static str) -> Requests {
        Requests { words, pending: Vec::new(), is_greeted: false, statements: HashSet::new() }
    }

    /// Takes what was sent. Answers whether with it a statement of the words is complete and about to run.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> bool {
        self.pending.extend_from_slice(piece);
        let mut runs = false;
        while let Some((kind, body)) = self.next() {
            runs |= self.is_to_run(kind, &body);
        }
        runs
    }

    fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = usize::from(self.is_greeted);
        let length = self.pending.get(head..head + LENGTH_BYTES)?;
        let length = usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?;
        if self.pending.len() < head + length.max(LENGTH_BYTES) {
            return None;
        }
        let message: Vec<u8> = self.pending.drain(..head + length.max(LENGTH_BYTES)).collect();
        let kind = if self.is_greeted { message[0] } else { 0 };
        Some((kind, message[head + LENGTH_BYTES..].to_vec()))
    }

    fn is_to_run(&mut self, kind: u8, body: &[u8]) -> bool {
        match kind {
            0 => {
                let code = body.get(..4).and_then(|code| code.try_into().ok()).map(u32::from_be_bytes);
                self.is_greeted = !code.is_some_and(|code| WISHES.contains(&code));
                false
            }
            // Parse: the statement's name, its words.
            b'P' => {
                let mut parts = body.split(|byte| *byte == 0);
                let (name, text) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                if String::from_utf8_lossy(text).contains(self.words) {
                    self.statements.insert(name.to_vec());
                }
                false
            }
            // Bind: the portal's name, the statement's.
            b'B' => body.split(|byte| *byte == 0).nth(1).is_some_and(|name| self.statements.contains(name)),
            _ => false,
        }
    }
}

/// What the server answers to one statement, from its beginning.
#[derive(Default)]
pub(crate) struct Answer {
    pending: Vec<u8>,
}

impl Answer {
    /// Takes what was answered. Answers whether it is whole: the server is ready for the next statement, so the
    /// transaction of this one has ended.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> bool {
        self.pending.extend_from_slice(piece);
        while let Some(length) = self.pending.get(1..=LENGTH_BYTES) {
            let length = length.try_into().map_or(0, u32::from_be_bytes);
            let whole = 1 + usize::try_from(length).unwrap_or(usize::MAX - 1);
            if self.pending.len() < whole {
                return false;
            }
            let kind = self.pending[0];
            self.pending.drain(..whole);
            if kind == b'Z' {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + LENGTH_BYTES).expect("short").to_be_bytes();
        [&[kind][..], &length, body].concat()
    }

    fn greeting(code: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 8).expect("short").to_be_bytes();
        [&length[..], &code.to_be_bytes(), body].concat()
    }

    #[test]
    fn statement_of_the_words_is_known_by_its_name_whenever_it_runs() {
        let mut requests = Requests::new("INTO payments");
        assert!(!requests.feed(&greeting(WISHES[0], b"")));
        assert!(!requests.feed(&greeting(196_608, b"user\0postgres\0\0")));
        assert!(!requests.feed(&message(b'P', b"s1\0INSERT INTO payments VALUES ($1)\0\0\0")));
        assert!(!requests.feed(&message(b'P', b"s2\0SELECT 1\0\0\0")));
        assert!(!requests.feed(&message(b'B', b"\0s2\0\0\0")));
        let runs = [message(b'B', b"\0s1\0\0\0"), message(b'E', b"\0\0\0\0\0")].concat();
        let (one, two) = runs.split_at(7);
        assert!(!requests.feed(one), "it is not complete");
        assert!(requests.feed(two));
        assert!(requests.feed(&runs), "and again");
    }

    #[test]
    fn answer_is_whole_when_the_server_is_ready() {
        let bytes = [message(b'2', b""), message(b'D', b"\0\x01ZZZ"), message(b'C', b"INSERT 0 1\0")].concat();
        let mut answer = Answer::default();
        for byte in bytes {
            assert!(!answer.feed(&[byte]));
        }
        assert!(!answer.feed(b"Z\0\0\0"));
        assert!(answer.feed(b"\x05I"));
    }
}
