//! Endpoints that do not answer: marked as failing, probed, and reopened by the first answer.

use super::{This, audit, endpoints};
use crate::error::Doing;
use crate::manage::Actor;
use crate::numbers::micros;
use crate::{Result, StoreError};
use paybell_delivery::{DeliveryId, EndpointId, Timestamp, probe_after};

const MARK: &str = "
UPDATE endpoints SET failing_since = $2, probe_at = $3
WHERE id = $1 AND failing_since IS NULL AND deleted_at IS NULL AND (reopened_at IS NULL OR reopened_at <= $2)";

/// The parked deliveries are released: some of them may be parked without the mark, by a dispatch that saw it before.
const REOPEN: &str = concat!(
    "UPDATE endpoints SET reopened_at = $2, released_at = NULL, parked = true, ",
    not_failing!(),
    " WHERE id = $1 AND failing_since IS NOT NULL"
);

const POSTPONE: &str = "
UPDATE endpoints SET probes = probes + 1, probing = NULL, probe_at = $3
WHERE id = $1 AND probing = $2";

pub(super) async fn mark_failing(
    ledger: &This,
    id: EndpointId,
    since: Timestamp,
    why: &str,
    actor: &Actor,
) -> Result<bool> {
    const ACT: &str = "mark an endpoint as failing";
    let mut tx = ledger.begin(ACT).await?;
    let mark = sqlx::query(MARK).bind(id.0).bind(since.0).bind(actor.now.0 + micros(probe_after(0)));
    let marked = mark.execute(&mut *tx).await.doing(ACT)?.rows_affected() > 0;
    if marked {
        endpoints::park_at_once(&mut tx, id).await?;
        audit::write(&mut tx, actor, "endpoint.failing", id, why).await?;
    }
    tx.commit().await.doing(ACT)?;
    Ok(marked)
}

pub(super) async fn reopen(ledger: &This, id: EndpointId, actor: &Actor) -> Result<bool> {
    const ACT: &str = "reopen an endpoint";
    let mut tx = ledger.begin(ACT).await?;
    let reopen = sqlx::query(REOPEN).bind(id.0).bind(actor.now.0);
    let reopened = reopen.execute(&mut *tx).await.doing(ACT)?.rows_affected() > 0;
    if reopened {
        audit::write(&mut tx, actor, "endpoint.reopen", id, "").await?;
    }
    tx.commit().await.doing(ACT)?;
    Ok(reopened)
}

pub(super) async fn postpone_probe(
    ledger: &This,
    id: EndpointId,
    delivery: DeliveryId,
    next_at: Timestamp,
) -> Result<()> {
    const ACT: &str = "postpone a probe";
    let mut tx = ledger.begin(ACT).await?;
    let postpone = sqlx::query(POSTPONE).bind(id.0).bind(delivery.0).bind(next_at.0);
    postpone.execute(&mut *tx).await.doing(ACT)?;
    tx.commit().await.doing(ACT)
}

/// Something that a probe could be made with.
const PARKED: &str = "
SELECT 1 AS one FROM deliveries
WHERE endpoint_id = $1 AND state = 'pending' AND claimed_until IS NULL AND due_at = deadline_at AND deadline_at > $2
LIMIT 1";

pub(super) async fn probe_now(ledger: &This, id: EndpointId, actor: &Actor) -> Result<()> {
    const ACT: &str = "probe an endpoint";
    let mut tx = ledger.begin(ACT).await?;
    let endpoint = endpoints::lock(&mut tx, id).await?;
    if endpoint.failing.is_none() {
        return Err(StoreError::Refused(format!("endpoint {id} does not fail, so there is nothing to probe")));
    }
    if endpoint.pause.is_some() {
        return Err(StoreError::Refused(format!("endpoint {id} is paused, so it is not probed")));
    }
    let parked = sqlx::query(PARKED).bind(id.0).bind(actor.now.0).fetch_optional(&mut *tx).await.doing(ACT)?;
    if parked.is_none() {
        return Err(StoreError::Refused(format!("nothing waits for endpoint {id} that it could be probed with")));
    }
    let ask = sqlx::query("UPDATE endpoints SET probe_at = $2 WHERE id = $1").bind(id.0).bind(actor.now.0);
    ask.execute(&mut *tx).await.doing(ACT)?;
    audit::write(&mut tx, actor, "endpoint.probe", id, "").await?;
    tx.commit().await.doing(ACT)
}
