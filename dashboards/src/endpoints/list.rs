//! `/endpoints`: those in trouble first, then all, the newest first.

use super::health;
use crate::Pages;
use crate::deliveries::next_page;
use crate::failure::Answer;
use crate::page::{Frame, show};
use crate::texts::Lang;
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use paybell_delivery::{Endpoint, Timestamp};
use paybell_store::manage::PageRequest;

const ON_A_PAGE: u32 = 100;
/// How many endpoints in trouble are shown.
const TROUBLED_MAX: u32 = 100;

#[derive(Template)]
#[template(path = "endpoints.html")]
struct EndpointsPage {
    page: Frame,
    troubled: Vec<Listed>,
    all: Vec<Listed>,
    next: Option<String>,
}

/// An endpoint in a list.
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) merchant: String,
    pub(crate) dialect: String,
    pub(crate) mark: &'static str,
    pub(crate) health: String,
}

impl Listed {
    pub(crate) fn of(l: Lang, endpoint: &Endpoint, now: Timestamp) -> Self {
        let (mark, health) = health(l, endpoint, now);
        Self {
            id: endpoint.id.to_string(),
            url: endpoint.url.clone(),
            merchant: endpoint.merchant_id.to_string(),
            dialect: endpoint.dialect.clone(),
            mark,
            health,
        }
    }
}

/// `GET /endpoints`.
pub(crate) async fn list(State(pages): State<Pages>, visit: Visit) -> Answer {
    let (l, now) = (visit.l, visit.now);
    let query = visit.query();
    let after = query.get("after").map(str::to_owned);
    let troubled = match after {
        None => pages.ledger().troubled_endpoints(TROUBLED_MAX).await?,
        Some(_) => Vec::new(),
    };
    let found = pages.ledger().endpoints(None, &PageRequest { limit: ON_A_PAGE, after }).await?;
    show(&EndpointsPage {
        page: Frame::of(&visit, l.nav_endpoints()),
        troubled: troubled.iter().map(|endpoint| Listed::of(l, endpoint, now)).collect(),
        all: found.items.iter().map(|endpoint| Listed::of(l, endpoint, now)).collect(),
        next: found.next.map(|next| next_page("/endpoints", &query, &next)),
    })
}
