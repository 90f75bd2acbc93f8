//! `/portal/deliveries/{id}`: a payment's facts, the life of its notification, and the request as it is sent.

use super::visit::PortalVisit;
use crate::failure::Answer;
use crate::page::{Frame, show};
use crate::say::moment;
use crate::texts::Lang;
use crate::timeline::Timeline;
use crate::{Pages, Served};
use askama::Template;
use axum::extract::{Path, State as Extract};
use axum::http::Method;
use paybell_delivery::{Delivery, DeliveryId, Payment, State};
use paybell_store::manage::DeliveryView;
use serde_json::Value;

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

struct Sibling {
    id: String,
    made: String,
    state: &'static str,
    state_word: &'static str,
    is_here: bool,
}

/// A request as people read it.
pub(crate) struct RequestShown {
    pub(crate) line: String,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl RequestShown {
    /// Of what the API shows of a request.
    pub(crate) fn read(request: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let headers = request["headers"].as_array().into_iter().flatten();
        let lines = headers.map(|header| format!("{}: {}", text(&header["name"]), text(&header["value"])));
        Self {
            line: format!("{} {}", text(&request["method"]), text(&request["url"])),
            headers: lines.collect::<Vec<_>>().join("\n"),
            body: text(&request["body"]),
        }
    }
}

/// `GET /portal/deliveries/{id}`.
pub(crate) async fn delivery(Extract(pages): Extract<Pages>, visit: PortalVisit, Path(id): Path<String>) -> Answer {
    let l = visit.l;
    let view = pages.own_delivery(&visit, &id).await?;
    let delivery = &view.delivery;
    let endpoint = pages.ledger().endpoint_for_attempt(delivery.endpoint_id).await?.endpoint;
    let of_payment = pages.ledger().payment(view.payment.id).await?;
    let siblings = of_payment.map(|payment| payment.deliveries).unwrap_or_default();
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
        siblings: siblings.iter().map(|each| sibling(l, each, delivery.id)).collect(),
        timeline: Timeline::of(l, &view, visit.now),
        request: pages.request_of(&visit, delivery.id).await,
        may_resend: visit.rights.resend && may_be_resent(delivery) && endpoint.deleted_at.is_none(),
        may_settle: visit.rights.settle && may_be_settled(delivery),
        page: visit.frame(&pages, &title(l, &view.payment)).refused(visit.query().get("refused").map(str::to_owned)),
    })
}

impl Served {
    /// The request as the API renders it; a page without it is better than none.
    async fn request_of(&self, visit: &PortalVisit, id: DeliveryId) -> Option<RequestShown> {
        let path = format!("/v1/deliveries/{id}/request");
        let rendered = self.act(&visit.name(), Method::GET, &path, None).await.ok()?.ok()?;
        Some(RequestShown::read(&rendered))
    }
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

/// The payment in a few words.
pub(crate) fn title(l: Lang, payment: &Payment) -> String {
    match &payment.pay_for {
        Some(order) => format!("{} {order}", l.order()),
        None => format!("{} {}", l.payment(), payment.gateway_payment_id),
    }
}

fn facts(l: Lang, payment: &Payment) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        (l.payment(), payment.gateway_payment_id.clone()),
        (l.type_of_payment(), payment.kind.clone()),
        (l.amount(), l.money(payment.amount)),
        (l.confirmed_at(), format!("{} UTC", moment(payment.confirmed_at))),
        (l.accepted_at(), format!("{} UTC", moment(payment.accepted_at))),
    ];
    let optional = [
        (l.order(), payment.pay_for.clone()),
        (l.portal_balance(), payment.balance.map(|balance| l.money(balance))),
        (l.method(), payment.method.clone()),
        (l.description(), payment.description.clone()),
        (l.portal_payer_email(), payment.payer_email.clone()),
        (l.portal_payer_phone(), payment.payer_phone.clone()),
        (l.portal_test(), payment.test.then(|| l.test_payment().to_owned())),
    ];
    facts.extend(optional.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))));
    facts
}

fn sibling(l: Lang, delivery: &Delivery, here: DeliveryId) -> Sibling {
    Sibling {
        id: delivery.id.to_string(),
        made: moment(delivery.created_at),
        state: delivery.state.as_str(),
        state_word: l.portal_state_word(delivery.state),
        is_here: delivery.id == here,
    }
}
