//! `POST /v1/bulk-resends` and `GET /v1/bulk-resends/{id}`: resends of many deliveries, as a job with its progress.

use crate::Api;
use crate::authenticate::Caller;
use crate::problem::{Answer, Problem};
use crate::read_body::{JsonBody, PathId};
use crate::read_deliveries::ENDPOINT_RULE;
use crate::read_fields::Fields;
use crate::validate_payment::{MERCHANT_RULE, merchant_named};
use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use paybell_delivery::State as DeliveryState;
use paybell_store::manage::{BulkResend, DeliveryFilter};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Which deliveries to resend.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes for the OpenAPI document what Fields reads")]
pub(crate) struct BulkResendRequest {
    /// At least one of its members must be given, so that nobody resends everything by mistake.
    filter: BulkResendFilter,
}

/// Which deliveries. What is not given does not restrict.
#[derive(Serialize, ToSchema)]
pub(crate) struct BulkResendFilter {
    /// Of this merchant.
    merchant: Option<String>,
    /// To this endpoint.
    endpoint: Option<Uuid>,
    /// `undelivered` or `settled`; both where nothing is said.
    state: Option<&'static str>,
    /// Of payments with this order reference.
    pay_for: Option<String>,
    /// Made at or after.
    #[schema(format = DateTime)]
    created_since: Option<String>,
    /// Made before.
    #[schema(format = DateTime)]
    created_before: Option<String>,
}

/// A bulk resend and how far it is.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkResend)]
pub(crate) struct BulkResendBody {
    id: Uuid,
    filter: BulkResendFilter,
    /// How many deliveries matched when it began.
    total: u64,
    /// How many were resent.
    resent: u64,
    /// How many were passed over, as their endpoint is deleted.
    skipped: u64,
    /// Who asked for it.
    actor: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was done; `null` while it is under way.
    #[schema(format = DateTime)]
    finished_at: Option<String>,
}

impl From<BulkResend> for BulkResendBody {
    fn from(bulk: BulkResend) -> Self {
        let filter = BulkResendFilter {
            merchant: bulk.filter.merchant_id.map(|id| id.to_string()),
            endpoint: bulk.filter.endpoint_id.map(|id| id.0),
            state: bulk.filter.state.map(DeliveryState::as_str),
            pay_for: bulk.filter.pay_for,
            created_since: bulk.filter.created_since.map(|at| at.to_rfc3339()),
            created_before: bulk.filter.created_before.map(|at| at.to_rfc3339()),
        };
        Self {
            id: bulk.id,
            filter,
            total: bulk.total,
            resent: bulk.resent,
            skipped: bulk.skipped,
            actor: bulk.actor,
            created_at: bulk.created_at.to_rfc3339(),
            finished_at: bulk.finished_at.map(|at| at.to_rfc3339()),
        }
    }
}

/// Resend all undelivered or settled deliveries that match.
///
/// It is done in the background; `GET /v1/bulk-resends/{id}` tells how far it is.
#[utoipa::path(post, path = "/v1/bulk-resends", tag = "acts", request_body = BulkResendRequest,
    responses((status = 202, description = "Begun", body = BulkResendBody)))]
pub(crate) async fn create_bulk_resend(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    JsonBody(json): JsonBody,
) -> Answer<(StatusCode, Json<BulkResendBody>)> {
    let mut fields = Fields::read(&json, &["filter"])?;
    let filter = fields.object("filter", 8192);
    let filter = fields.required("filter", filter);
    let filter = filter_from_json(fields.finish_with(filter)?.as_bytes())?;
    let actor = caller.at(api.state.clock.now());
    let bulk = api.ledger().create_bulk_resend(Uuid::now_v7(), &filter, &actor).await?;
    Ok((StatusCode::ACCEPTED, Json(bulk.into())))
}

fn filter_from_json(json: &[u8]) -> Answer<DeliveryFilter> {
    const KNOWN: &[&str] = &["merchant", "endpoint", "state", "pay_for", "created_since", "created_before"];
    let mut fields = Fields::read(json, KNOWN)?;
    if !KNOWN.iter().any(|name| fields.has_value(name)) {
        fields.wrong("filter", "must have at least one member");
    }
    let resendable = |word: &str| {
        let state = word.parse().ok()?;
        matches!(state, DeliveryState::Undelivered | DeliveryState::Settled).then_some(state)
    };
    let filter = DeliveryFilter {
        merchant_id: fields.parsed("merchant", merchant_named, MERCHANT_RULE),
        endpoint_id: fields.parsed("endpoint", |id| id.parse().ok(), ENDPOINT_RULE),
        state: fields.parsed("state", resendable, "must be undelivered or settled"),
        pay_for: fields.text("pay_for", 1..=256).map(Into::into),
        created_since: fields.moment("created_since"),
        created_before: fields.moment("created_before"),
        ..DeliveryFilter::default()
    };
    fields.finish()?;
    Ok(filter)
}

/// A bulk resend and how far it is.
#[utoipa::path(get, path = "/v1/bulk-resends/{id}", tag = "state",
    params(("id" = Uuid, Path, description = "The bulk resend")),
    responses((status = 200, description = "How far it is", body = BulkResendBody)))]
pub(crate) async fn read_bulk_resend(State(api): State<Api>, PathId(id): PathId<Uuid>) -> Answer<Json<BulkResendBody>> {
    let bulk = api.ledger().bulk_resend(id).await?;
    bulk.map(|bulk| Json(bulk.into())).ok_or_else(|| Problem::not_found(format!("there is no bulk resend {id}")))
}
