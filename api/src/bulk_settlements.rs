//! `POST /v1/bulk-settlements` and `GET /v1/bulk-settlements/{id}`: a person ends many deliveries by hand, as a job with
//! its progress.

use crate::Api;
use crate::authenticate::Caller;
use crate::bulk_filter::{BulkFilter, States, read_filter, take_filter};
use crate::problem::{Answer, Problem};
use crate::read_body::{JsonBody, PathId};
use crate::read_fields::Fields;
use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use paybell_delivery::State::{Pending, Undelivered};
use paybell_store::manage::{BulkAct, BulkKind};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Who settles, why, and which deliveries.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes for the OpenAPI document what Fields reads")]
pub(crate) struct BulkSettlementRequest {
    /// Who settles them.
    #[schema(min_length = 1, max_length = 128)]
    who: String,
    /// Why, or how the merchants were told instead.
    #[schema(min_length = 1, max_length = 1024)]
    note: String,
    /// At least one of its members must be given, so that nobody settles everything by mistake.
    filter: BulkFilter,
}

/// A bulk settlement and how far it is.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkSettlement)]
pub(crate) struct BulkSettlementBody {
    id: Uuid,
    /// Who settles.
    who: String,
    /// Why.
    note: String,
    filter: BulkFilter,
    /// How many deliveries matched when it began.
    total: u64,
    /// How many were settled.
    settled: u64,
    /// How many were passed over, as they were delivered or settled meanwhile; known at the end.
    skipped: u64,
    /// Who asked for it.
    actor: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was done; `null` while it is under way.
    #[schema(format = DateTime)]
    finished_at: Option<String>,
}

impl BulkSettlementBody {
    /// Nothing for an act of another kind.
    fn of(act: BulkAct) -> Option<Self> {
        let BulkKind::Settle { who, note } = act.kind else { return None };
        Some(Self {
            id: act.id,
            who,
            note,
            filter: act.filter.into(),
            total: act.total,
            settled: act.done,
            skipped: act.skipped,
            actor: act.actor,
            created_at: act.created_at.to_rfc3339(),
            finished_at: act.finished_at.map(|at| at.to_rfc3339()),
        })
    }
}

const STATES: States = States(&[Pending, Undelivered], "must be pending or undelivered");

/// Settle all deliveries that match.
///
/// Those that are undelivered, or with `"state": "pending"` those that still wait. It is done in the background;
/// `GET /v1/bulk-settlements/{id}` tells how far it is.
#[utoipa::path(post, path = "/v1/bulk-settlements", tag = "acts", request_body = BulkSettlementRequest,
    responses((status = 202, description = "Begun", body = BulkSettlementBody)))]
pub(crate) async fn create_bulk_settlement(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    JsonBody(json): JsonBody,
) -> Answer<(StatusCode, Json<BulkSettlementBody>)> {
    let mut fields = Fields::read(&json, &["who", "note", "filter"])?;
    let who = fields.text("who", 1..=128);
    let who = fields.required("who", who);
    let note = fields.text("note", 1..=1024);
    let note = fields.required("note", note);
    let filter = take_filter(&mut fields);
    let ((who, note), filter) = fields.finish_with(who.zip(note).zip(filter))?;
    let mut filter = read_filter(filter, &STATES)?;
    filter.state = filter.state.or(Some(Undelivered));
    let kind = BulkKind::Settle { who: who.into(), note: note.into() };
    let actor = caller.at(api.state.clock.now());
    let act = api.ledger().create_bulk_act(Uuid::now_v7(), &kind, &filter, &actor).await?;
    let body = BulkSettlementBody::of(act).ok_or_else(Problem::internal)?;
    Ok((StatusCode::ACCEPTED, Json(body)))
}

/// A bulk settlement and how far it is.
#[utoipa::path(get, path = "/v1/bulk-settlements/{id}", tag = "state",
    params(("id" = Uuid, Path, description = "The bulk settlement")),
    responses((status = 200, description = "How far it is", body = BulkSettlementBody)))]
pub(crate) async fn read_bulk_settlement(
    State(api): State<Api>,
    PathId(id): PathId<Uuid>,
) -> Answer<Json<BulkSettlementBody>> {
    let body = api.ledger().bulk_act(id).await?.and_then(BulkSettlementBody::of);
    body.map(Json).ok_or_else(|| Problem::not_found(format!("there is no bulk settlement {id}")))
}
