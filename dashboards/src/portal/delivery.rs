//! `/portal/deliveries/{id}`: a payment's facts, the life of its notification, and the request as it is sent.

use super::visit::PortalVisit;
use crate::Pages;
use crate::describe_payment::{RequestShown, Sibling, facts, siblings, title};
use crate::failure::Answer;
use crate::page::{Frame, show};
use crate::texts::Lang;
use crate::timeline::Timeline;
use askama::Template;
use axum::extract::{Path, State as Extract};
use paybell_delivery::{Delivery, State};
use paybell_store::manage::DeliveryView;

#[derive(Template)]
#[template(path = "portal_delivery.html")]
struct DeliveryPage {
    page: Frame,
    id: String,
    state: &'static str,
    state_word: &'static str,
    verdict: String,
    detail: String,
    facts: Vec<(&'static str, String)>,
    siblings: Vec<Sibling>,
    timeline: Timeline,
    request: Option<RequestShown>,
    may_resend: bool,
    may_settle: bool,
}

/// `GET /portal/deliveries/{id}`.
pub(crate) async fn delivery(Extract(pages): Extract<Pages>, visit: PortalVisit, Path(id): Path<String>) -> Answer {
    let l = visit.l;
    let view = pages.own_delivery(&visit, &id).await?;
    let delivery = &view.delivery;
    let endpoint = pages.ledger().endpoint_for_attempt(delivery.endpoint_id).await?.endpoint;
    let of_payment = pages.ledger().payment(view.payment.id).await?;
    let all = of_payment.map(|payment| payment.deliveries).unwrap_or_default();
    let (verdict, detail) = verdict(l, &view);
    let mut facts = facts(l, &view.payment);
    facts.push((l.endpoint(), endpoint.url));
    show(&DeliveryPage {
        id: delivery.id.to_string(),
        state: delivery.state.as_str(),
        state_word: l.portal_state_word(delivery.state),
        verdict,
        detail,
        facts,
        siblings: siblings(&all, delivery.id, "/portal/deliveries/", |state| l.portal_state_word(state)),
        timeline: Timeline::of(l, &view, &visit.query(), visit.now),
        request: pages.request_of(&visit.name(), delivery.id).await,
        may_resend: visit.rights.resend && may_be_resent(delivery) && endpoint.deleted_at.is_none(),
        may_settle: visit.rights.settle && may_be_settled(delivery),
        page: visit.frame(&pages, &title(l, &view.payment)).refused(visit.query().get("refused").map(str::to_owned)),
    })
}

pub(crate) fn may_be_resent(delivery: &Delivery) -> bool {
    delivery.state != State::Pending
}

pub(crate) fn may_be_settled(delivery: &Delivery) -> bool {
    matches!(delivery.state, State::Pending | State::Undelivered)
}

/// What the last attempt came to, said to the merchant; and the rule that decided.
fn verdict(l: Lang, view: &DeliveryView) -> (String, String) {
    match view.attempts.last() {
        None => (l.portal_not_sent_yet().to_owned(), String::new()),
        Some(last) => (l.portal_outcome(last.outcome).to_owned(), last.detail.clone()),
    }
}
