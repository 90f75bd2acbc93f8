//! `POST /v1/bulk-resends` and `GET /v1/bulk-resends/{id}`: resends of many deliveries, as a job with its progress.

use crate::Api;
use crate::authenticate::Caller;
use crate::bulk_filter::{BulkFilter, States, read_filter, take_filter};
use crate::problem::{Answer, Problem};
use crate::read_body::{JsonBody, PathId};
use crate::read_fields::Fields;
use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use paybell_delivery::State::{Settled, Undelivered};
use paybell_store::manage::{BulkAct, BulkKind};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Which deliveries to resend.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes for the OpenAPI document what Fields reads")]
pub(crate) struct BulkResendRequest {
    /// At least one of its members must be given, so that nobody resends everything by mistake.
    filter: BulkFilter,
}

/// A bulk resend and how far it is.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkResend)]
pub(crate) struct BulkResendBody {
    id: Uuid,
    filter: BulkFilter,
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

impl From<BulkAct> for BulkResendBody {
    fn from(act: BulkAct) -> Self {
        Self {
            id: act.id,
            filter: act.filter.into(),
            total: act.total,
            resent: act.done,
            skipped: act.skipped,
            actor: act.actor,
            created_at: act.created_at.to_rfc3339(),
            finished_at: act.finished_at.map(|at| at.to_rfc3339()),
        }
    }
}

const STATES: States = States(&[Undelivered, Settled], "must be undelivered or settled");

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
    let filter = take_filter(&mut fields);
    let filter = read_filter(fields.finish_with(filter)?, &STATES)?;
    let actor = caller.at(api.state.clock.now());
    let act = api.ledger().create_bulk_act(Uuid::now_v7(), &BulkKind::Resend, &filter, &actor).await?;
    Ok((StatusCode::ACCEPTED, Json(act.into())))
}

/// A bulk resend and how far it is.
#[utoipa::path(get, path = "/v1/bulk-resends/{id}", tag = "state",
    params(("id" = Uuid, Path, description = "The bulk resend")),
    responses((status = 200, description = "How far it is", body = BulkResendBody)))]
pub(crate) async fn read_bulk_resend(State(api): State<Api>, PathId(id): PathId<Uuid>) -> Answer<Json<BulkResendBody>> {
    match api.ledger().bulk_act(id).await? {
        Some(act) if act.kind == BulkKind::Resend => Ok(Json(act.into())),
        Some(_) | None => Err(Problem::not_found(format!("there is no bulk resend {id}"))),
    }
}
