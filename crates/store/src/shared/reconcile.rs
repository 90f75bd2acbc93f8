//! Where each payment of a merchant stands.

use super::{Builder, This, push_ids, rows};
use crate::Result;
use crate::error::Doing;
use crate::manage::{Page, PageRequest, ReconciledPayment, Standing};
use crate::page::{after, id_ceiling, id_floor, page, rows_wanted};
use paybell_delivery::{Delivery, MerchantId, Payment, PaymentId, Timestamp};
use std::collections::HashMap;
use uuid::Uuid;

const ACT: &str = "reconcile payments";

/// From the merchant's index, the oldest first; few rows at its ends are read and passed over by their dates. Rows are
/// compared as that index has them, so that no other can be taken for it.
pub(in super::super) const PAYMENTS: &str = concat!(
    "SELECT ",
    payment_columns!(),
    " FROM payments p
    WHERE (p.merchant_id, p.id) > ($1, $2) AND (p.merchant_id, p.id) < ($1, $3) AND p.accepted_at >= $4
        AND p.accepted_at < $5
    ORDER BY p.merchant_id, p.id LIMIT $6"
);

pub(super) async fn list(
    ledger: &This,
    merchant: &MerchantId,
    since: Timestamp,
    before: Timestamp,
    request: &PageRequest,
) -> Result<Page<ReconciledPayment>> {
    let floor = id_floor(since);
    let after = after::<Uuid>(request)?.map_or(floor, |after| after.max(floor));
    let query = sqlx::query(PAYMENTS).bind(merchant.as_str()).bind(after).bind(id_ceiling(before));
    let query = query.bind(since.0).bind(before.0).bind(rows_wanted(request));
    let rows = query.fetch_all(ledger.reader()).await.doing(ACT)?;
    let payments = rows.iter().map(rows::payment).collect::<Result<_>>()?;
    let Page { items, next } = page(payments, request, |payment: &Payment| payment.id);
    let mut deliveries = deliveries_of(ledger, &items).await?;
    let stand = |payment: Payment| {
        let deliveries = deliveries.remove(&payment.id).unwrap_or_default();
        let standing = Standing::of(&deliveries);
        let finished_at = deliveries.iter().filter_map(|delivery| delivery.finished_at).max();
        let finished_at = finished_at.filter(|_| standing != Standing::Waiting);
        ReconciledPayment { payment, standing, finished_at }
    };
    Ok(Page { items: items.into_iter().map(stand).collect(), next })
}

async fn deliveries_of(ledger: &This, payments: &[Payment]) -> Result<HashMap<PaymentId, Vec<Delivery>>> {
    let mut found: HashMap<PaymentId, Vec<Delivery>> = HashMap::with_capacity(payments.len());
    if payments.is_empty() {
        return Ok(found);
    }
    let mut query = Builder::new(concat!("SELECT ", delivery_columns!(), " FROM deliveries d WHERE d.payment_id IN ("));
    let rows = push_ids(&mut query, payments.iter().map(|payment| payment.id.0))
        .build()
        .persistent(false)
        .fetch_all(ledger.reader())
        .await
        .doing(ACT)?;
    for row in &rows {
        let delivery = rows::delivery(row)?;
        found.entry(delivery.payment_id).or_default().push(delivery);
    }
    Ok(found)
}
