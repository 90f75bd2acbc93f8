//! A dialect: what can be done with a definition that was read and compiled.

use crate::judge::{Decided, Finding, Judge};
use crate::plan::{ExchangePlan, Plan};
use crate::render::render;
use crate::sources::Subject;
use crate::standard_webhooks::{new_private_key, public_key};
use crate::{
    Answer, CheckVerdict, DefinitionError, DialectError, Notification, Parameter, Parameters, Question, Rendered,
    Schedule, Signing, Tolerance, Verdict,
};
use crate::{built_in, definition::Meaning, definition::SecretForm, read_definition};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A dialect. It is cheap to clone. Two are equal when their names and definitions are.
#[derive(Clone)]
pub struct Dialect(pub(crate) Arc<Plan>);

impl Dialect {
    /// The built-in ones, sorted by name.
    pub fn built_in() -> &'static [Dialect] {
        built_in::all()
    }

    /// The built-in one of that name.
    pub fn named(name: &str) -> Option<&'static Dialect> {
        Self::built_in().iter().find(|dialect| dialect.name() == name)
    }

    /// Reads and compiles a definition in TOML.
    ///
    /// # Errors
    /// All that is wrong with it, as far as that can be told, with path, line and column.
    pub fn from_toml(text: &str) -> Result<Dialect, DefinitionError> {
        read_definition::from_toml(text)
    }

    /// Reads and compiles a definition in JSON.
    ///
    /// # Errors
    /// As [`Dialect::from_toml`]; line and column are known only of what is no definition at all.
    pub fn from_json(text: &str) -> Result<Dialect, DefinitionError> {
        read_definition::from_json(text)
    }

    /// The JSON Schema of definitions.
    pub fn definition_schema() -> String {
        read_definition::schema()
    }

    /// Its definition in JSON, to store and to show. [`Dialect::from_json`] makes an equal dialect of it.
    pub fn definition_json(&self) -> String {
        self.0.source.clone()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.definition.name
    }

    /// Its name for people.
    pub fn title(&self) -> &str {
        &self.0.definition.title
    }

    /// What it is, where the facts come from, and what is not known.
    pub fn description(&self) -> &str {
        &self.0.definition.description
    }

    /// What each endpoint must or may set, by name.
    pub fn parameters(&self) -> &BTreeMap<String, Parameter> {
        &self.0.definition.parameters
    }

    /// When attempts are made by default, if the dialect says so.
    pub fn schedule(&self) -> Option<&Schedule> {
        self.0.definition.schedule.as_ref()
    }

    /// How long the merchant may take, if the dialect says so.
    pub fn time_limit(&self) -> Option<Duration> {
        seconds(self.0.definition.notify.time_limit_s)
    }

    /// How long the merchant may take to answer a check, if the dialect says so.
    pub fn check_time_limit(&self) -> Option<Duration> {
        seconds(self.0.definition.check.as_ref()?.time_limit_s)
    }

    /// Whether an endpoint's URL and parameters suit it.
    ///
    /// # Errors
    /// What does not: names in the URL's query that the dialect itself uses; parameters that are missing, unknown or
    /// ill-formed.
    pub fn check_endpoint(&self, url: &str, parameters: &Parameters) -> Result<(), Vec<String>> {
        let problems = crate::compile::check_endpoint(&self.0, url, parameters);
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Whether it asks nothing of an endpoint that `old` did not ask, so that each endpoint that suits `old` suits it too.
    /// A parameter that only `old` knows is no matter.
    pub fn asks_no_more_than(&self, old: &Dialect) -> bool {
        crate::compile::asks_no_more(&self.0, &old.0)
    }

    /// A new secret from random bytes.
    pub fn new_secret(&self, random: &[u8; 32]) -> String {
        self.0.secret.new_secret(random)
    }

    /// A new private key from random bytes, `whsk_…`, where the dialect takes one.
    pub fn new_private_key(&self, random: &[u8; 32]) -> Option<String> {
        (self.0.secret.form() == SecretForm::StandardWebhooks).then(|| new_private_key(random))
    }

    /// Whether a secret can be used.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn check_secret(&self, secret: &str) -> Result<(), DialectError> {
        self.0.secret.key(secret).map(|_| ())
    }

    /// The public key of a private one: `whpk_…` of `whsk_…`. `None` for any other secret.
    pub fn public_key(&self, secret: &str) -> Option<String> {
        (self.0.secret.form() == SecretForm::StandardWebhooks).then(|| public_key(secret)).flatten()
    }

    /// Renders and signs.
    ///
    /// # Errors
    /// When there is no secret, one of them is of the wrong form, a parameter is missing, or the notification cannot be
    /// worded in this dialect.
    pub fn render(&self, notification: &Notification<'_>, signing: &Signing<'_>) -> Result<Rendered, DialectError> {
        render(&self.0.notify, &self.0.secret, Subject::Notification(notification), signing)
    }

    /// Judges the answer to a notification.
    ///
    /// ```
    /// use paybell_dialects::{Amount, Answer, Dialect, Notification, Parameters, Signing, Tolerance, Verdict};
    /// let dialect = Dialect::named("ok-body").unwrap();
    /// let notification = Notification {
    ///     payment_id: "1", gateway_payment_id: "2", merchant: "shop-7", kind: "payment.confirmed", pay_for: None,
    ///     amount: Amount { minor: 15_000, currency: "EUR", exponent: 2 }, balance: None, method: None,
    ///     description: None, payer_email: None, payer_phone: None, data: None,
    ///     confirmed_at: "2026-11-21T09:30:00Z", test: false,
    /// };
    /// let secrets = ["a-secret-of-32-characters-length"];
    /// let signing = Signing { secrets: &secrets, parameters: &Parameters::new(), unix_seconds: 1_700_000_000 };
    /// let answer = Answer { status: 200, body: b"<html>", truncated: false };
    /// let verdict = dialect.judge(&notification, &signing, &answer, Tolerance::default());
    /// assert_eq!(verdict, Verdict::WrongBody(r#"200, but the body was "<html>" (6 bytes), not "ok""#.to_owned()));
    /// ```
    pub fn judge(
        &self,
        notification: &Notification<'_>,
        signing: &Signing<'_>,
        answer: &Answer<'_>,
        tolerance: Tolerance,
    ) -> Verdict {
        match self.find(&self.0.notify, Subject::Notification(notification), signing, answer, tolerance) {
            Finding::WrongStatus(detail) => Verdict::WrongStatus(detail),
            Finding::WrongBody(detail) => Verdict::WrongBody(detail),
            Finding::WrongReplySignature(detail) => Verdict::WrongReplySignature(detail),
            Finding::Decided(Decided { means, code, detail, warning, .. }) => match means {
                Meaning::Accepted => Verdict::Acknowledged { detail, warning },
                Meaning::Retry => Verdict::Postponed(detail),
                Meaning::Refused => Verdict::Refused { code, detail },
                Meaning::SignatureRejected => Verdict::SignatureRejected(detail),
            },
        }
    }

    /// Whether it asks before a payment.
    pub fn has_check(&self) -> bool {
        self.0.check.is_some()
    }

    /// Renders and signs the question before a payment.
    ///
    /// # Errors
    /// As [`Dialect::render`], and when the dialect has no check.
    pub fn render_check(&self, question: &Question<'_>, signing: &Signing<'_>) -> Result<Rendered, DialectError> {
        let check = self.0.check.as_ref().ok_or_else(|| DialectError::NoCheck(self.name().to_owned()))?;
        render(check, &self.0.secret, Subject::Question(question), signing)
    }

    /// Judges the answer to a question. Whatever does not plainly allow or refuse is unavailable.
    pub fn judge_check(
        &self,
        question: &Question<'_>,
        signing: &Signing<'_>,
        answer: &Answer<'_>,
        tolerance: Tolerance,
    ) -> CheckVerdict {
        let Some(check) = &self.0.check else {
            return CheckVerdict::Unavailable(DialectError::NoCheck(self.name().to_owned()).to_string());
        };
        match self.find(check, Subject::Question(question), signing, answer, tolerance) {
            Finding::WrongStatus(detail) | Finding::WrongBody(detail) | Finding::WrongReplySignature(detail) => {
                CheckVerdict::Unavailable(detail)
            }
            Finding::Decided(Decided { means, code, comment, detail, warning }) => match means {
                Meaning::Accepted => CheckVerdict::Allow { detail, code, comment, warning },
                Meaning::Refused => CheckVerdict::Refuse { code, comment, detail },
                Meaning::Retry | Meaning::SignatureRejected => CheckVerdict::Unavailable(detail),
            },
        }
    }

    fn find(
        &self,
        exchange: &ExchangePlan,
        subject: Subject<'_>,
        signing: &Signing<'_>,
        answer: &Answer<'_>,
        tolerance: Tolerance,
    ) -> Finding {
        Judge { exchange, secret: &self.0.secret, signing, subject, tolerance }.judge(answer)
    }
}

impl PartialEq for Dialect {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.source == other.0.source
    }
}

impl Eq for Dialect {}

impl fmt::Debug for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Dialect").field(&self.name()).finish()
    }
}

fn seconds(seconds: Option<u32>) -> Option<Duration> {
    seconds.map(|seconds| Duration::from_secs(u64::from(seconds)))
}
