//! `/bulk/resend/{id}`, `/bulk/settle/{id}`: how far a bulk act is.

use super::What;
use super::preview::title;
use crate::Pages;
use crate::failure::{Answer, Failure};
use crate::page::{Frame, show};
use crate::say::moment;
use crate::visit::Visit;
use askama::Template;
use axum::extract::{Path, State};
use paybell_store::manage::BulkKind;
use uuid::Uuid;

#[derive(Template)]
#[template(path = "bulk_progress.html")]
struct ProgressPage {
    page: Frame,
    is_finished: bool,
    total: u64,
    looked_at: u64,
    done: String,
    skipped: String,
    of: String,
    began: String,
    ended: Option<String>,
    by: String,
}

/// `GET /bulk/{resend or settle}/{id}`.
pub(crate) async fn progress(
    State(pages): State<Pages>,
    visit: Visit,
    Path((word, id)): Path<(String, Uuid)>,
) -> Answer {
    let l = visit.l;
    let act = pages.ledger().bulk_act(id).await?.ok_or(Failure::NotFound)?;
    let what = match act.kind {
        BulkKind::Resend => What::Resend,
        BulkKind::Settle { .. } => What::Settle,
    };
    if word != what.as_str() {
        return Err(Failure::NotFound);
    }
    show(&ProgressPage {
        page: Frame::of(&visit, title(l, what)),
        is_finished: act.finished_at.is_some(),
        total: act.total.max(1),
        looked_at: if act.finished_at.is_some() { act.total.max(1) } else { act.done + act.skipped },
        done: l.number(act.done),
        skipped: l.number(act.skipped),
        of: l.number(act.total),
        began: moment(act.created_at),
        ended: act.finished_at.map(moment),
        by: act.actor,
    })
}
