//! `GET /v1/audit`: what people and their programs did, for operators.

use crate::Api;
use crate::problem::Answer;
use crate::read_query::{List, PageParameters, Parameters};
use axum::Json;
use axum::extract::State;
use http::Uri;
use paybell_store::manage::AuditRow;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// One act of a person or their program.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditItem {
    id: Uuid,
    #[schema(format = DateTime)]
    at: String,
    /// Who: a key's name, or `command line`.
    actor: String,
    /// What, such as `endpoint.pause`.
    action: String,
    /// To what: an id.
    subject: String,
    /// Details in words.
    detail: String,
}

impl From<AuditRow> for AuditItem {
    fn from(row: AuditRow) -> Self {
        let AuditRow { id, at, actor, action, subject, detail } = row;
        Self { id, at: at.to_rfc3339(), actor, action, subject, detail }
    }
}

/// What was done, the newest first.
#[utoipa::path(get, path = "/v1/audit", tag = "state", params(PageParameters),
    responses((status = 200, description = "A part of the list", body = List<AuditItem>)))]
pub(crate) async fn read_audit(State(api): State<Api>, uri: Uri) -> Answer<Json<List<AuditItem>>> {
    let mut query = Parameters::read(&uri, &[])?;
    let page = query.page();
    query.finish()?;
    List::of(api.ledger().audit(&page).await, AuditItem::from)
}
