//! Bulk resends: a job that goes through what failed, in the order of the ids, a step at a time.

use super::resend::{Draft, deadline};
use super::{Builder, Connection, Row, This, audit, deliveries, rows};
use crate::engine::AcceptTerms;
use crate::error::Doing;
use crate::ids::id_at;
use crate::manage::{Actor, BulkResend, DeliveryFilter};
use crate::numbers::{count, duration};
use crate::{Result, StoreError};
use paybell_delivery::{DeliveryId, EndpointId, MerchantId, State, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use uuid::Uuid;

macro_rules! bulk_columns {
    () => {
        "id, filter, actor, total, resent, skipped, newest_id, cursor_id, created_at, finished_at"
    };
}

pub(super) async fn create(ledger: &This, id: Uuid, filter: &DeliveryFilter, actor: &Actor) -> Result<BulkResend> {
    const ACT: &str = "begin a bulk resend";
    let mut tx = ledger.begin(ACT).await?;
    let newest = sqlx::query("SELECT id FROM deliveries ORDER BY id DESC LIMIT 1");
    let newest = newest.fetch_optional(&mut *tx).await.doing(ACT)?;
    let newest: Uuid = newest.map_or(Ok(Uuid::nil()), |row| row.try_get(0)).doing(ACT)?;
    let mut query = Builder::new("SELECT count(*) AS total FROM (");
    push_failed(&mut query, filter, newest, None, None);
    let row = query.push(") d").build().fetch_one(&mut *tx).await.doing(ACT)?;
    let total: i64 = rows::get(&row, "total")?;
    let insert = sqlx::query(
        "INSERT INTO bulk_resends (id, filter, actor, total, resent, skipped, newest_id, created_at)
        VALUES ($1, $2, $3, $4, 0, 0, $5, $6) ON CONFLICT (id) DO NOTHING",
    );
    let insert = insert.bind(id).bind(write_filter(filter)?).bind(&actor.name).bind(total).bind(newest);
    if insert.bind(actor.now.0).execute(&mut *tx).await.doing(ACT)?.rows_affected() == 0 {
        return Err(StoreError::Exists { what: "bulk resend", id: id.to_string() });
    }
    audit::write(&mut tx, actor, "delivery.bulk_resend", id, &format!("{total} deliveries")).await?;
    tx.commit().await.doing(ACT)?;
    Ok(BulkResend {
        id,
        filter: filter.clone(),
        total: count(total),
        resent: 0,
        skipped: 0,
        actor: actor.name.clone(),
        created_at: actor.now,
        finished_at: None,
    })
}

pub(super) async fn find(ledger: &This, id: Uuid) -> Result<Option<BulkResend>> {
    const FIND: &str = concat!("SELECT ", bulk_columns!(), " FROM bulk_resends WHERE id = $1");
    let row = sqlx::query(FIND).bind(id).fetch_optional(ledger.reader()).await.doing("read a bulk resend")?;
    row.as_ref().map(read).transpose()
}

pub(super) async fn step(ledger: &This, terms: &AcceptTerms, limit: u32) -> Result<Option<BulkResend>> {
    const ACT: &str = "resend in bulk";
    const NEXT: &str = concat!(
        "SELECT ",
        bulk_columns!(),
        " FROM bulk_resends WHERE finished_at IS NULL ORDER BY created_at LIMIT 1",
        for_update_skip_locked!()
    );
    let mut tx = ledger.begin(ACT).await?;
    let Some(row) = sqlx::query(NEXT).fetch_optional(&mut *tx).await.doing(ACT)? else {
        return Ok(None);
    };
    let mut bulk = read(&row)?;
    let mut cursor: Option<Uuid> = rows::get(&row, "cursor_id")?;
    let mut query = Builder::new("SELECT d.*, e.deleted_at, e.lifetime_us FROM (");
    push_failed(&mut query, &bulk.filter, rows::get(&row, "newest_id")?, cursor, Some(limit));
    query.push(") d JOIN endpoints e ON e.id = d.endpoint_id ORDER BY d.id LIMIT ").push_bind(i64::from(limit));
    let failed = query.build().fetch_all(&mut *tx).await.doing(ACT)?;
    for row in &failed {
        cursor = Some(rows::get(row, "id")?);
        if resend_one(&mut tx, row, terms).await? { bulk.resent += 1 } else { bulk.skipped += 1 }
    }
    bulk.finished_at = u32::try_from(failed.len()).is_ok_and(|n| n < limit).then_some(terms.now);
    save(&mut tx, &bulk, cursor).await?;
    tx.commit().await.doing(ACT)?;
    Ok(Some(bulk))
}

/// What failed and matches, from the index of each state, in order.
fn push_failed(query: &mut Builder, filter: &DeliveryFilter, newest: Uuid, after: Option<Uuid>, limit: Option<u32>) {
    let failed = [State::Undelivered, State::Settled];
    let wanted = failed.into_iter().filter(|state| filter.state.is_none_or(|only| only == *state));
    query.push("SELECT id, payment_id, endpoint_id FROM deliveries WHERE 1 = 0");
    for state in wanted {
        query.push(
            " UNION ALL SELECT * FROM (SELECT d.id, d.payment_id, d.endpoint_id FROM deliveries d WHERE d.id <= ",
        );
        query.push_bind(newest);
        if let Some(after) = after {
            query.push(" AND d.id > ").push_bind(after);
        }
        if let Some(merchant) = &filter.merchant_id {
            query.push(" AND d.endpoint_id IN (SELECT id FROM endpoints WHERE merchant_id = ");
            query.push_bind(merchant.as_str().to_owned()).push(")");
        }
        if let Some(endpoint) = filter.endpoint_id {
            query.push(" AND d.endpoint_id = ").push_bind(endpoint.0);
        }
        deliveries::restrict(query, &DeliveryFilter { state: Some(state), ..filter.clone() });
        if let Some(limit) = limit {
            query.push(" ORDER BY d.id LIMIT ").push_bind(i64::from(limit));
        }
        query.push(") part");
    }
}

/// Repeats one delivery, due now; nothing when its endpoint is deleted.
async fn resend_one(tx: &mut Connection, row: &Row, terms: &AcceptTerms) -> Result<bool> {
    if rows::time_if_any(row, "deleted_at")?.is_some() {
        return Ok(false);
    }
    let lifetime = rows::get::<Option<i64>>(row, "lifetime_us")?.map(duration);
    let draft = Draft {
        id: DeliveryId(id_at(terms.now)),
        payment_id: rows::get(row, "payment_id")?,
        endpoint_id: EndpointId(rows::get(row, "endpoint_id")?),
        resend_of: Some(DeliveryId(rows::get(row, "id")?)),
        created_at: terms.now,
        due_at: terms.now,
        deadline_at: deadline(terms.now, terms.lifetime, lifetime),
    };
    draft.insert(tx).await?;
    Ok(true)
}

async fn save(tx: &mut Connection, bulk: &BulkResend, cursor: Option<Uuid>) -> Result<()> {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    sqlx::query("UPDATE bulk_resends SET resent = $2, skipped = $3, cursor_id = $4, finished_at = $5 WHERE id = $1")
        .bind(bulk.id)
        .bind(number(bulk.resent))
        .bind(number(bulk.skipped))
        .bind(cursor)
        .bind(bulk.finished_at.map(|at| at.0))
        .execute(tx)
        .await
        .doing("write a bulk resend")?;
    Ok(())
}

fn read(row: &Row) -> Result<BulkResend> {
    Ok(BulkResend {
        id: rows::get(row, "id")?,
        filter: read_filter(rows::get(row, "filter")?)?,
        total: count(rows::get(row, "total")?),
        resent: count(rows::get(row, "resent")?),
        skipped: count(rows::get(row, "skipped")?),
        actor: rows::get(row, "actor")?,
        created_at: rows::time(row, "created_at")?,
        finished_at: rows::time_if_any(row, "finished_at")?,
    })
}

/// A filter as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    merchant_id: Option<String>,
    endpoint_id: Option<EndpointId>,
    state: Option<String>,
    pay_for: Option<String>,
    created_since: Option<Timestamp>,
    created_before: Option<Timestamp>,
}

fn write_filter(filter: &DeliveryFilter) -> Result<String> {
    let DeliveryFilter { merchant_id, endpoint_id, state, pay_for, created_since, created_before, .. } = filter.clone();
    let merchant_id = merchant_id.map(|id| id.to_string());
    let state = state.map(|state| state.as_str().to_owned());
    let stored = Stored { merchant_id, endpoint_id, state, pay_for, created_since, created_before };
    serde_json::to_string(&stored).map_err(|e| StoreError::Refused(format!("the filter cannot be stored: {e}")))
}

fn read_filter(text: &str) -> Result<DeliveryFilter> {
    let unreadable = |what: String| StoreError::Unreadable(format!("a bulk resend's filter: {what}"));
    let stored: Stored = serde_json::from_str(text).map_err(|e| unreadable(e.to_string()))?;
    let Stored { merchant_id, endpoint_id, state, pay_for, created_since, created_before } = stored;
    let merchant = |id: String| MerchantId::new(id.as_str()).ok_or_else(|| unreadable(id));
    let merchant_id = merchant_id.map(merchant).transpose()?;
    let state = state.map(|state| state.parse()).transpose()?;
    Ok(DeliveryFilter {
        merchant_id,
        endpoint_id,
        state,
        pay_for,
        created_since,
        created_before,
        ..DeliveryFilter::default()
    })
}
