//! `GET /v1/payments` and `GET /v1/payments/{id}`.

use crate::Api;
use crate::problem::{Answer, Problem};
use crate::read_body::PathId;
use crate::read_checks::CheckBody;
use crate::read_deliveries::DeliveryBody;
use crate::read_query::{List, PageParameters, Parameters};
use crate::validate_payment::{MERCHANT_RULE, merchant_named};
use axum::Json;
use axum::extract::State;
use http::Uri;
use paybell_delivery::{Payment, PaymentId};
use paybell_store::manage::PaymentFilter;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

/// A payment as it was accepted; immutable.
#[derive(Serialize, ToSchema)]
#[schema(as = Payment)]
pub(crate) struct PaymentBody {
    /// Paybell's id.
    #[schema(value_type = uuid::Uuid)]
    payment_id: PaymentId,
    merchant: String,
    /// The gateway's own id.
    id: String,
    r#type: String,
    /// The merchant's order reference.
    pay_for: Option<String>,
    /// Minor units.
    amount: i64,
    currency: &'static str,
    /// Minor units.
    balance_amount: Option<i64>,
    balance_currency: Option<&'static str>,
    method: Option<String>,
    description: Option<String>,
    payer_email: Option<String>,
    payer_phone: Option<String>,
    /// As it was sent.
    #[schema(value_type = Option<std::collections::BTreeMap<String, serde_json::Value>>)]
    data: Option<Box<RawValue>>,
    #[schema(format = DateTime)]
    confirmed_at: String,
    #[schema(format = DateTime)]
    accepted_at: String,
    /// Whether it is a test notification rather than money.
    test: bool,
}

impl From<Payment> for PaymentBody {
    fn from(payment: Payment) -> Self {
        Self {
            payment_id: payment.id,
            merchant: payment.merchant_id.to_string(),
            id: payment.gateway_payment_id,
            r#type: payment.kind,
            pay_for: payment.pay_for,
            amount: payment.amount.amount_minor,
            currency: payment.amount.currency.code(),
            balance_amount: payment.balance.map(|balance| balance.amount_minor),
            balance_currency: payment.balance.map(|balance| balance.currency.code()),
            method: payment.method,
            description: payment.description,
            payer_email: payment.payer_email,
            payer_phone: payment.payer_phone,
            // What was accepted as JSON is still JSON.
            data: payment.data.and_then(|data| RawValue::from_string(data).ok()),
            confirmed_at: payment.confirmed_at.to_rfc3339(),
            accepted_at: payment.accepted_at.to_rfc3339(),
            test: payment.test,
        }
    }
}

/// A payment with its deliveries and the checks before it.
#[derive(Serialize, ToSchema)]
pub(crate) struct PaymentWithDeliveries {
    #[serde(flatten)]
    payment: PaymentBody,
    /// Its deliveries, the oldest first.
    deliveries: Vec<DeliveryBody>,
    /// What was asked for the same order in the day before, the newest first, at most 20.
    checks: Vec<CheckBody>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it only describes the parameters that are read below")]
struct PaymentParameters {
    /// Of this merchant.
    merchant: Option<String>,
    /// With this id of the gateway's own.
    id: Option<String>,
    /// With this order reference.
    pay_for: Option<String>,
    /// Accepted at or after (RFC 3339).
    accepted_since: Option<String>,
    /// Accepted before (RFC 3339).
    accepted_before: Option<String>,
}

/// A payment with its deliveries and the checks before it.
#[utoipa::path(get, path = "/v1/payments/{id}", tag = "state",
    params(("id" = uuid::Uuid, Path, description = "Paybell's id of the payment")),
    responses((status = 200, description = "The payment", body = PaymentWithDeliveries)))]
pub(crate) async fn read_payment(
    State(api): State<Api>,
    PathId(id): PathId<PaymentId>,
) -> Answer<Json<PaymentWithDeliveries>> {
    let view = api.ledger().payment(id).await?;
    let view = view.ok_or_else(|| Problem::not_found(format!("there is no payment {id}")))?;
    let deliveries = view.deliveries.iter().map(DeliveryBody::from).collect();
    let checks = view.checks.into_iter().map(CheckBody::from).collect();
    Ok(Json(PaymentWithDeliveries { payment: view.payment.into(), deliveries, checks }))
}

/// Payments, the newest first.
#[utoipa::path(get, path = "/v1/payments", tag = "state", params(PaymentParameters, PageParameters),
    responses((status = 200, description = "A part of the list", body = List<PaymentBody>)))]
pub(crate) async fn read_payments(State(api): State<Api>, uri: Uri) -> Answer<Json<List<PaymentBody>>> {
    const KNOWN: &[&str] = &["merchant", "id", "pay_for", "accepted_since", "accepted_before"];
    let mut query = Parameters::read(&uri, KNOWN)?;
    let filter = PaymentFilter {
        merchant_id: query.parsed("merchant", merchant_named, MERCHANT_RULE),
        gateway_payment_id: query.text("id"),
        pay_for: query.text("pay_for"),
        accepted_since: query.moment("accepted_since"),
        accepted_before: query.moment("accepted_before"),
    };
    let page = query.page();
    query.finish()?;
    List::of(api.ledger().payments(&filter, &page).await, PaymentBody::from)
}
