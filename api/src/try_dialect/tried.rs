//! What came of a trial.

use paybell_dialects::{CheckVerdict, Verdict};
use serde::Serialize;
use utoipa::ToSchema;

/// What came of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Tried {
    /// The dialect.
    pub dialect: String,
    /// `notify` or `check`.
    pub kind: &'static str,
    /// The secret that signed, if it was made up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_up_secret: Option<String>,
    /// What would be sent.
    pub request: TriedRequest,
    /// What the answer would mean; `null` where none was given.
    pub verdict: Option<TriedVerdict>,
}

/// A request as it would be sent.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TriedRequest {
    /// The HTTP method.
    pub method: &'static str,
    /// The URL with all of its query.
    pub url: String,
    /// What is appended to the URL's own query.
    pub query: Option<String>,
    /// Names and values, in order.
    pub headers: Vec<TriedHeader>,
    /// The body; what is no UTF-8 is replaced.
    pub body: String,
}

/// A header.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TriedHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// What an answer means.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TriedVerdict {
    /// Of a notification: `acknowledged`, `wrong_status`, `wrong_body`, `postponed`, `refused`, `signature_rejected`,
    /// `wrong_reply_signature`. Of a check: `allow`, `refuse`, `unavailable`.
    pub means: &'static str,
    /// Which rule decided, in words.
    pub detail: String,
    /// The merchant's code.
    pub code: Option<String>,
    /// The merchant's words.
    pub comment: Option<String>,
    /// A wrong reply signature that was only to be warned of.
    pub warning: Option<String>,
}

impl TriedVerdict {
    fn new(means: &'static str, detail: String) -> Self {
        Self { means, detail, code: None, comment: None, warning: None }
    }
}

impl From<Verdict> for TriedVerdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Acknowledged { detail, warning } => Self { warning, ..Self::new("acknowledged", detail) },
            Verdict::WrongStatus(detail) => Self::new("wrong_status", detail),
            Verdict::WrongBody(detail) => Self::new("wrong_body", detail),
            Verdict::Postponed(detail) => Self::new("postponed", detail),
            Verdict::Refused { code, detail } => Self { code: Some(code), ..Self::new("refused", detail) },
            Verdict::SignatureRejected(detail) => Self::new("signature_rejected", detail),
            Verdict::WrongReplySignature(detail) => Self::new("wrong_reply_signature", detail),
        }
    }
}

impl From<CheckVerdict> for TriedVerdict {
    fn from(verdict: CheckVerdict) -> Self {
        match verdict {
            CheckVerdict::Allow { detail, code, comment, warning } => {
                Self { code: Some(code), comment, warning, ..Self::new("allow", detail) }
            }
            CheckVerdict::Refuse { code, comment, detail } => {
                Self { code: Some(code), comment, ..Self::new("refuse", detail) }
            }
            CheckVerdict::Unavailable(detail) => Self::new("unavailable", detail),
        }
    }
}
