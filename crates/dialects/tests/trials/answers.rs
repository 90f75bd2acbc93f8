//! Answers to payments and checks: no panic, bounded words, and no yes but the dialect's own.

use super::oracle::{self, Said};
use super::{BUILT_IN, PAY_FOR, Prepared, check_words, notification, question};
use paybell_dialects::{Answer, CheckVerdict, Tolerance, Verdict, Verify};
use std::fmt;

/// Characters that are kept of a merchant's code and words.
const KEPT_MAX: usize = 500;

const TRUNCATED: u8 = 1;
const IGNORE_WHITESPACE: u8 = 2;
const IGNORE_CASE: u8 = 4;
/// Two bits, from here on: as the dialect says, off, warn, strict.
const VERIFY_SHIFT: u8 = 3;
/// The payment has no order reference.
const NO_ORDER: u8 = 32;

/// An answer to one dialect. As bytes: the dialect's place among the built-in ones, the flags, the status (the low byte
/// first), the body.
pub(crate) struct Trial<'b> {
    place: usize,
    status: u16,
    body: &'b [u8],
    truncated: bool,
    tolerance: Tolerance,
    no_order: bool,
}

impl fmt::Debug for Trial<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trial { status, body, truncated, tolerance, .. } = self;
        write!(formatter, "{}: {status} {:?}, {truncated} {tolerance:?}", self.name(), body.escape_ascii().to_string())
    }
}

impl<'b> Trial<'b> {
    /// A whole answer to a payment with an order reference, at an endpoint without options.
    pub(crate) fn plain(dialect: &str, status: u16, body: &'b [u8]) -> Self {
        let place = BUILT_IN.iter().position(|known| known.dialect.name() == dialect).expect("a built-in dialect");
        Trial { place, status, body, truncated: false, tolerance: Tolerance::default(), no_order: false }
    }

    pub(crate) fn read(bytes: &'b [u8]) -> Option<Self> {
        let ([place, flags, low, high], body) = bytes.split_first_chunk()?;
        let reply_signature = match (flags >> VERIFY_SHIFT) & 3 {
            0 => None,
            1 => Some(Verify::Off),
            2 => Some(Verify::Warn),
            _ => Some(Verify::Strict),
        };
        let tolerance = Tolerance {
            ignore_whitespace: flags & IGNORE_WHITESPACE != 0,
            ignore_case: flags & IGNORE_CASE != 0,
            reply_signature,
        };
        Some(Trial {
            place: usize::from(*place) % BUILT_IN.len(),
            status: u16::from_le_bytes([*low, *high]),
            body,
            truncated: flags & TRUNCATED != 0,
            tolerance,
            no_order: flags & NO_ORDER != 0,
        })
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let verify = match self.tolerance.reply_signature {
            None => 0,
            Some(Verify::Off) => 1,
            Some(Verify::Warn) => 2,
            Some(Verify::Strict) => 3,
        };
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let flags = flag(self.truncated, TRUNCATED)
            | flag(self.tolerance.ignore_whitespace, IGNORE_WHITESPACE)
            | flag(self.tolerance.ignore_case, IGNORE_CASE)
            | flag(self.no_order, NO_ORDER)
            | verify << VERIFY_SHIFT;
        let [low, high] = self.status.to_le_bytes();
        let mut bytes = vec![u8::try_from(self.place).expect("there are few dialects"), flags, low, high];
        bytes.extend_from_slice(self.body);
        bytes
    }

    fn pay_for(&self) -> Option<&'static str> {
        (!self.no_order).then_some(PAY_FOR)
    }

    fn prepared(&self) -> &'static Prepared {
        &BUILT_IN[self.place]
    }

    fn name(&self) -> &'static str {
        self.prepared().dialect.name()
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let (prepared, told, answer) = (self.prepared(), notification(self.pay_for()), self.answer());
        prepared.signing(|signing| prepared.dialect.judge(&told, signing, &answer, self.tolerance))
    }

    pub(crate) fn check_verdict(&self) -> CheckVerdict {
        let (prepared, asked, answer) = (self.prepared(), question(self.pay_for()), self.answer());
        prepared.signing(|signing| prepared.dialect.judge_check(&asked, signing, &answer, self.tolerance))
    }

    fn answer(&self) -> Answer<'b> {
        Answer { status: self.status, body: self.body, truncated: self.truncated }
    }

    fn said(&self) -> Said<'_> {
        Said { status: self.status, body: self.body, truncated: self.truncated, tolerance: self.tolerance }
    }
}

/// Judges an answer to a payment.
pub(crate) fn judge_answer(bytes: &[u8]) {
    let Some(trial) = Trial::read(bytes) else { return };
    let name = trial.name();
    let oracle = oracle::of_payment(name, trial.pay_for());
    let verdict = trial.verdict();
    match &verdict {
        Verdict::Acknowledged { detail, warning } => {
            check_words(detail);
            assert!(oracle.yes(&trial.said()), "{name} takes this for a yes: {trial:?}");
            check_signature(&trial, false, warning.as_deref());
        }
        Verdict::Refused { code, detail } => {
            check_words(detail);
            check_kept(code);
            assert!(oracle.no(&trial.said()), "{name} takes this for a refusal: {trial:?}");
        }
        Verdict::WrongStatus(words) => {
            check_words(words);
            assert!(!oracle.statuses.contains(&trial.status), "{name} wants {}", trial.status);
        }
        Verdict::WrongBody(words)
        | Verdict::Postponed(words)
        | Verdict::SignatureRejected(words)
        | Verdict::WrongReplySignature(words) => {
            check_words(words);
            assert!(oracle.statuses.contains(&trial.status), "{name} does not want {}", trial.status);
        }
    }
}

/// Judges an answer to a check.
pub(crate) fn judge_check_answer(bytes: &[u8]) {
    let Some(trial) = Trial::read(bytes) else { return };
    let name = trial.name();
    let oracle = oracle::of_check(name);
    assert_eq!(oracle.is_some(), trial.prepared().dialect.has_check(), "{name}");
    match (&trial.check_verdict(), oracle) {
        (CheckVerdict::Unavailable(words), _) => check_words(words),
        (CheckVerdict::Allow { detail, code, comment, warning }, Some(oracle)) => {
            check_words(detail);
            check_kept(code);
            check_kept(comment.as_deref().unwrap_or_default());
            assert!(oracle.yes(&trial.said()), "{name} takes this for a yes: {trial:?}");
            check_signature(&trial, true, warning.as_deref());
        }
        (CheckVerdict::Refuse { code, comment, detail }, Some(oracle)) => {
            check_words(detail);
            check_kept(code);
            check_kept(comment.as_deref().unwrap_or_default());
            assert!(oracle.no(&trial.said()), "{name} takes this for a refusal: {trial:?}");
        }
        (verdict, None) => panic!("{name} asks nothing, and answers {verdict:?}"),
    }
}

fn check_kept(text: &str) {
    assert!(text.chars().count() <= KEPT_MAX, "{} characters are kept", text.chars().count());
}

/// A yes whose signature was verified and not warned of has the right one.
fn check_signature(trial: &Trial<'_>, is_check: bool, warning: Option<&str>) {
    if let Some(words) = warning {
        check_words(words);
        assert_ne!(trial.tolerance.reply_signature, Some(Verify::Strict), "a warning where it is strict: {words}");
        return;
    }
    if trial.tolerance.reply_signature == Some(Verify::Off) {
        return;
    }
    let Prepared { dialect, secret, .. } = trial.prepared();
    let right = oracle::has_right_signature(dialect.name(), is_check, trial.pay_for(), secret, trial.body);
    assert!(right, "this signature is taken for right: {trial:?}");
}
