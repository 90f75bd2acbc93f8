//! `/undelivered`: the queue of what needs a person: why, who looks after it, the money; settled or resent one by one or
//! together; and as CSV.

mod act;
mod csv;

use crate::bulk::BulkForm;
use crate::deliveries::{Filter, ListedDelivery, next_page};
use crate::failure::{Answer, Failure};
use crate::fresh::Kept;
use crate::page::{Frame, show_many};
use crate::visit::Visit;
use crate::{Pages, Served};
use askama::Template;
use axum::Router;
use axum::extract::State as Extract;
use axum::routing::{get, post};
use paybell_delivery::{Reason, State};
use paybell_store::manage::{DeliveryFilter, DeliveryRow, Page, PageRequest, Sum};
use std::sync::Arc;
use std::time::Duration;

const ON_A_PAGE: u32 = 50;

/// Lists with their sums, by their filter and the page.
pub(crate) type KeptLists = Kept<(DeliveryFilter, PageRequest), (Page<DeliveryRow>, Sum)>;

pub(crate) fn routes() -> Router<Pages> {
    Router::new()
        .route("/undelivered", get(undelivered))
        .route("/undelivered/act", post(act::act))
        .route("/undelivered.csv", get(csv::csv))
}

#[derive(Template)]
#[template(path = "undelivered.html")]
struct UndeliveredPage {
    page: Frame,
    filter: Filter,
    reasons: Vec<(&'static str, &'static str)>,
    count: String,
    money: String,
    rows: Vec<ListedDelivery>,
    next: Option<String>,
    newest: Option<String>,
    bulk: BulkForm,
    csv: String,
    here: String,
}

/// `GET /undelivered`.
async fn undelivered(Extract(pages): Extract<Pages>, visit: Visit) -> Answer {
    show_many(&pages, &visit, make(&pages, &visit)).await
}

async fn make(pages: &Served, visit: &Visit) -> Result<UndeliveredPage, Failure> {
    let (l, now) = (visit.l, visit.now);
    let filter = Filter::read(visit.query());
    let after = filter.form.get("after").map(str::to_owned);
    let here = format!("/undelivered?{}", filter.form.query_without(&["after", "done", "refused"]));
    let means = only_undelivered(&filter.means);
    let read = match &filter.wrong {
        Some(_) => Arc::new((Page { items: Vec::new(), next: None }, Sum::default())),
        None => {
            let request = PageRequest { limit: ON_A_PAGE, after: after.clone() };
            let key = (means.clone(), request.clone());
            let (ledger, means) = (pages.ledger(), &means);
            let read = async { Ok(tokio::try_join!(ledger.deliveries(means, &request), ledger.sum_up(means))?) };
            pages.undelivered.get(key, pages.acts(), Duration::ZERO, read).await?
        }
    };
    let (found, sum) = &*read;
    let refused = filter.wrong.clone().or_else(|| filter.form.get("refused").map(str::to_owned));
    Ok(UndeliveredPage {
        page: Frame::of_many(visit, l.nav_undelivered()).refused(refused),
        reasons: Reason::ALL.iter().map(|reason| (reason.as_str(), l.reason_words(*reason))).collect(),
        count: l.count(sum),
        money: l.moneys(sum),
        rows: found.items.iter().map(|row| ListedDelivery::of(l, row, now)).collect(),
        next: found.next.as_ref().map(|next| next_page("/undelivered", &filter.form, next)),
        newest: after.is_some().then(|| here.clone()),
        bulk: BulkForm::of(&filter.form, "undelivered"),
        csv: format!("/undelivered.csv?{}", filter.form.query_without(&["after", "done", "refused"])),
        here,
        filter,
    })
}

/// The same filter for what is undelivered.
fn only_undelivered(filter: &DeliveryFilter) -> DeliveryFilter {
    DeliveryFilter { state: Some(State::Undelivered), ..filter.clone() }
}
