//! `GET /v1/checks` and `GET /v1/checks/{id}`.

use crate::Api;
use crate::ask_check::CheckAnswerBody;
use crate::problem::{Answer, Problem};
use crate::read_body::PathId;
use crate::read_query::{List, PageParameters, Parameters};
use crate::validate_payment::{MERCHANT_RULE, merchant_named};
use axum::Json;
use axum::extract::State;
use http::Uri;
use paybell_delivery::{Check, CheckId};
use paybell_store::manage::CheckFilter;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

/// A question before a payment, with the merchant's answer.
#[derive(Serialize, ToSchema)]
#[schema(as = Check)]
pub(crate) struct CheckBody {
    #[serde(flatten)]
    answer: CheckAnswerBody,
    merchant: String,
    /// The merchant's order reference.
    pay_for: String,
    /// Minor units.
    amount: i64,
    currency: &'static str,
    key: Option<String>,
    method: Option<String>,
    payer_email: Option<String>,
    payer_phone: Option<String>,
    /// As it was sent.
    #[schema(value_type = Option<std::collections::BTreeMap<String, serde_json::Value>>)]
    data: Option<Box<RawValue>>,
    test: bool,
    /// The HTTP status of the merchant's answer.
    status: Option<u16>,
}

impl From<Check> for CheckBody {
    fn from(check: Check) -> Self {
        let (answer, question) = (CheckAnswerBody::from(&check), check.question);
        Self {
            answer,
            merchant: question.merchant_id.to_string(),
            pay_for: question.pay_for,
            amount: question.amount.amount_minor,
            currency: question.amount.currency.code(),
            key: question.key,
            method: question.method,
            payer_email: question.payer_email,
            payer_phone: question.payer_phone,
            // What was accepted as JSON is still JSON.
            data: question.data.and_then(|data| RawValue::from_string(data).ok()),
            test: question.test,
            status: check.status,
        }
    }
}

/// A check with what the merchant's server sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckWithResponse {
    #[serde(flatten)]
    check: CheckBody,
    /// What the merchant's server sent; `null` where nothing came.
    response: Option<CheckResponse>,
}

/// What a merchant's server sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckResponse {
    /// The header lines, cut at 8 KiB.
    head: String,
    /// The body, cut at 64 KiB; what is no UTF-8 is replaced.
    body: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it only describes the parameters that are read below")]
struct CheckParameters {
    /// Of this merchant.
    merchant: Option<String>,
    /// That this endpoint was asked.
    endpoint: Option<uuid::Uuid>,
    /// Of this order reference.
    pay_for: Option<String>,
    /// With this answer: `allow`, `refuse` or `unavailable`.
    answer: Option<String>,
    /// Asked at or after (RFC 3339).
    asked_since: Option<String>,
    /// Asked before (RFC 3339).
    asked_before: Option<String>,
}

/// A check with the merchant's answer.
#[utoipa::path(get, path = "/v1/checks/{id}", tag = "checks",
    params(("id" = uuid::Uuid, Path, description = "Paybell's id of the check")),
    responses((status = 200, description = "The check", body = CheckWithResponse)))]
pub(crate) async fn read_check(State(api): State<Api>, PathId(id): PathId<CheckId>) -> Answer<Json<CheckWithResponse>> {
    let check = api.ledger().check(id).await?;
    let mut check = check.ok_or_else(|| Problem::not_found(format!("there is no check {id}")))?;
    let response = check.response_head.take().map(|head| {
        let body = check.response_body.take().unwrap_or_default();
        CheckResponse { head, body: String::from_utf8_lossy(&body).into_owned() }
    });
    Ok(Json(CheckWithResponse { check: check.into(), response }))
}

/// Checks, the newest first.
#[utoipa::path(get, path = "/v1/checks", tag = "checks", params(CheckParameters, PageParameters),
    responses((status = 200, description = "A part of the list", body = List<CheckBody>)))]
pub(crate) async fn read_checks(State(api): State<Api>, uri: Uri) -> Answer<Json<List<CheckBody>>> {
    const KNOWN: &[&str] = &["merchant", "endpoint", "pay_for", "answer", "asked_since", "asked_before"];
    let mut query = Parameters::read(&uri, KNOWN)?;
    let filter = CheckFilter {
        merchant_id: query.parsed("merchant", merchant_named, MERCHANT_RULE),
        endpoint_id: query.parsed("endpoint", |id| id.parse().ok(), "must be an endpoint's id"),
        pay_for: query.text("pay_for"),
        answer: query.parsed("answer", |word| word.parse().ok(), "must be allow, refuse or unavailable"),
        asked_since: query.moment("asked_since"),
        asked_before: query.moment("asked_before"),
    };
    let page = query.page();
    query.finish()?;
    List::of(api.ledger().checks(&filter, &page).await, CheckBody::from)
}
