//! `GET /v1/audit`: what people and their programs did, for operators.

use crate::Api;
use crate::problem::Answer;
use crate::read_query::{List, PageParameters, Parameters};
use axum::Json;
use axum::extract::State;
use http::Uri;
use paybell_store::manage::{AuditFilter, AuditRow};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
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

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it only describes the parameters that are read below")]
struct AuditParameters {
    /// Done to this: the id of a delivery, an endpoint, a merchant, a key and so on.
    subject: Option<String>,
}

/// What was done, the newest first.
#[utoipa::path(get, path = "/v1/audit", tag = "state", params(AuditParameters, PageParameters),
    responses((status = 200, description = "A part of the list", body = List<AuditItem>)))]
pub(crate) async fn read_audit(State(api): State<Api>, uri: Uri) -> Answer<Json<List<AuditItem>>> {
    let mut query = Parameters::read(&uri, &["subject"])?;
    let filter = AuditFilter { subject: query.text("subject") };
    let page = query.page();
    query.finish()?;
    List::of(api.ledger().audit(&filter, &page).await, AuditItem::from)
}
