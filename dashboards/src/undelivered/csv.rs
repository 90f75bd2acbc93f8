//! `/undelivered.csv`: what is undelivered, with a filter, page by page.

use super::only_undelivered;
use crate::Pages;
use crate::csv::{row, stream};
use crate::deliveries::Filter;
use crate::failure::{Answer, Failure};
use crate::visit::Visit;
use axum::extract::State as Extract;
use paybell_delivery::Reason;
use paybell_store::manage::DeliveryRow;

const HEAD: &[&str] = &[
    "delivery",
    "merchant",
    "endpoint",
    "payment",
    "order",
    "amount_minor",
    "currency",
    "reason",
    "attempts",
    "accepted_at",
    "finished_at",
    "owner",
    "note",
];

/// `GET /undelivered.csv`.
pub(crate) async fn csv(Extract(pages): Extract<Pages>, visit: Visit) -> Answer {
    let filter = Filter::read(visit.query());
    if filter.wrong.is_some() {
        return Err(Failure::Malformed);
    }
    let means = only_undelivered(&filter.means);
    Ok(stream("undelivered.csv", row(HEAD), move |page| {
        let (pages, means) = (pages.clone(), means.clone());
        async move {
            let found = pages.ledger().deliveries(&means, &page).await?;
            Ok((found.items.iter().map(|found| row(&cells(found))).collect(), found.next))
        }
    }))
}

fn cells(row: &DeliveryRow) -> Vec<String> {
    let delivery = &row.delivery;
    let follow_up = row.follow_up.as_ref();
    vec![
        delivery.id.to_string(),
        row.merchant_id.to_string(),
        delivery.endpoint_id.to_string(),
        row.gateway_payment_id.clone(),
        row.pay_for.clone().unwrap_or_default(),
        row.amount.amount_minor.to_string(),
        row.amount.currency.to_string(),
        delivery.reason.map_or("", Reason::as_str).to_owned(),
        delivery.attempts.to_string(),
        delivery.created_at.to_rfc3339(),
        delivery.finished_at.map(|at| at.to_rfc3339()).unwrap_or_default(),
        follow_up.and_then(|is| is.owner.clone()).unwrap_or_default(),
        follow_up.map(|is| is.note.clone()).unwrap_or_default(),
    ]
}
