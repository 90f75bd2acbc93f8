//! `/portal`: the merchant's payments with the status of each notification, what waits or failed first as figures.

use super::visit::PortalVisit;
use crate::deliveries::{ListedDelivery, next_page};
use crate::failure::{Answer, Failure};
use crate::form::Form;
use crate::page::{Frame, show};
use crate::{Pages, Served};
use askama::Template;
use axum::extract::State as Extract;
use paybell_delivery::State;
use paybell_store::manage::{DeliveryFilter, DeliveryRow, Page, PageRequest};

/// How many notifications stand on a page.
const ON_A_PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "portal_payments.html")]
struct PaymentsPage {
    page: Frame,
    figures: Vec<Figure>,
    q: String,
    states: Vec<Choice>,
    rows: Vec<ListedDelivery>,
    next: Option<String>,
    newest: Option<String>,
}

struct Figure {
    value: String,
    name: &'static str,
    money: String,
    href: String,
}

struct Choice {
    value: &'static str,
    name: &'static str,
    is_chosen: bool,
}

/// `GET /portal`.
pub(crate) async fn payments(Extract(pages): Extract<Pages>, visit: PortalVisit) -> Answer {
    let (l, now) = (visit.l, visit.now);
    let query = visit.query();
    let state = match query.get("state") {
        Some(word) => Some(word.parse::<State>().map_err(|_| Failure::Malformed)?),
        None => None,
    };
    let (figures, (query, found)) =
        tokio::try_join!(pages.count_open(&visit), pages.find_payments(&visit, query, state))?;
    let is_later = query.get("after").is_some();
    let choice = |each: &State| Choice {
        value: each.as_str(),
        name: l.portal_state_word(*each),
        is_chosen: state == Some(*each),
    };
    let listed = |row: &DeliveryRow| ListedDelivery {
        state_word: l.portal_state_word(row.delivery.state),
        ..ListedDelivery::of(l, row, now)
    };
    show(&PaymentsPage {
        page: visit.frame(&pages, l.portal_title()),
        figures,
        q: query.get("q").unwrap_or_default().to_owned(),
        states: State::ALL.iter().map(choice).collect(),
        rows: found.items.iter().map(listed).collect(),
        newest: is_later.then(|| format!("/portal?{}", query.query_without(&["after", "by", "done"]))),
        next: found.next.map(|next| next_page("/portal", &query, &next)),
    })
}

impl Served {
    /// What waits, and what was not delivered.
    async fn count_open(&self, visit: &PortalVisit) -> Result<Vec<Figure>, Failure> {
        let figure = async |state: State| {
            let sum = self.sum_up(&of(visit, Some(state))).await?;
            Ok::<_, Failure>(Figure {
                value: visit.l.count(&sum),
                name: visit.l.portal_state_word(state),
                money: visit.l.moneys(&sum),
                href: format!("/portal?state={}", state.as_str()),
            })
        };
        let (waiting, undelivered) = tokio::try_join!(figure(State::Pending), figure(State::Undelivered))?;
        Ok(vec![waiting, undelivered])
    }

    /// The page of notifications that the address asks for: what is searched is a payment's id, or else an order reference.
    /// The query that is answered says which of them it was, so that the next page goes on with it.
    async fn find_payments(
        &self,
        visit: &PortalVisit,
        query: Form,
        state: Option<State>,
    ) -> Result<(Form, Page<DeliveryRow>), Failure> {
        let request = PageRequest { limit: ON_A_PAGE, after: query.get("after").map(str::to_owned) };
        let q = query.get("q").map(str::to_owned);
        let by_order = query.get("by") == Some("order");
        let by_payment = DeliveryFilter { gateway_payment_id: q.clone(), ..of(visit, state) };
        if q.is_none() || !by_order {
            let found = self.ledger().deliveries(&by_payment, &request).await?;
            if q.is_none() || !found.items.is_empty() || found.next.is_some() {
                return Ok((query, found));
            }
        }
        let filter = DeliveryFilter { pay_for: q, ..of(visit, state) };
        let found = self.ledger().deliveries(&filter, &request).await?;
        let query = if by_order { query } else { query.with("by", "order") };
        Ok((query, found))
    }
}

fn of(visit: &PortalVisit, state: Option<State>) -> DeliveryFilter {
    DeliveryFilter { merchant_id: Some(visit.merchant_id.clone()), state, ..DeliveryFilter::default() }
}
