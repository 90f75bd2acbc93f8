//! One question: find the endpoint → render and sign → send → judge → record.

use crate::Served;
use crate::answer_once::Outcome;
use crate::validate_check::Asked;
use metrics::{counter, histogram};
use paybell_delivery::{Check, CheckAnswer, CheckId, CheckQuestion, Endpoint, Timestamp};
use paybell_dialects::{Answer, CheckVerdict, Confidential, Dialect, Question, Signing};
use paybell_outbound::OutboundRequest;
use paybell_store::manage::EndpointForAttempt;
use paybell_store::{StoreError, id_at, worded_amount};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest that a merchant may take, whatever its dialect says.
pub(crate) const TIME_LIMIT_MAX: Duration = Duration::from_secs(30);
const TIME_LIMIT_MIN: Duration = Duration::from_secs(1);

/// What was heard, before it is written down.
struct Heard {
    answer: CheckAnswer,
    reason: String,
    code: Option<String>,
    comment: Option<String>,
    status: Option<u16>,
    head: Option<String>,
    body: Option<Vec<u8>>,
}

/// Asks the merchant and records what it said.
pub(crate) async fn put_question(api: &Served, asked: &Asked) -> Outcome {
    let found = match api.ledger().endpoint_to_check(&asked.question.merchant_id, asked.endpoint).await {
        Ok(None) if asked.endpoint.is_some() => return Outcome::UnknownEndpoint,
        Ok(found) => found,
        Err(StoreError::NotFound { .. }) => return Outcome::UnknownMerchant,
        Err(error) => return Outcome::Failed(Arc::new(error)),
    };
    let (asked_at, begun) = (api.state.clock.now(), Instant::now());
    let id = CheckId(id_at(asked_at));
    let heard = match &found {
        Some(found) if found.endpoint.check_url.is_some() => ask(api, &asked.question, found, id, asked_at).await,
        Some(_) | None => Heard::new(CheckAnswer::Allow, "not required"),
    };
    let check = heard.into_check(id, asked, found.map(|found| found.endpoint), asked_at, begun.elapsed());
    observe(&check);
    match api.state.coalesced.record_check(check.clone()).await {
        Ok(()) => Outcome::Answered(Arc::new(check)),
        Err(error) => Outcome::Failed(error),
    }
}

async fn ask(
    api: &Served,
    question: &CheckQuestion,
    found: &EndpointForAttempt,
    id: CheckId,
    asked_at: Timestamp,
) -> Heard {
    let _place = match api.check_pool.take(found.endpoint.id) {
        Ok(place) => place,
        Err(full) => return Heard::unavailable(full.in_words()),
    };
    let dialect = match api.dialects.of_endpoint(found) {
        Ok(dialect) => dialect,
        Err(error) => {
            tracing::error!(endpoint.id = %found.endpoint.id, %error, "a check could not be asked");
            return Heard::unavailable("nothing was sent: the endpoint's dialect cannot be read");
        }
    };
    let (check_id, moment) = (id.to_string(), asked_at.to_rfc3339());
    let question = worded(question, &check_id, &moment);
    let secrets = found.secrets_at(asked_at);
    let parameters = &found.endpoint.parameters;
    let signing = Signing { secrets: &secrets, parameters, unix_seconds: asked_at.unix_seconds() };
    let (request, signatures) = match render(api, &dialect, &question, &signing, &found.endpoint) {
        Ok(rendered) => rendered,
        Err(why) => return Heard::unavailable(format!("nothing was sent: {why}")),
    };
    match api.state.outbound.send(request).await {
        Ok(answer) => {
            let judged = Answer { status: answer.status, body: &answer.body, truncated: answer.truncated };
            let verdict = dialect.judge_check(&question, &signing, &judged, found.tolerance());
            let (status, head, body) = (Some(answer.status), Some(answer.head), Some(answer.body.to_vec()));
            Heard { status, head, body, ..Heard::of(verdict) }.without(Confidential::new(&secrets, &signatures))
        }
        Err(failure) => Heard { status: failure.status, ..Heard::unavailable(failure.detail) },
    }
}

fn render(
    api: &Served,
    dialect: &Dialect,
    question: &Question<'_>,
    signing: &Signing<'_>,
    endpoint: &Endpoint,
) -> Result<(OutboundRequest, Vec<String>), String> {
    let rendered = dialect.render_check(question, signing).map_err(|error| error.to_string())?;
    let mut headers: Vec<(String, String)> =
        rendered.headers.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value)).collect();
    headers.push(("paybell-check".to_owned(), question.check_id.to_owned()));
    let time_limit = dialect.check_time_limit().unwrap_or(api.state.settings.check_time_limit);
    let request = OutboundRequest {
        method: rendered.method,
        url: endpoint.check_url.clone().unwrap_or_default(),
        query: rendered.query,
        headers,
        body: rendered.body.into(),
        time_limit: time_limit.clamp(TIME_LIMIT_MIN, TIME_LIMIT_MAX),
    };
    Ok((request, rendered.signatures))
}

fn worded<'a>(question: &'a CheckQuestion, check_id: &'a str, asked_at: &'a str) -> Question<'a> {
    Question {
        check_id,
        merchant: question.merchant_id.as_str(),
        pay_for: Some(&question.pay_for),
        amount: worded_amount(question.amount),
        balance: None,
        method: question.method.as_deref(),
        payer_email: question.payer_email.as_deref(),
        payer_phone: question.payer_phone.as_deref(),
        data: question.data.as_deref(),
        asked_at,
        test: question.test,
    }
}

fn observe(check: &Check) {
    counter!("paybell_checks_total", "answer" => check.answer.as_str()).increment(1);
    if check.reason != "not required" {
        histogram!("paybell_check_duration_seconds").record(check.duration);
    }
}

impl Heard {
    fn new(answer: CheckAnswer, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { answer, reason, code: None, comment: None, status: None, head: None, body: None }
    }

    fn unavailable(reason: impl Into<String>) -> Self {
        Self::new(CheckAnswer::Unavailable, reason)
    }

    fn of(verdict: CheckVerdict) -> Self {
        match verdict {
            CheckVerdict::Allow { detail, code, comment, warning } => {
                let reason = warning.map_or_else(|| detail.clone(), |warning| format!("{detail}; {warning}"));
                Self { code: said(code), comment, ..Self::new(CheckAnswer::Allow, reason) }
            }
            CheckVerdict::Refuse { code, comment, detail } => {
                Self { code: said(code), comment, ..Self::new(CheckAnswer::Refuse, detail) }
            }
            CheckVerdict::Unavailable(detail) => Self::unavailable(detail),
        }
    }

    /// The same without what must not be kept.
    fn without(self, confidential: Confidential<'_>) -> Self {
        let text = |text| confidential.redact_text(text);
        Self {
            answer: self.answer,
            reason: text(self.reason),
            code: self.code.map(text),
            comment: self.comment.map(text),
            status: self.status,
            head: self.head.map(text),
            body: self.body.map(|body| confidential.redact(body)),
        }
    }

    fn into_check(
        self,
        id: CheckId,
        asked: &Asked,
        endpoint: Option<Endpoint>,
        asked_at: Timestamp,
        duration: Duration,
    ) -> Check {
        Check {
            id,
            question: asked.question.clone(),
            endpoint_id: endpoint.map(|endpoint| endpoint.id),
            answer: self.answer,
            reason: self.reason,
            code: self.code,
            comment: self.comment,
            status: self.status,
            response_head: self.head,
            response_body: self.body,
            asked_at,
            duration,
        }
    }
}

/// A code that is not empty.
fn said(code: String) -> Option<String> {
    Some(code).filter(|code| !code.is_empty())
}
