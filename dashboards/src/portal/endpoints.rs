//! `/portal/endpoints`: where the merchant is told, and how each address does.

use super::visit::PortalVisit;
use crate::Pages;
use crate::deliveries::next_page;
use crate::failure::Answer;
use crate::page::{Frame, show};
use crate::texts::Lang;
use askama::Template;
use axum::extract::State;
use paybell_delivery::{Endpoint, Timestamp};
use paybell_store::manage::PageRequest;

const ON_A_PAGE: u32 = 100;

#[derive(Template)]
#[template(path = "portal_endpoints.html")]
struct EndpointsPage {
    page: Frame,
    rows: Vec<Listed>,
    next: Option<String>,
}

struct Listed {
    id: String,
    url: String,
    dialect: String,
    mark: &'static str,
    health: String,
}

/// `GET /portal/endpoints`.
pub(crate) async fn endpoints(State(pages): State<Pages>, visit: PortalVisit) -> Answer {
    let (l, query) = (visit.l, visit.query());
    let request = PageRequest { limit: ON_A_PAGE, after: query.get("after").map(str::to_owned) };
    let found = pages.ledger().endpoints(Some(&visit.merchant_id), &request).await?;
    let listed = |endpoint: &Endpoint| {
        let (mark, health) = health(l, endpoint, visit.now);
        let (id, url, dialect) = (endpoint.id.to_string(), endpoint.url.clone(), endpoint.dialect.clone());
        Listed { id, url, dialect, mark, health }
    };
    show(&EndpointsPage {
        page: visit.frame(&pages, l.nav_endpoints()),
        rows: found.items.iter().map(listed).collect(),
        next: found.next.map(|next| next_page("/portal/endpoints", &query, &next)),
    })
}

/// An endpoint's health in words for its merchant, with the mark that it is drawn with. Who of the gateway paused it is
/// none of the merchant's business.
pub(crate) fn health(l: Lang, endpoint: &Endpoint, now: Timestamp) -> (&'static str, String) {
    match (&endpoint.pause, &endpoint.failing) {
        (Some(pause), _) => ("wait", format!("{} {}", l.portal_paused(), l.until(pause.at, now))),
        (None, Some(failing)) => {
            let since = l.duration(now.since(failing.since));
            let probe = failing.probe_at.map(|at| format!("; {} {}", l.next_probe(), l.until(at, now)));
            ("bad", format!("{} {since}{}", l.portal_failing(), probe.unwrap_or_default()))
        }
        (None, None) => ("good", l.portal_well().to_owned()),
    }
}
