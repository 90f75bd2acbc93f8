//! What a merchant answered, and what it can mean.

/// A merchant's answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The body, as much of it as was read.
    pub body: &'a [u8],
    /// Whether the body was longer than what was read.
    pub truncated: bool,
}

/// What an endpoint tolerates in an acknowledgement, beyond what its dialect does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tolerance {
    /// White space around it, and a byte order mark before it.
    pub ignore_whitespace: bool,
    /// Its letter case.
    pub ignore_case: bool,
    /// How the reply's signature is verified; `None`: as the dialect says.
    pub reply_signature: Option<Verify>,
}

/// How a reply's signature is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verify {
    /// Not at all.
    Off,
    /// A wrong one is told to people, and the answer counts.
    #[default]
    Warn,
    /// An answer with a wrong one does not count.
    Strict,
}

/// What an answer means. The texts say which rule decided, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The dialect's acknowledgement.
    Acknowledged {
        /// Which rule decided.
        detail: String,
        /// A wrong reply signature that was only to be warned of.
        warning: Option<String>,
    },
    /// A status that is none.
    WrongStatus(String),
    /// The right status with a body that is none.
    WrongBody(String),
    /// The merchant asked to be told again.
    Postponed(String),
    /// A refusal for good.
    Refused {
        /// The merchant's code.
        code: String,
        /// Which rule decided, with the merchant's words.
        detail: String,
    },
    /// The merchant says that our signature is wrong: the two sides' keys differ.
    SignatureRejected(String),
    /// An answer whose own signature is wrong, where that is verified strictly.
    WrongReplySignature(String),
}

/// What an answer to a check means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckVerdict {
    /// The merchant takes the payment.
    Allow {
        /// Which rule decided.
        detail: String,
        /// The merchant's code.
        code: String,
        /// The merchant's words.
        comment: Option<String>,
        /// A wrong reply signature that was only to be warned of.
        warning: Option<String>,
    },
    /// The merchant does not.
    Refuse {
        /// The merchant's code.
        code: String,
        /// The merchant's words.
        comment: Option<String>,
        /// Which rule decided.
        detail: String,
    },
    /// Anything else. The payment must stop.
    Unavailable(String),
}
