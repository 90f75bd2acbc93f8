//! `GET /v1/deliveries` and `GET /v1/deliveries/{id}`.

use crate::problem::{Answer, Problem};
use crate::read_body::PathId;
use crate::read_payments::PaymentBody;
use crate::read_query::{List, PageParameters, Parameters};
use crate::validate_payment::{MERCHANT_RULE, merchant_named};
use crate::{Api, Served};
use axum::Json;
use axum::extract::State;
use http::Uri;
use paybell_delivery::{Attempt, Delivery, DeliveryId, EndpointId, PaymentId, State as DeliveryState};
use paybell_store::manage::{DeliveryFilter, DeliveryRow};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// A delivery: the promise to tell one endpoint of one payment by a deadline.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryBody {
    #[schema(value_type = uuid::Uuid)]
    id: DeliveryId,
    #[schema(value_type = uuid::Uuid)]
    payment_id: PaymentId,
    #[schema(value_type = uuid::Uuid)]
    endpoint: EndpointId,
    /// `pending`, `delivered`, `undelivered` or `settled`.
    state: &'static str,
    /// Why it is undelivered: `expired`, `refused`, `refused_after_unknown` or `panicked`.
    reason: Option<&'static str>,
    /// When the next attempt is due at the latest; `null` when it is final.
    #[schema(format = DateTime)]
    due_at: Option<String>,
    /// No attempt starts at or after this moment.
    #[schema(format = DateTime)]
    deadline_at: String,
    /// The delivery that this one repeats.
    #[schema(value_type = Option<uuid::Uuid>)]
    resend_of: Option<DeliveryId>,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it reached a terminal state.
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    /// Who settled it.
    settled_by: Option<String>,
    settled_note: Option<String>,
    /// How many attempts were begun.
    attempts_made: u32,
}

impl From<&Delivery> for DeliveryBody {
    fn from(delivery: &Delivery) -> Self {
        let pending = delivery.state == DeliveryState::Pending;
        Self {
            id: delivery.id,
            payment_id: delivery.payment_id,
            endpoint: delivery.endpoint_id,
            state: delivery.state.as_str(),
            reason: delivery.reason.map(|reason| reason.as_str()),
            due_at: pending.then(|| delivery.due_at.to_rfc3339()),
            deadline_at: delivery.deadline_at.to_rfc3339(),
            resend_of: delivery.resend_of,
            created_at: delivery.created_at.to_rfc3339(),
            finished_at: delivery.finished_at.map(|at| at.to_rfc3339()),
            settled_by: delivery.settled_by.clone(),
            settled_note: delivery.settled_note.clone(),
            attempts_made: delivery.attempts,
        }
    }
}

/// A delivery in a list, with what people look for.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryItem {
    #[serde(flatten)]
    delivery: DeliveryBody,
    merchant: String,
    /// The gateway's own id of the payment.
    gateway_payment_id: String,
    /// The order reference.
    pay_for: Option<String>,
}

impl From<DeliveryRow> for DeliveryItem {
    fn from(row: DeliveryRow) -> Self {
        Self {
            delivery: DeliveryBody::from(&row.delivery),
            merchant: row.merchant_id.to_string(),
            gateway_payment_id: row.gateway_payment_id,
            pay_for: row.pay_for,
        }
    }
}

/// A delivery with its payment and attempts.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryWithAttempts {
    #[serde(flatten)]
    delivery: DeliveryBody,
    payment: PaymentBody,
    /// Its finished attempts, the first one first. Old ones are not kept (setting: attempts_kept_for): then this is
    /// empty, and `attempts_made` still says how many there were.
    attempts: Vec<AttemptBody>,
    /// The attempt that is under way.
    in_flight: Option<InFlight>,
}

/// An attempt that is under way.
#[derive(Serialize, ToSchema)]
pub(crate) struct InFlight {
    number: u32,
    #[schema(format = DateTime)]
    started_at: String,
}

/// One POST and what came of it.
#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(crate) struct AttemptBody {
    /// 1, 2, 3 …
    number: u32,
    #[schema(format = DateTime)]
    started_at: String,
    /// How long it took; `null` when the outcome is unknown.
    duration_ms: Option<f64>,
    /// One word, such as `wrong_status`.
    outcome: &'static str,
    outcome_in_words: &'static str,
    /// The rule that decided, in words.
    detail: String,
    /// The HTTP status, where an answer came.
    status: Option<u16>,
    /// The answer, where one came.
    response: Option<ResponseBody>,
}

/// A merchant's answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResponseBody {
    /// The header lines, cut.
    head: Option<String>,
    /// The body, cut at 64 KiB; what is not UTF-8 is replaced.
    body: Option<String>,
    /// Whether the body is as long as the engine keeps at most, so that more may have followed.
    body_truncated: bool,
}

impl AttemptBody {
    /// An attempt of an engine that keeps `kept_max` bytes of an answer's body.
    fn of(attempt: Attempt, kept_max: usize) -> Self {
        let answered = attempt.response_head.is_some() || attempt.response_body.is_some();
        let response = answered.then(|| ResponseBody {
            body_truncated: attempt.response_body.as_ref().is_some_and(|body| body.len() >= kept_max),
            body: attempt.response_body.map(|body| String::from_utf8_lossy(&body).into_owned()),
            head: attempt.response_head,
        });
        Self {
            number: attempt.number,
            started_at: attempt.started_at.to_rfc3339(),
            duration_ms: attempt.duration.map(|duration| duration.as_secs_f64() * 1000.0),
            outcome: attempt.outcome.as_str(),
            outcome_in_words: attempt.outcome.in_words(),
            detail: attempt.detail,
            status: attempt.status,
            response,
        }
    }
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it only describes the parameters that are read below")]
struct DeliveryParameters {
    /// Of this merchant.
    merchant: Option<String>,
    /// To this endpoint.
    endpoint: Option<uuid::Uuid>,
    /// In this state.
    state: Option<String>,
    /// Undelivered, or settled after that, for this reason.
    reason: Option<String>,
    /// Of payments with this order reference.
    pay_for: Option<String>,
    /// Of payments with this id of the gateway's own.
    gateway_payment_id: Option<String>,
    /// Made at or after (RFC 3339).
    created_since: Option<String>,
    /// Made before (RFC 3339).
    created_before: Option<String>,
}

pub(crate) const STATE_RULE: &str = "must be pending, delivered, undelivered or settled";
const REASON_RULE: &str = "must be expired, refused, refused_after_unknown or panicked";
pub(crate) const ENDPOINT_RULE: &str = "must be an endpoint's id, a UUID";

/// A delivery with its payment and all its attempts.
#[utoipa::path(get, path = "/v1/deliveries/{id}", tag = "state",
    params(("id" = uuid::Uuid, Path, description = "The delivery's id")),
    responses((status = 200, description = "The delivery", body = DeliveryWithAttempts)))]
pub(crate) async fn read_delivery(
    State(api): State<Api>,
    PathId(id): PathId<DeliveryId>,
) -> Answer<Json<DeliveryWithAttempts>> {
    delivery_now(&api, id).await.map(Json)
}

/// A delivery as it stands.
pub(crate) async fn delivery_now(api: &Served, id: DeliveryId) -> Answer<DeliveryWithAttempts> {
    let view = api.ledger().delivery(id, api.state.clock.now()).await?;
    let view = view.ok_or_else(|| Problem::not_found(format!("there is no delivery {id}")))?;
    let kept_max = api.state.settings.response_body_max;
    Ok(DeliveryWithAttempts {
        delivery: DeliveryBody::from(&view.delivery),
        payment: view.payment.into(),
        attempts: view.attempts.into_iter().map(|attempt| AttemptBody::of(attempt, kept_max)).collect(),
        in_flight: view.in_flight.map(|(number, at)| InFlight { number, started_at: at.to_rfc3339() }),
    })
}

/// Deliveries, the newest first. A page looks at a bounded number of them: it may hold fewer than were asked for, or none,
/// and still have a next one.
#[utoipa::path(get, path = "/v1/deliveries", tag = "state", params(DeliveryParameters, PageParameters),
    responses((status = 200, description = "A part of the list", body = List<DeliveryItem>)))]
pub(crate) async fn read_deliveries(State(api): State<Api>, uri: Uri) -> Answer<Json<List<DeliveryItem>>> {
    const KNOWN: &[&str] = &[
        "merchant",
        "endpoint",
        "state",
        "reason",
        "pay_for",
        "gateway_payment_id",
        "created_since",
        "created_before",
    ];
    let mut query = Parameters::read(&uri, KNOWN)?;
    let filter = DeliveryFilter {
        merchant_id: query.parsed("merchant", merchant_named, MERCHANT_RULE),
        endpoint_id: query.parsed("endpoint", |id| id.parse().ok(), ENDPOINT_RULE),
        state: query.parsed("state", |word| word.parse().ok(), STATE_RULE),
        reason: query.parsed("reason", |word| word.parse().ok(), REASON_RULE),
        pay_for: query.text("pay_for"),
        gateway_payment_id: query.text("gateway_payment_id"),
        created_since: query.moment("created_since"),
        created_before: query.moment("created_before"),
    };
    let page = query.page();
    query.finish()?;
    List::of(api.ledger().deliveries(&filter, &page).await, DeliveryItem::from)
}
