//! `/audit`: what people did, the newest first; of one subject, when an id is given.

use crate::Pages;
use crate::deliveries::next_page;
use crate::endpoints::Happened;
use crate::failure::Answer;
use crate::page::{Frame, show};
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use paybell_store::manage::{AuditFilter, PageRequest};

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    page: Frame,
    subject: String,
    rows: Vec<(Happened, String)>,
    next: Option<String>,
}

/// `GET /audit`.
pub(crate) async fn audit(State(pages): State<Pages>, visit: Visit) -> Answer {
    let query = visit.query();
    let filter = AuditFilter { subject: query.get("subject").map(str::to_owned) };
    let request = PageRequest { limit: 100, after: query.get("after").map(str::to_owned) };
    let found = pages.ledger().audit(&filter, &request).await?;
    show(&AuditPage {
        page: Frame::of(&visit, visit.l.nav_audit()),
        subject: filter.subject.unwrap_or_default(),
        rows: found.items.iter().map(|row| (Happened::from(row), row.subject.clone())).collect(),
        next: found.next.map(|next| next_page("/audit", &query, &next)),
    })
}
