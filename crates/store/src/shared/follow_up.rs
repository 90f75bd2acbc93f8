//! What a person writes beside a delivery that needs one: who looks after it, and a note.

use super::{Row, This, audit, rows};
use crate::error::Doing;
use crate::manage::{Actor, FollowUp};
use crate::{Result, StoreError};
use paybell_delivery::DeliveryId;

const PUT: &str = "
INSERT INTO follow_ups (delivery_id, owner, note, updated_by, updated_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (delivery_id) DO UPDATE
SET owner = excluded.owner, note = excluded.note, updated_by = excluded.updated_by, updated_at = excluded.updated_at";

pub(super) async fn write(ledger: &This, id: DeliveryId, owner: Option<&str>, note: &str, actor: &Actor) -> Result<()> {
    const ACT: &str = "write beside a delivery";
    let mut tx = ledger.begin(ACT).await?;
    let there = sqlx::query("SELECT 1 AS one FROM deliveries WHERE id = $1").bind(id.0);
    if there.fetch_optional(&mut *tx).await.doing(ACT)?.is_none() {
        return Err(StoreError::NotFound { what: "delivery", id: id.to_string() });
    }
    let put = sqlx::query(PUT).bind(id.0).bind(owner).bind(note).bind(&actor.name).bind(actor.now.0);
    put.execute(&mut *tx).await.doing(ACT)?;
    let detail = format!("{}: {note}", owner.unwrap_or("nobody"));
    audit::write(&mut tx, actor, "delivery.follow_up", id, &detail).await?;
    tx.commit().await.doing(ACT)
}

/// What stands beside the delivery of a row, if anything does.
pub(super) fn read(row: &Row) -> Result<Option<FollowUp>> {
    let Some(updated_at) = rows::time_if_any(row, "follow_up_at")? else { return Ok(None) };
    Ok(Some(FollowUp {
        owner: rows::get(row, "follow_up_owner")?,
        note: rows::get(row, "follow_up_note")?,
        updated_by: rows::get(row, "follow_up_by")?,
        updated_at,
    }))
}
