//! `/deliveries/{id}`: the whole life of a delivery.

use crate::Pages;
use crate::describe_payment::{RequestShown, Sibling, facts, siblings, title};
use crate::failure::{Answer, Failure};
use crate::page::{Frame, show};
use crate::say::moment;
use crate::texts::Lang;
use crate::timeline::Timeline;
use crate::visit::Visit;
use askama::Template;
use axum::extract::{Path, State as Extract};
use paybell_delivery::{Check, DeliveryId, State};
use paybell_store::manage::FollowUp;

#[derive(Template)]
#[template(path = "delivery.html")]
struct DeliveryPage {
    page: Frame,
    id: String,
    state: &'static str,
    state_word: &'static str,
    facts: Vec<(&'static str, String)>,
    merchant: String,
    endpoint: String,
    endpoint_url: String,
    repeats: Option<String>,
    siblings: Vec<Sibling>,
    checks: Vec<CheckedBefore>,
    timeline: Timeline,
    request: Option<RequestShown>,
    may_resend: bool,
    may_settle: bool,
    follow_up: Option<FollowUp>,
    who: String,
}

struct CheckedBefore {
    at: String,
    answer: &'static str,
    reason: String,
    comment: String,
}

/// `GET /deliveries/{id}`.
pub(crate) async fn one(Extract(pages): Extract<Pages>, visit: Visit, Path(id): Path<DeliveryId>) -> Answer {
    let (l, now) = (visit.l, visit.now);
    let view = pages.ledger().delivery(id, now).await?.ok_or(Failure::NotFound)?;
    let of_payment = pages.ledger().payment(view.payment.id).await?.ok_or(Failure::NotFound)?;
    let endpoint = pages.ledger().endpoint_for_attempt(view.delivery.endpoint_id).await?.endpoint;
    let delivery = &view.delivery;
    show(&DeliveryPage {
        id: id.to_string(),
        state: delivery.state.as_str(),
        state_word: l.state_word(delivery.state),
        facts: facts(l, &view.payment),
        merchant: view.payment.merchant_id.to_string(),
        endpoint: endpoint.id.to_string(),
        endpoint_url: endpoint.url,
        repeats: delivery.resend_of.map(|id| id.to_string()),
        siblings: siblings(&of_payment.deliveries, id, "/deliveries/", |state| l.state_word(state)),
        checks: of_payment.checks.iter().map(|check| checked(l, check)).collect(),
        timeline: Timeline::of(l, &view, &visit.query(), now),
        request: pages.request_of(&visit.session.name, id).await,
        may_resend: visit.may_act() && delivery.state != State::Pending && endpoint.deleted_at.is_none(),
        may_settle: visit.may_act() && matches!(delivery.state, State::Pending | State::Undelivered),
        follow_up: view.follow_up.clone(),
        who: visit.session.name.clone(),
        page: Frame::of(&visit, &title(l, &view.payment)).refused(visit.query().get("refused").map(str::to_owned)),
    })
}

fn checked(l: Lang, check: &Check) -> CheckedBefore {
    CheckedBefore {
        at: moment(check.asked_at),
        answer: l.check_words(check.answer),
        reason: check.reason.clone(),
        comment: check.comment.clone().unwrap_or_default(),
    }
}
