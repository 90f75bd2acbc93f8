//! Settling by hand: what is pending or undelivered ends by a person's word.

use super::{Builder, Connection, This, audit, push_ids, rows};
use crate::error::Doing;
use crate::manage::Actor;
use crate::{Result, StoreError};
use paybell_delivery::{DeliveryId, State, Timestamp};
use uuid::Uuid;

pub(super) async fn settle(ledger: &This, id: DeliveryId, who: &str, note: &str, actor: &Actor) -> Result<()> {
    const ACT: &str = "settle a delivery";
    let mut tx = ledger.begin(ACT).await?;
    let lock = concat!("SELECT state FROM deliveries WHERE id = $1", for_update!());
    let row = sqlx::query(lock).bind(id.0).fetch_optional(&mut *tx).await.doing(ACT)?;
    let row = row.ok_or_else(|| StoreError::NotFound { what: "delivery", id: id.to_string() })?;
    match rows::get::<&str>(&row, "state")?.parse()? {
        State::Pending | State::Undelivered => {}
        state @ (State::Delivered | State::Settled) => {
            let state = state.as_str();
            return Err(StoreError::Refused(format!("delivery {id} is {state} already, so it cannot be settled")));
        }
    }
    end(&mut tx, &[id.0], who, note, actor.now).await?;
    audit::write(&mut tx, actor, "delivery.settle", id, &format!("{who}: {note}")).await?;
    tx.commit().await.doing(ACT)
}

/// Settles those that can be settled and that nobody has locked at this moment: who waits with many rows locked for one
/// that another has would in turn be waited for. Answers how many.
pub(super) async fn settle_free(
    tx: &mut Connection,
    ids: &[Uuid],
    who: &str,
    note: &str,
    now: Timestamp,
) -> Result<u64> {
    if ids.is_empty() {
        return Ok(0);
    }
    let mut query = Builder::new("SELECT id FROM deliveries WHERE id IN (");
    push_ids(&mut query, ids.iter().copied())
        .push(concat!(" AND state IN ('pending', 'undelivered')", for_update_skip_locked!()));
    let free = query.build().persistent(false).fetch_all(&mut *tx).await.doing("lock what is to be settled")?;
    let free: Vec<Uuid> = free.iter().map(|row| rows::get(row, "id")).collect::<Result<_>>()?;
    if !free.is_empty() {
        end(tx, &free, who, note, now).await?;
    }
    Ok(u64::try_from(free.len()).unwrap_or(u64::MAX))
}

/// Ends deliveries that are locked. An attempt that is in flight is written down as unknown; its record may still come
/// and correct it. The reason and the moment at which one was given up are kept.
async fn end(tx: &mut Connection, ids: &[Uuid], who: &str, note: &str, now: Timestamp) -> Result<()> {
    const ACT: &str = "settle deliveries";
    let mut close = Builder::new(concat!(
        "INSERT INTO attempts (delivery_id, number, started_at, outcome, detail)
        SELECT id, attempts, claimed_at, ",
        unknown_attempt!(),
        " FROM deliveries WHERE claimed_at IS NOT NULL AND id IN ("
    ));
    push_ids(&mut close, ids.iter().copied()).push(" ON CONFLICT (delivery_id, number) DO NOTHING");
    close.build().persistent(false).execute(&mut *tx).await.doing(ACT)?;
    let mut settle = Builder::new(
        "UPDATE deliveries
        SET state = 'settled', in_doubt = in_doubt OR claimed_at IS NOT NULL, claimed_at = NULL, claimed_until = NULL,
            finished_at = COALESCE(finished_at, ",
    );
    settle.push_bind(now.0).push("), settled_by = ").push_bind(who.to_owned());
    settle.push(", settled_note = ").push_bind(note.to_owned()).push(" WHERE id IN (");
    push_ids(&mut settle, ids.iter().copied()).build().persistent(false).execute(tx).await.doing(ACT)?;
    Ok(())
}
