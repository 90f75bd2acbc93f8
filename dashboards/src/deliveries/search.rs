//! `/search?q=`: what somebody was told on the phone: a payment's id, an order reference, a merchant, an endpoint, a
//! delivery. When there is one only, its page is shown at once.

use super::list::{ListedDelivery, ON_A_PAGE};
use crate::failure::{Answer, Failure};
use crate::page::{Frame, go_to, show};
use crate::visit::Visit;
use crate::{Pages, Served};
use askama::Template;
use axum::extract::State;
use paybell_delivery::{DeliveryId, EndpointId, MerchantId, PaymentId};
use paybell_store::manage::{DeliveryFilter, DeliveryRow, PageRequest};

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    page: Frame,
    q: String,
    merchant: Option<String>,
    rows: Vec<ListedDelivery>,
}

/// `GET /search`.
pub(crate) async fn search(State(pages): State<Pages>, visit: Visit) -> Answer {
    let query = visit.query();
    let q = query.get("q").unwrap_or_default();
    if let Some(path) = pages.by_id(&visit, q).await? {
        return Ok(go_to(&path));
    }
    let merchant = match MerchantId::new(q) {
        Some(id) => pages.ledger().merchant(&id).await?.map(|merchant| merchant.id.to_string()),
        None => None,
    };
    let found = pages.by_reference(q).await?;
    match (&merchant, found.as_slice()) {
        (None, [only]) => return Ok(go_to(&format!("/deliveries/{}", only.delivery.id))),
        (Some(merchant), []) => return Ok(go_to(&format!("/merchants/{merchant}"))),
        _ => {}
    }
    let rows = found.iter().map(|row| ListedDelivery::of(visit.l, row, visit.now)).collect();
    show(&SearchPage { page: Frame::of(&visit, visit.l.search_result()), q: q.to_owned(), merchant, rows })
}

impl Served {
    /// The page of what has this id of Paybell's.
    async fn by_id(&self, visit: &Visit, q: &str) -> Result<Option<String>, Failure> {
        let ledger = self.ledger();
        if let Ok(id) = q.parse::<DeliveryId>()
            && ledger.delivery(id, visit.now).await?.is_some()
        {
            return Ok(Some(format!("/deliveries/{id}")));
        }
        if let Ok(id) = q.parse::<EndpointId>()
            && ledger.endpoint(id).await?.is_some()
        {
            return Ok(Some(format!("/endpoints/{id}")));
        }
        let Ok(id) = q.parse::<PaymentId>() else { return Ok(None) };
        let payment = ledger.payment(id).await?;
        Ok(payment.and_then(|payment| payment.deliveries.last().map(|last| format!("/deliveries/{}", last.id))))
    }

    /// The deliveries of payments with this order reference or this id of the gateway's own.
    async fn by_reference(&self, q: &str) -> Result<Vec<DeliveryRow>, Failure> {
        if q.is_empty() {
            return Ok(Vec::new());
        }
        let request = PageRequest { limit: ON_A_PAGE, after: None };
        let by_order = DeliveryFilter { pay_for: Some(q.to_owned()), ..DeliveryFilter::default() };
        let by_payment = DeliveryFilter { gateway_payment_id: Some(q.to_owned()), ..DeliveryFilter::default() };
        let mut found = self.ledger().deliveries(&by_order, &request).await?.items;
        for row in self.ledger().deliveries(&by_payment, &request).await?.items {
            if !found.iter().any(|is| is.delivery.id == row.delivery.id) {
                found.push(row);
            }
        }
        Ok(found)
    }
}
