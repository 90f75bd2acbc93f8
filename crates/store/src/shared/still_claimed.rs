//! Whether claims still hold.

use super::{Builder, This, push_ids, rows};
use crate::Result;
use crate::error::Doing;
use crate::numbers::natural;
use paybell_delivery::DeliveryId;
use std::collections::HashMap;
use uuid::Uuid;

/// Whoever ends a delivery or takes it over clears its claim or counts its next attempt.
pub(super) async fn still_claimed(ledger: &This, claims: &[(DeliveryId, u32)]) -> Result<Vec<bool>> {
    const ACT: &str = "look whether claims still hold";
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Builder::new("SELECT id, attempts FROM deliveries WHERE claimed_at IS NOT NULL AND id IN (");
    push_ids(&mut query, claims.iter().map(|(id, _)| id.0));
    let rows = query.build().persistent(claims.len() == 1).fetch_all(ledger.reader()).await.doing(ACT)?;
    let held = rows.iter().map(|row| Ok((rows::get(row, "id")?, natural(rows::get(row, "attempts")?))));
    let held: HashMap<Uuid, u32> = held.collect::<Result<_>>()?;
    Ok(claims.iter().map(|(id, attempt)| held.get(&id.0) == Some(attempt)).collect())
}
