//! Settling by hand: what is pending or undelivered ends by a person's word.

use super::{This, audit, rows};
use crate::error::Doing;
use crate::manage::Actor;
use crate::{Result, StoreError};
use paybell_delivery::{DeliveryId, State};

/// An attempt that is in flight is written down as unknown; its record may still come and correct it.
const CLOSE_CLAIM: &str = concat!(
    "INSERT INTO attempts (delivery_id, number, started_at, outcome, detail)
    SELECT id, attempts, claimed_at, ",
    unknown_attempt!(),
    " FROM deliveries WHERE id = $1 AND claimed_at IS NOT NULL
    ON CONFLICT (delivery_id, number) DO NOTHING"
);

/// The reason and the moment at which it was given up are kept.
const SETTLE: &str = "
UPDATE deliveries
SET state = 'settled', settled_by = $2, settled_note = $3, finished_at = COALESCE(finished_at, $4),
    in_doubt = in_doubt OR claimed_at IS NOT NULL, claimed_at = NULL, claimed_until = NULL
WHERE id = $1";

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
    sqlx::query(CLOSE_CLAIM).bind(id.0).execute(&mut *tx).await.doing(ACT)?;
    let settle = sqlx::query(SETTLE).bind(id.0).bind(who).bind(note).bind(actor.now.0);
    settle.execute(&mut *tx).await.doing(ACT)?;
    audit::write(&mut tx, actor, "delivery.settle", id, &format!("{who}: {note}")).await?;
    tx.commit().await.doing(ACT)
}
