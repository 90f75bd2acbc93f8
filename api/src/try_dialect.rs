//! Tries a dialect out: the request that a sample payment becomes, and what an answer to it would mean. Nothing is sent
//! and nothing is stored. The command line does the same.

mod tried;

pub use tried::{Tried, TriedHeader, TriedRequest, TriedVerdict};

use paybell_delivery::{Currency, Timestamp};
use paybell_dialects::{Amount, Answer, Dialect, Notification, Parameters, Question, Rendered, Signing, Tolerance};
use serde::Deserialize;
use utoipa::ToSchema;

/// What to try.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// The question before a payment rather than the notification.
    pub check: bool,
    /// The endpoint's URL.
    pub url: Option<String>,
    /// The endpoint's secret; a made-up one where nothing is said.
    pub secret: Option<String>,
    /// The endpoint's parameters.
    pub parameters: Parameters,
    /// The payment.
    pub sample: Sample,
    /// What the merchant answers.
    pub answer: Option<SampleAnswer>,
}

/// A sample payment. What is not said is made up.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sample {
    /// The gateway's own id of the payment.
    pub id: Option<String>,
    /// The merchant.
    pub merchant: Option<String>,
    /// What happened.
    pub r#type: Option<String>,
    /// The merchant's order reference.
    pub pay_for: Option<String>,
    /// In minor units.
    pub amount: Option<i64>,
    /// An ISO 4217 code.
    pub currency: Option<String>,
    /// The payment method.
    pub method: Option<String>,
    /// A description for people.
    pub description: Option<String>,
    /// The payer's e-mail address.
    pub payer_email: Option<String>,
    /// The payer's phone number.
    pub payer_phone: Option<String>,
    /// Free data.
    #[schema(value_type = Option<std::collections::BTreeMap<String, serde_json::Value>>)]
    pub data: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A sample answer of the merchant's.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    #[serde(default)]
    pub body: String,
}

/// The made-up secret is always the same, so that what was tried can be repeated.
const RANDOM: [u8; 32] = *b"an example secret, not for money";
const URL: &str = "https://shop.example/pay";
const MADE_UP_ID: &str = "01a1fb67-1800-7000-8000-000000000001";

/// Renders, signs, and judges.
///
/// # Errors
/// Each thing that keeps the sample from being sent in this dialect, in words.
pub fn try_dialect(dialect: &Dialect, trial: &Trial, now: Timestamp) -> Result<Tried, Vec<String>> {
    let url = trial.url.as_deref().unwrap_or(URL);
    dialect.check_endpoint(url, &trial.parameters)?;
    let made_up_secret = trial.secret.is_none().then(|| dialect.new_secret(&RANDOM));
    let secret = trial.secret.as_deref().or(made_up_secret.as_deref()).unwrap_or_default();
    dialect.check_secret(secret).map_err(|error| vec![error.to_string()])?;
    let secrets = [secret];
    let signing = Signing { secrets: &secrets, parameters: &trial.parameters, unix_seconds: now.unix_seconds() };
    let moment = now.to_rfc3339();
    let (rendered, verdict) = exchange(dialect, trial, &signing, &moment).map_err(|error| vec![error])?;
    let kind = if trial.check { "check" } else { "notify" };
    Ok(Tried { dialect: dialect.name().to_owned(), kind, made_up_secret, request: shown(rendered, url), verdict })
}

type Exchanged = (Rendered, Option<TriedVerdict>);

fn exchange(dialect: &Dialect, trial: &Trial, signing: &Signing<'_>, moment: &str) -> Result<Exchanged, String> {
    let sample = &trial.sample;
    let data = sample.data.clone().map(|data| serde_json::Value::Object(data).to_string());
    let amount = amount(sample)?;
    let answer = trial.answer.as_ref();
    let answer = answer.map(|said| Answer { status: said.status, body: said.body.as_bytes(), truncated: false });
    let tolerance = Tolerance::default();
    if trial.check {
        let question = question(sample, amount, data.as_deref(), moment);
        let rendered = dialect.render_check(&question, signing).map_err(|error| error.to_string())?;
        let verdict = answer.map(|answer| dialect.judge_check(&question, signing, &answer, tolerance).into());
        return Ok((rendered, verdict));
    }
    let notification = notification(sample, amount, data.as_deref(), moment);
    let rendered = dialect.render(&notification, signing).map_err(|error| error.to_string())?;
    let verdict = answer.map(|answer| dialect.judge(&notification, signing, &answer, tolerance).into());
    Ok((rendered, verdict))
}

fn amount(sample: &Sample) -> Result<Amount<'static>, String> {
    let code = sample.currency.as_deref().unwrap_or("RUB");
    let currency: Currency = code.parse().map_err(|_| "the currency must be a code of ISO 4217".to_owned())?;
    let minor = sample.amount.unwrap_or(10_000);
    if minor < 1 {
        return Err("the amount must be at least 1".to_owned());
    }
    Ok(Amount { minor, currency: currency.code(), exponent: currency.exponent() })
}

fn notification<'a>(
    sample: &'a Sample,
    amount: Amount<'a>,
    data: Option<&'a str>,
    moment: &'a str,
) -> Notification<'a> {
    Notification {
        payment_id: MADE_UP_ID,
        gateway_payment_id: sample.id.as_deref().unwrap_or("7261069"),
        merchant: sample.merchant.as_deref().unwrap_or("shop"),
        kind: sample.r#type.as_deref().unwrap_or("payment.confirmed"),
        pay_for: Some(sample.pay_for.as_deref().unwrap_or("1")),
        amount,
        balance: None,
        method: sample.method.as_deref(),
        description: sample.description.as_deref(),
        payer_email: Some(sample.payer_email.as_deref().unwrap_or("payer@example.com")),
        payer_phone: sample.payer_phone.as_deref(),
        data,
        confirmed_at: moment,
        test: false,
    }
}

fn question<'a>(sample: &'a Sample, amount: Amount<'a>, data: Option<&'a str>, moment: &'a str) -> Question<'a> {
    let Notification { merchant, pay_for, method, payer_email, payer_phone, .. } =
        notification(sample, amount, data, moment);
    let check_id = MADE_UP_ID;
    let (balance, test, asked_at) = (None, false, moment);
    Question { check_id, merchant, pay_for, amount, balance, method, payer_email, payer_phone, data, asked_at, test }
}

/// A rendered request for people.
pub(crate) fn shown(rendered: Rendered, url: &str) -> TriedRequest {
    let url = match &rendered.query {
        Some(query) if url.contains('?') => format!("{url}&{query}"),
        Some(query) => format!("{url}?{query}"),
        None => url.to_owned(),
    };
    let header = |(name, value): (std::sync::Arc<str>, String)| TriedHeader { name: name.as_ref().to_owned(), value };
    TriedRequest {
        method: rendered.method.as_str(),
        url,
        query: rendered.query,
        headers: rendered.headers.into_iter().map(header).collect(),
        body: String::from_utf8_lossy(&rendered.body).into_owned(),
    }
}
