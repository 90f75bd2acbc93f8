//! Dialects: how a gateway family words a notification and its acknowledgement. Pure: render, sign, judge; no clock, no
//! input or output.
//!
//! Cast:
//! - [`Notification`]: what is told. [`Rendered`]: the request that tells it in a [`Dialect`].
//! - [`Verdict`]: what the merchant's answer means, under the endpoint's [`Tolerance`].
//! - [`standard`]: Standard Webhooks, JSON. [`ok_body`]: form-encoded, acknowledged by the body `ok`.

pub mod ok_body;
pub mod standard;

mod decimal;
mod notification;
mod quote;

pub use notification::{Amount, Notification};
pub use standard::verify_standard;

/// A dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Standard Webhooks: [`standard`].
    Standard,
    /// Form-encoded; acknowledged by 200 and the body `ok`: [`ok_body`].
    OkBody,
}

impl Dialect {
    /// All.
    pub const ALL: &'static [Dialect] = &[Dialect::Standard, Dialect::OkBody];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::Standard => "standard",
            Dialect::OkBody => "ok-body",
        }
    }

    /// The dialect of that name.
    pub fn named(name: &str) -> Option<Dialect> {
        Self::ALL.iter().copied().find(|d| d.name() == name)
    }

    /// Renders and signs. `secrets`: the current one first, then those still in their overlap.
    ///
    /// # Errors
    /// When there is no secret, one of them is of the wrong form, or the notification's `data` is not JSON.
    pub fn render(
        self,
        notification: &Notification<'_>,
        secrets: &[&str],
        unix_seconds: i64,
    ) -> Result<Rendered, DialectError> {
        match self {
            Dialect::Standard => standard::render(notification, secrets, unix_seconds),
            Dialect::OkBody => ok_body::render(notification, secrets),
        }
    }

    /// Judges an answer. `body` may have been cut, then `truncated` is set.
    ///
    /// ```
    /// use paybell_dialects::{Dialect, Tolerance, Verdict};
    /// let verdict = Dialect::OkBody.judge(200, b"<html>", false, Tolerance::default());
    /// assert_eq!(verdict, Verdict::WrongBody(r#"200, but the body was "<html>" (6 bytes), not "ok""#.to_owned()));
    /// ```
    pub fn judge(self, status: u16, body: &[u8], truncated: bool, tolerance: Tolerance) -> Verdict {
        match self {
            Dialect::Standard => standard::judge(status),
            Dialect::OkBody => ok_body::judge(status, body, truncated, tolerance),
        }
    }

    /// A new secret from random bytes.
    pub fn new_secret(self, random: &[u8; 32]) -> String {
        match self {
            Dialect::Standard => standard::new_secret(random),
            Dialect::OkBody => ok_body::new_secret(random),
        }
    }

    /// Whether a secret can be used.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn check_secret(self, secret: &str) -> Result<(), DialectError> {
        match self {
            Dialect::Standard => standard::key_of(secret).map(|_| ()),
            Dialect::OkBody => ok_body::key_of(secret).map(|_| ()),
        }
    }
}

/// A rendered and signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Header names (lower case) and values, `content-type` among them.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What an endpoint tolerates in an acknowledgement.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tolerance {
    /// White space around it, and a byte order mark before it.
    pub ignore_whitespace: bool,
    /// Its letter case.
    pub ignore_case: bool,
}

/// What an answer means. The texts say which rule decided, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The dialect's acknowledgement.
    Acknowledged(String),
    /// A status that is none.
    WrongStatus(String),
    /// The right status with a body that is none.
    WrongBody(String),
    /// A refusal for good.
    Refused(String),
}

/// Why a request could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialectError {
    /// A secret of the wrong form.
    #[error("a secret of dialect {dialect} must be {rule}")]
    Secret {
        /// Which dialect.
        dialect: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// There is no usable secret.
    #[error("there is no secret to sign with")]
    NoSecret,
    /// The notification's free data cannot be put into a JSON body.
    #[error("the payment's free data is not JSON")]
    Data,
}
