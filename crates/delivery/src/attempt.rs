//! One POST and its outcome.

use crate::delivery::words;
use crate::{DeliveryId, Timestamp, UnknownWord};
use serde::Serialize;
use std::str::FromStr;
use std::time::Duration;

words!(
    /// What came of an attempt.
    Outcome, "outcome" {
        /// The merchant acknowledged in the way that its dialect asks for.
        Acknowledged = "acknowledged",
        /// It answered with a status that is no acknowledgement.
        WrongStatus = "wrong_status",
        /// The status was right, the body was not.
        WrongBody = "wrong_body",
        /// It refused the payment for good, in its dialect's words.
        Refused = "refused",
        /// It asked, in its dialect's words, to be told again later.
        Postponed = "postponed",
        /// It said that the request's signature is wrong: the two sides' keys differ.
        SignatureRejected = "signature_rejected",
        /// It acknowledged by a reply whose own signature is wrong, and the endpoint is strict about that.
        WrongReplySignature = "wrong_reply_signature",
        /// No complete answer came within the time limit.
        TimedOut = "timed_out",
        /// The connection broke after the request was sent and before the answer was complete.
        Interrupted = "interrupted",
        /// No connection came about, so nothing was sent: name, address, TLS.
        Unreachable = "unreachable",
        /// The address is one that Paybell must not call; nothing was sent.
        Blocked = "blocked",
        /// The worker died before it could record what came of it.
        Unknown = "unknown",
        /// The worker's code panicked, before or after the request was sent: a defect of Paybell.
        Panicked = "panicked",
    }
);

impl Outcome {
    /// Whether the merchant may have accepted the payment although no acknowledgement was seen: the request may have
    /// arrived and its answer was lost, or cannot be told from a forged one.
    pub const fn leaves_doubt(self) -> bool {
        match self {
            Outcome::TimedOut
            | Outcome::Interrupted
            | Outcome::WrongReplySignature
            | Outcome::Unknown
            | Outcome::Panicked => true,
            Outcome::Acknowledged
            | Outcome::WrongStatus
            | Outcome::WrongBody
            | Outcome::Refused
            | Outcome::Postponed
            | Outcome::SignatureRejected
            | Outcome::Unreachable
            | Outcome::Blocked => false,
        }
    }

    /// The outcome in words for people.
    pub const fn in_words(self) -> &'static str {
        match self {
            Outcome::Acknowledged => "acknowledged",
            Outcome::WrongStatus => "answered with a status that is no acknowledgement",
            Outcome::WrongBody => "answered with a body that is no acknowledgement",
            Outcome::Refused => "refused by the merchant",
            Outcome::Postponed => "the merchant asked to be told again later",
            Outcome::SignatureRejected => "the merchant says that the signature is wrong: the two sides' keys differ",
            Outcome::WrongReplySignature => "acknowledged by a reply whose signature is wrong",
            Outcome::TimedOut => "timed out",
            Outcome::Interrupted => "the connection broke before the answer was complete",
            Outcome::Unreachable => "unreachable",
            Outcome::Blocked => "blocked: the address may not be called",
            Outcome::Unknown => "outcome unknown: the worker died before it was recorded",
            Outcome::Panicked => "outcome unknown: the worker panicked",
        }
    }
}

/// One POST and its outcome, as it is recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// Whose attempt.
    pub delivery_id: DeliveryId,
    /// 1, 2, 3 … without gaps.
    pub number: u32,
    /// When it was begun.
    pub started_at: Timestamp,
    /// How long it took; nothing when the outcome is unknown.
    pub duration: Option<Duration>,
    /// What came of it.
    pub outcome: Outcome,
    /// The rule that decided, in words: `200, but the body was "<html>…", not "ok"`.
    pub detail: String,
    /// The HTTP status, where an answer came.
    pub status: Option<u16>,
    /// The answer's header lines, cut.
    pub response_head: Option<String>,
    /// The answer's body, cut at 64 KiB.
    pub response_body: Option<Vec<u8>>,
}
