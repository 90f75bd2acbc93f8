//! `/keys`: the API's keys. A new one is shown once.

use crate::Pages;
use crate::failure::{Answer, Failure};
use crate::form::Form;
use crate::page::{Frame, done, show};
use crate::say::moment;
use crate::visit::{Acting, Visit};
use askama::Template;
use axum::extract::{Path, State};
use paybell_store::manage::{Actor, KeyRole};
use uuid::Uuid;

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    page: Frame,
    rows: Vec<Row>,
    new: Option<String>,
}

struct Row {
    id: String,
    name: String,
    role: &'static str,
    made: String,
    revoked: Option<String>,
}

/// `GET /keys`.
pub(crate) async fn list(State(pages): State<Pages>, visit: Visit) -> Answer {
    keys(&pages, &visit, None).await
}

/// `POST /keys`.
pub(crate) async fn create(State(pages): State<Pages>, Acting(visit): Acting, form: Form) -> Answer {
    let role = match form.get("role") {
        Some("gateway") => KeyRole::Gateway,
        Some("operator") => KeyRole::Operator,
        _ => return Err(Failure::Malformed),
    };
    let name = form.get("name").filter(|name| name.chars().count() <= 100).ok_or(Failure::Malformed)?;
    let (key, record) = (pages.dashboard.new_key)(role, name, visit.now);
    pages.ledger().create_key(&record, &actor(&visit)).await?;
    keys(&pages, &visit, Some(key)).await
}

/// `POST /keys/{id}/revoke`.
pub(crate) async fn revoke(State(pages): State<Pages>, Acting(visit): Acting, Path(id): Path<Uuid>) -> Answer {
    pages.ledger().revoke_key(id, &actor(&visit)).await?;
    Ok(done("/keys"))
}

async fn keys(pages: &Pages, visit: &Visit, new: Option<String>) -> Answer {
    let keys = pages.ledger().keys().await?;
    let rows = keys.into_iter().map(|key| Row {
        id: key.id.to_string(),
        name: key.name,
        role: match key.role {
            KeyRole::Gateway => "gateway",
            KeyRole::Operator => "operator",
        },
        made: moment(key.created_at),
        revoked: key.revoked_at.map(moment),
    });
    show(&KeysPage { page: Frame::of(visit, visit.l.nav_keys()), rows: rows.collect(), new })
}

/// The visitor, for the audit.
pub(super) fn actor(visit: &Visit) -> Actor {
    Actor { name: visit.session.name.clone(), now: visit.now }
}
