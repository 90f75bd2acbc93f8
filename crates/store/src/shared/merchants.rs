//! Merchants.

use super::{Builder, Connection, Row, This, audit, rows, sessions};
use crate::error::Doing;
use crate::manage::{Actor, Merchant, Page, PageRequest};
use crate::page::{malformed, page, rows_wanted};
use crate::{Result, StoreError};
use paybell_delivery::MerchantId;

const FIND: &str = "SELECT id, name, created_at, updated_at FROM merchants WHERE id = $1 AND deleted_at IS NULL";

pub(super) async fn create(ledger: &This, id: &MerchantId, name: &str, actor: &Actor) -> Result<Merchant> {
    const ACT: &str = "create a merchant";
    let mut tx = ledger.begin(ACT).await?;
    let insert = sqlx::query(
        "INSERT INTO merchants (id, name, created_at, updated_at) VALUES ($1, $2, $3, $3) ON CONFLICT (id) DO NOTHING",
    );
    let inserted = insert.bind(id.as_str()).bind(name).bind(actor.now.0).execute(&mut *tx).await.doing(ACT)?;
    if inserted.rows_affected() == 0 {
        return Err(StoreError::Exists { what: "merchant", id: id.to_string() });
    }
    audit::write(&mut tx, actor, "merchant.create", id, name).await?;
    tx.commit().await.doing(ACT)?;
    Ok(Merchant { id: id.clone(), name: name.to_owned(), created_at: actor.now, updated_at: actor.now })
}

pub(super) async fn find(ledger: &This, id: &MerchantId) -> Result<Option<Merchant>> {
    let row = sqlx::query(FIND).bind(id.as_str()).fetch_optional(ledger.reader()).await.doing("read a merchant")?;
    row.as_ref().map(read).transpose()
}

pub(super) async fn list(ledger: &This, request: &PageRequest) -> Result<Page<Merchant>> {
    const ACT: &str = "list the merchants";
    let mut query = Builder::new("SELECT id, name, created_at, updated_at FROM merchants WHERE deleted_at IS NULL");
    if let Some(cursor) = &request.after {
        let after = MerchantId::new(cursor.as_str()).ok_or_else(|| malformed(cursor))?;
        query.push(" AND id > ").push_bind(after.as_str().to_owned());
    }
    query.push(" ORDER BY id LIMIT ").push_bind(rows_wanted(request));
    let rows = query.build().fetch_all(ledger.reader()).await.doing(ACT)?;
    Ok(page(rows.iter().map(read).collect::<Result<_>>()?, request, |merchant: &Merchant| merchant.id.clone()))
}

pub(super) async fn rename(ledger: &This, id: &MerchantId, name: &str, actor: &Actor) -> Result<Merchant> {
    const ACT: &str = "rename a merchant";
    let mut tx = ledger.begin(ACT).await?;
    let update = sqlx::query(
        "UPDATE merchants SET name = $2, updated_at = $3 WHERE id = $1 AND deleted_at IS NULL
        RETURNING id, name, created_at, updated_at",
    );
    let row = update.bind(id.as_str()).bind(name).bind(actor.now.0).fetch_optional(&mut *tx).await.doing(ACT)?;
    let merchant = read(&row.ok_or_else(|| not_found(id))?)?;
    audit::write(&mut tx, actor, "merchant.rename", id, name).await?;
    tx.commit().await.doing(ACT)?;
    Ok(merchant)
}

pub(super) async fn delete(ledger: &This, id: &MerchantId, actor: &Actor) -> Result<()> {
    const ACT: &str = "delete a merchant";
    let mut tx = ledger.begin(ACT).await?;
    let delete = sqlx::query("UPDATE merchants SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL");
    let deleted = delete.bind(id.as_str()).bind(actor.now.0).execute(&mut *tx).await.doing(ACT)?;
    if deleted.rows_affected() == 0 {
        return Err(not_found(id));
    }
    let endpoints = sqlx::query(concat!(
        "UPDATE endpoints SET deleted_at = $2, updated_at = $2, version = version + 1, ",
        not_failing!(),
        " WHERE merchant_id = $1 AND deleted_at IS NULL",
    ));
    let endpoints = endpoints.bind(id.as_str()).bind(actor.now.0).execute(&mut *tx).await.doing(ACT)?;
    sessions::end_those_of_merchant(&mut tx, id).await?;
    let detail = format!("with {} endpoints", endpoints.rows_affected());
    audit::write(&mut tx, actor, "merchant.delete", id, &detail).await?;
    tx.commit().await.doing(ACT)
}

/// From now on what is accepted for the endpoints of `$1` that were paused at `$2` is parked at once. The transaction has
/// locked these alone, and a dispatch that holds others may be waiting for it.
const PARK_AT_ONCE: &str = "
INSERT INTO endpoints_that_park (endpoint_id)
SELECT id FROM endpoints WHERE merchant_id = $1 AND deleted_at IS NULL AND paused_at = $2
ON CONFLICT DO NOTHING";

pub(super) async fn pause(ledger: &This, id: &MerchantId, paused: bool, actor: &Actor) -> Result<u64> {
    const ACT: &str = "pause or resume a merchant's endpoints";
    let mut tx = ledger.begin(ACT).await?;
    let exists = sqlx::query("SELECT 1 AS one FROM merchants WHERE id = $1 AND deleted_at IS NULL");
    if exists.bind(id.as_str()).fetch_optional(&mut *tx).await.doing(ACT)?.is_none() {
        return Err(not_found(id));
    }
    let endpoints = sqlx::query(
        "UPDATE endpoints
        SET paused_at = $2, paused_by = $3, updated_at = $4, version = version + 1, parked = parked OR $5,
            probe_at = CASE WHEN failing_since IS NOT NULL AND NOT $5 THEN $4 END
        WHERE merchant_id = $1 AND deleted_at IS NULL AND (paused_at IS NOT NULL) <> $5",
    );
    let endpoints = endpoints
        .bind(id.as_str())
        .bind(paused.then_some(actor.now.0))
        .bind(paused.then_some(actor.name.as_str()))
        .bind(actor.now.0)
        .bind(paused);
    let changed = endpoints.execute(&mut *tx).await.doing(ACT)?.rows_affected();
    if paused {
        sqlx::query(PARK_AT_ONCE).bind(id.as_str()).bind(actor.now.0).execute(&mut *tx).await.doing(ACT)?;
    }
    let action = if paused { "merchant.pause" } else { "merchant.resume" };
    audit::write(&mut tx, actor, action, id, &format!("{changed} endpoints")).await?;
    tx.commit().await.doing(ACT)?;
    Ok(changed)
}

/// Keeps the merchant from being deleted until the transaction ends. [`StoreError::NotFound`] when it is not there.
pub(super) async fn hold(tx: &mut Connection, id: &MerchantId) -> Result<()> {
    let hold = concat!("SELECT 1 AS one FROM merchants WHERE id = $1 AND deleted_at IS NULL", for_share!());
    let there = sqlx::query(hold).bind(id.as_str()).fetch_optional(tx).await.doing("hold a merchant")?;
    there.map(drop).ok_or_else(|| not_found(id))
}

pub(super) fn not_found(id: &MerchantId) -> StoreError {
    StoreError::NotFound { what: "merchant", id: id.to_string() }
}

fn read(row: &Row) -> Result<Merchant> {
    Ok(Merchant {
        id: rows::merchant_id(row, "id")?,
        name: rows::get(row, "name")?,
        created_at: rows::time(row, "created_at")?,
        updated_at: rows::time(row, "updated_at")?,
    })
}
