//! What a merchant does to one of its notifications: have it sent again, settle it by hand; each after a question.

use super::delivery::{may_be_resent, may_be_settled};
use super::visit::{PortalVisit, must};
use crate::Pages;
use crate::describe_payment::title;
use crate::failure::Answer;
use crate::form::Form;
use crate::page::{Frame, done, show};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use paybell_store::manage::DeliveryView;
use serde_json::json;

/// A question before an act.
#[derive(Template)]
#[template(path = "portal_confirm.html")]
struct ConfirmPage {
    page: Frame,
    words: &'static str,
    facts: Vec<(&'static str, String)>,
    action: String,
    button: &'static str,
    /// What was noted, where a note is asked for.
    note: Option<String>,
    back: String,
}

/// `GET /portal/deliveries/{id}/resend`.
pub(crate) async fn confirm_resend(State(pages): State<Pages>, visit: PortalVisit, Path(id): Path<String>) -> Answer {
    must(visit.rights.resend)?;
    let view = pages.own_delivery(&visit, &id).await?;
    show(&ask_to_resend(&pages, &visit, &view, None))
}

/// `POST /portal/deliveries/{id}/resend`: goes on to the new delivery.
pub(crate) async fn resend(State(pages): State<Pages>, visit: PortalVisit, Path(id): Path<String>) -> Answer {
    must(visit.rights.resend)?;
    let view = pages.own_delivery(&visit, &id).await?;
    let path = format!("/v1/deliveries/{}/resend", view.delivery.id);
    match pages.post(&visit.name(), &path, &json!({})).await? {
        Ok(resent) => Ok(done(&format!("/portal/deliveries/{}", resent["id"].as_str().unwrap_or_default()))),
        Err(refusal) => refused(&ask_to_resend(&pages, &visit, &view, Some(refusal.in_words()))),
    }
}

/// `GET /portal/deliveries/{id}/settle`.
pub(crate) async fn confirm_settle(State(pages): State<Pages>, visit: PortalVisit, Path(id): Path<String>) -> Answer {
    must(visit.rights.settle)?;
    let view = pages.own_delivery(&visit, &id).await?;
    let note = visit.l.portal_settle_note().to_owned();
    show(&ask_to_settle(&pages, &visit, &view, note, None))
}

/// `POST /portal/deliveries/{id}/settle`.
pub(crate) async fn settle(
    State(pages): State<Pages>,
    visit: PortalVisit,
    Path(id): Path<String>,
    form: Form,
) -> Answer {
    must(visit.rights.settle)?;
    let view = pages.own_delivery(&visit, &id).await?;
    let id = view.delivery.id;
    let body = json!({ "who": visit.merchant_id.as_str(), "note": form.get("note") });
    match pages.post(&visit.name(), &format!("/v1/deliveries/{id}/settle"), &body).await? {
        Ok(_) => Ok(done(&format!("/portal/deliveries/{id}"))),
        Err(refusal) => {
            let note = form.get("note").unwrap_or_default().to_owned();
            refused(&ask_to_settle(&pages, &visit, &view, note, Some(refusal.in_words())))
        }
    }
}

/// The question again, with the reason why the act was not done.
fn refused(page: &ConfirmPage) -> Answer {
    let mut response: Response = show(page)?;
    *response.status_mut() = StatusCode::CONFLICT;
    Ok(response)
}

fn ask_to_resend(pages: &Pages, visit: &PortalVisit, view: &DeliveryView, why_not: Option<String>) -> ConfirmPage {
    let l = visit.l;
    let why_not = why_not.or_else(|| (!may_be_resent(&view.delivery)).then(|| l.portal_still_waits().to_owned()));
    ConfirmPage { words: l.portal_resend_words(), ..ask(pages, visit, view, "resend", l.resend(), None, why_not) }
}

fn ask_to_settle(
    pages: &Pages,
    visit: &PortalVisit,
    view: &DeliveryView,
    note: String,
    why_not: Option<String>,
) -> ConfirmPage {
    let l = visit.l;
    let why_not = why_not.or_else(|| (!may_be_settled(&view.delivery)).then(|| l.portal_is_final().to_owned()));
    let page = ask(pages, visit, view, "settle", l.portal_settle(), Some(note), why_not);
    ConfirmPage { words: l.portal_settle_words(), ..page }
}

fn ask(
    pages: &Pages,
    visit: &PortalVisit,
    view: &DeliveryView,
    act: &str,
    button: &'static str,
    note: Option<String>,
    why_not: Option<String>,
) -> ConfirmPage {
    let (l, payment) = (visit.l, &view.payment);
    let back = format!("/portal/deliveries/{}", view.delivery.id);
    ConfirmPage {
        page: visit.frame(pages, &format!("{button}: {}", title(l, payment))).refused(why_not),
        words: "",
        facts: vec![
            (l.payment(), payment.gateway_payment_id.clone()),
            (l.amount(), l.money(payment.amount)),
            (l.state(), l.portal_state_word(view.delivery.state).to_owned()),
        ],
        action: format!("{back}/{act}"),
        button,
        note,
        back,
    }
}
