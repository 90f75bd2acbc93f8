//! `/people`: operators and all open sessions.

use super::keys::actor;
use crate::failure::{Answer, Failure};
use crate::form::Form;
use crate::page::{Frame, done, show};
use crate::password::PasswordError;
use crate::say::moment;
use crate::visit::{Acting, Visit};
use crate::{Pages, password};
use askama::Template;
use axum::extract::{Path, State};
use paybell_store::manage::{Operator, OperatorRole, Visitor};
use uuid::Uuid;

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    page: Frame,
    operators: Vec<(String, &'static str, String)>,
    sessions: Vec<OpenSession>,
}

struct OpenSession {
    id: String,
    name: String,
    role: String,
    began: String,
    ends: String,
    is_own: bool,
}

/// `GET /people`.
pub(crate) async fn people(State(pages): State<Pages>, visit: Visit) -> Answer {
    let refused = visit.query().get("refused").map(str::to_owned);
    read(&pages, &visit, refused).await
}

/// `POST /people`: adds an operator, or changes one.
pub(crate) async fn put(State(pages): State<Pages>, Acting(visit): Acting, form: Form) -> Answer {
    let role = match form.get("role") {
        Some("viewer") => OperatorRole::Viewer,
        Some("operator") => OperatorRole::Operator,
        _ => return Err(Failure::Malformed),
    };
    let name = form.get("name").filter(|name| name.chars().count() <= 100).ok_or(Failure::Malformed)?.to_owned();
    let given = form.get("password").unwrap_or_default().to_owned();
    let hashed = tokio::task::spawn_blocking(move || password::hash(&given)).await;
    let password_hash = match hashed.map_err(|error| Failure::internal(&error))? {
        Ok(hash) => hash,
        Err(PasswordError::Length) => return read(&pages, &visit, Some(visit.l.password_rule().to_owned())).await,
        Err(error) => return Err(Failure::internal(&error)),
    };
    let (created_at, updated_at) = (visit.now, visit.now);
    let operator = Operator { name, role, password_hash, created_at, updated_at, removed_at: None };
    pages.ledger().put_operator(&operator, &actor(&visit)).await?;
    Ok(done("/people"))
}

/// `POST /people/remove`.
pub(crate) async fn remove(State(pages): State<Pages>, Acting(visit): Acting, form: Form) -> Answer {
    pages.ledger().remove_operator(form.get("name").ok_or(Failure::Malformed)?, &actor(&visit)).await?;
    Ok(done("/people"))
}

/// `POST /sessions/{id}/revoke`.
pub(crate) async fn revoke(State(pages): State<Pages>, Acting(visit): Acting, Path(id): Path<Uuid>) -> Answer {
    pages.ledger().revoke_session(id, &actor(&visit)).await?;
    Ok(done("/people"))
}

async fn read(pages: &Pages, visit: &Visit, refused: Option<String>) -> Answer {
    let operators = pages.ledger().operators().await?;
    let sessions = pages.ledger().sessions(visit.now).await?;
    let page = Frame::of(visit, visit.l.nav_people());
    let page = page.refused(refused);
    let shown = sessions.into_iter().map(|session| OpenSession {
        id: session.id.to_string(),
        role: match &session.visitor {
            Visitor::Operator(role) => role.as_str().to_owned(),
            Visitor::Merchant { merchant_id, .. } => format!("{} {merchant_id}", visit.l.merchant_sessions()),
        },
        began: moment(session.created_at),
        ends: moment(session.ends_at),
        is_own: session.id == visit.session.id,
        name: session.name,
    });
    let rows = operators.into_iter().map(|is| (is.name, is.role.as_str(), moment(is.updated_at)));
    show(&PeoplePage { page, operators: rows.collect(), sessions: shown.collect() })
}
