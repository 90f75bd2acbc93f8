//! Payments: one with its deliveries, and lists of them.

use super::{Builder, This, checks, rows};
use crate::Result;
use crate::error::Doing;
use crate::manage::{Page, PageRequest, PaymentFilter, PaymentView};
use crate::page::{after, id_ceiling, id_floor, page, rows_wanted};
use paybell_delivery::{Payment, PaymentId};
use uuid::Uuid;

const FIND: &str = concat!("SELECT ", payment_columns!(), " FROM payments p WHERE p.id = $1");
/// Sorted afterwards: for an order by id a planner that is kept from sorting would walk all deliveries in that order.
pub(in super::super) const DELIVERIES: &str =
    concat!("SELECT ", delivery_columns!(), " FROM deliveries d WHERE d.payment_id = $1");

pub(super) async fn find(ledger: &This, id: PaymentId) -> Result<Option<PaymentView>> {
    const ACT: &str = "read a payment";
    let Some(row) = sqlx::query(FIND).bind(id.0).fetch_optional(ledger.reader()).await.doing(ACT)? else {
        return Ok(None);
    };
    let deliveries = sqlx::query(DELIVERIES).bind(id.0).fetch_all(ledger.reader()).await.doing(ACT)?;
    let mut deliveries = deliveries.iter().map(rows::delivery).collect::<Result<Vec<_>>>()?;
    deliveries.sort_unstable_by_key(|delivery| delivery.id);
    let payment = rows::payment(&row)?;
    let checks = checks::before(ledger, &payment).await?;
    Ok(Some(PaymentView { payment, deliveries, checks }))
}

pub(super) async fn list(ledger: &This, filter: &PaymentFilter, request: &PageRequest) -> Result<Page<Payment>> {
    let mut query = page_statement(filter, after::<Uuid>(request)?, rows_wanted(request));
    let rows = query.build().fetch_all(ledger.reader()).await.doing("list payments")?;
    Ok(page(rows.iter().map(rows::payment).collect::<Result<_>>()?, request, |payment: &Payment| payment.id))
}

/// The newest `wanted` that were accepted before `after`.
pub(in super::super) fn page_statement(filter: &PaymentFilter, after: Option<Uuid>, wanted: i64) -> Builder {
    let mut query = Builder::new(concat!("SELECT ", payment_columns!(), " FROM "));
    // The few with this id are found before they are sorted: the inner limit keeps the planner from walking all payments
    // in the order that is asked for.
    match &filter.gateway_payment_id {
        Some(id) => {
            query.push("(SELECT * FROM payments WHERE gateway_payment_id = ").push_bind(id.clone());
            query.push(" LIMIT 10000) p WHERE true")
        }
        None => query.push("payments p WHERE true"),
    };
    restrict(&mut query, filter);
    if let Some(after) = after {
        query.push(" AND p.id < ").push_bind(after);
    }
    query.push(" ORDER BY p.id DESC LIMIT ").push_bind(wanted);
    query
}

fn restrict(query: &mut Builder, filter: &PaymentFilter) {
    let PaymentFilter { merchant_id, pay_for, accepted_since, accepted_before, .. } = filter;
    if let Some(merchant) = merchant_id {
        query.push(" AND p.merchant_id = ").push_bind(merchant.as_str().to_owned());
    }
    if let Some(pay_for) = pay_for {
        query.push(" AND p.pay_for = ").push_bind(pay_for.clone());
    }
    if let Some(since) = accepted_since {
        query.push(" AND p.accepted_at >= ").push_bind(since.0).push(" AND p.id >= ").push_bind(id_floor(*since));
    }
    if let Some(before) = accepted_before {
        query.push(" AND p.accepted_at < ").push_bind(before.0).push(" AND p.id < ").push_bind(id_ceiling(*before));
    }
}
