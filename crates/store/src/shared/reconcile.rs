//! Where each payment of a merchant stands.

use super::{Builder, Row, This, push_ids, rows};
use crate::Result;
use crate::error::Doing;
use crate::manage::{Page, PageRequest, ReconciledPayment, Standing};
use crate::page::{after, id_ceiling, id_floor, page, rows_wanted};
use paybell_delivery::{EndpointId, MerchantId, PaymentId, State, Timestamp};
use std::collections::HashMap;
use uuid::Uuid;

const ACT: &str = "reconcile payments";

/// From the merchant's index, the oldest first; few rows at its ends are read and passed over by their dates. Rows are
/// compared as that index has them, so that no other can be taken for it.
pub(in super::super) const PAYMENTS: &str = "
SELECT p.id, p.gateway_payment_id, p.kind, p.pay_for, p.amount_minor, p.currency, p.confirmed_at, p.accepted_at, p.test
FROM payments p
WHERE (p.merchant_id, p.id) > ($1, $2) AND (p.merchant_id, p.id) < ($1, $3) AND p.accepted_at >= $4 AND p.accepted_at < $5
ORDER BY p.merchant_id, p.id LIMIT $6";

const DELIVERIES: &str =
    "SELECT d.payment_id, d.endpoint_id, d.state, d.finished_at FROM deliveries d WHERE d.payment_id IN (";

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
    let mut payments = rows.iter().map(payment).collect::<Result<Vec<_>>>()?;
    stand(ledger, &mut payments).await?;
    Ok(page(payments, request, |payment| payment.id))
}

/// One that stands nowhere yet.
fn payment(row: &Row) -> Result<ReconciledPayment> {
    Ok(ReconciledPayment {
        id: PaymentId(rows::get(row, "id")?),
        gateway_payment_id: rows::get(row, "gateway_payment_id")?,
        kind: rows::get(row, "kind")?,
        pay_for: rows::get(row, "pay_for")?,
        amount: rows::amount(row)?,
        confirmed_at: rows::time(row, "confirmed_at")?,
        accepted_at: rows::time(row, "accepted_at")?,
        test: rows::get(row, "test")?,
        standing: Standing::Untold,
        finished_at: None,
    })
}

/// Says of each where it stands, from its deliveries.
async fn stand(ledger: &This, payments: &mut [ReconciledPayment]) -> Result<()> {
    if payments.is_empty() {
        return Ok(());
    }
    let mut query = Builder::new(DELIVERIES);
    let ids = payments.iter().map(|payment| payment.id.0);
    let query = push_ids(&mut query, ids).build().persistent(false);
    let rows = query.fetch_all(ledger.reader()).await.doing(ACT)?;
    let mut deliveries: HashMap<Uuid, Vec<(EndpointId, State)>> = HashMap::with_capacity(payments.len());
    let mut finished: HashMap<Uuid, Timestamp> = HashMap::with_capacity(payments.len());
    for row in &rows {
        let payment = rows::get(row, "payment_id")?;
        let delivery = (EndpointId(rows::get(row, "endpoint_id")?), rows::word(row, "state")?);
        deliveries.entry(payment).or_default().push(delivery);
        if let Some(at) = rows::time_if_any(row, "finished_at")? {
            let last = finished.entry(payment).or_insert(at);
            *last = at.max(*last);
        }
    }
    for payment in payments {
        payment.standing = Standing::of(deliveries.get(&payment.id.0).map_or(&[], Vec::as_slice));
        let is_over = payment.standing != Standing::Waiting;
        payment.finished_at = finished.get(&payment.id.0).copied().filter(|_| is_over);
    }
    Ok(())
}
