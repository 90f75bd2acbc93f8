//! Endpoint secrets: read for an attempt or a check, rotated.

use super::{ENDPOINTS_BY_ID, Row, This, audit, dialects, endpoints, id_list, merchants, rows};
use crate::Result;
use crate::error::Doing;
use crate::manage::{Actor, EndpointForAttempt, Secret};
use paybell_delivery::{Endpoint, EndpointId, MerchantId, Timestamp};
use sqlx::Row as _;
use std::collections::HashMap;
use uuid::Uuid;

pub(super) async fn for_attempts(ledger: &This, ids: &[EndpointId]) -> Result<Vec<EndpointForAttempt>> {
    let find = sqlx::query(ENDPOINTS_BY_ID).bind(id_list(ids)?);
    let mut found = HashMap::with_capacity(ids.len());
    for row in ledger.run("read endpoints", find).await? {
        let read = read(ledger, &row)?;
        found.insert(read.endpoint.id, read);
    }
    ids.iter().map(|id| found.get(id).cloned().ok_or_else(|| endpoints::not_found(*id))).collect()
}

/// A merchant that is there shows by a row, be it one without an endpoint.
const TO_CHECK: &str = concat!(
    "SELECT ",
    endpoint_columns!(),
    ", ",
    dialect_columns!(),
    " FROM merchants m
    LEFT JOIN endpoints e ON e.merchant_id = m.id AND e.deleted_at IS NULL
        AND (e.id = $2 OR ($2 IS NULL AND e.check_url IS NOT NULL))
    LEFT JOIN dialects x ON x.name = e.dialect
    WHERE m.id = $1 AND m.deleted_at IS NULL
    ORDER BY e.id LIMIT 1"
);

pub(super) async fn to_check(
    ledger: &This,
    merchant: &MerchantId,
    named: Option<EndpointId>,
) -> Result<Option<EndpointForAttempt>> {
    let find = sqlx::query(TO_CHECK).bind(merchant.as_str()).bind(named.map(|id| id.0));
    let rows = ledger.look_up("look for the endpoint to ask", find).await?;
    let row = rows.first().ok_or_else(|| merchants::not_found(merchant))?;
    match rows::get::<Option<Uuid>>(row, "id")? {
        None => Ok(None),
        Some(_) => read(ledger, row).map(Some),
    }
}

fn read(ledger: &This, row: &Row) -> Result<EndpointForAttempt> {
    let endpoint = rows::endpoint(row)?;
    let secrets = ledger.sealer.open(endpoint.id, rows::get(row, "secrets")?)?;
    Ok(EndpointForAttempt { endpoint, secrets, dialect: dialects::of_endpoint(row)? })
}

pub(super) async fn rotate(
    ledger: &This,
    id: EndpointId,
    new: &Secret,
    earlier_end_at: Timestamp,
    actor: &Actor,
) -> Result<Endpoint> {
    const ACT: &str = "rotate an endpoint's secret";
    let mut tx = ledger.begin(ACT).await?;
    let mut endpoint = endpoints::lock(&mut tx, id).await?;
    let row = sqlx::query("SELECT secrets FROM endpoints WHERE id = $1").bind(id.0).fetch_one(&mut *tx).await;
    let earlier = ledger.sealer.open(id, rows::get(&row.doing(ACT)?, "secrets")?)?;
    let sealed = ledger.sealer.seal(id, &rotated(earlier, new, earlier_end_at, actor.now))?;
    let update = sqlx::query(
        "UPDATE endpoints SET secrets = $2, updated_at = $3, version = version + 1 WHERE id = $1 RETURNING version",
    );
    let row = update.bind(id.0).bind(sealed).bind(actor.now.0).fetch_one(&mut *tx).await.doing(ACT)?;
    endpoint.version = row.try_get("version").doing(ACT)?;
    endpoint.updated_at = actor.now;
    let detail = format!("earlier secrets end at {earlier_end_at}");
    audit::write(&mut tx, actor, "endpoint.rotate_secret", id, &detail).await?;
    tx.commit().await.doing(ACT)?;
    Ok(endpoint)
}

pub(super) async fn reveal(ledger: &This, id: EndpointId, actor: &Actor) -> Result<Vec<Secret>> {
    const ACT: &str = "reveal an endpoint's secrets";
    let mut tx = ledger.begin(ACT).await?;
    endpoints::lock(&mut tx, id).await?;
    let row = sqlx::query("SELECT secrets FROM endpoints WHERE id = $1").bind(id.0).fetch_one(&mut *tx).await;
    let mut secrets = ledger.sealer.open(id, rows::get(&row.doing(ACT)?, "secrets")?)?;
    secrets.retain(|secret| secret.ends_at.is_none_or(|end| end > actor.now));
    audit::write(&mut tx, actor, "endpoint.reveal_secret", id, "").await?;
    tx.commit().await.doing(ACT)?;
    Ok(secrets)
}

/// The earlier secrets, each ending by `end_at`, without those that have ended; then the new one.
fn rotated(mut secrets: Vec<Secret>, new: &Secret, end_at: Timestamp, now: Timestamp) -> Vec<Secret> {
    for secret in &mut secrets {
        secret.ends_at = Some(secret.ends_at.map_or(end_at, |sooner| sooner.min(end_at)));
    }
    secrets.retain(|secret| secret.ends_at.is_none_or(|end| end > now));
    secrets.push(new.clone());
    secrets
}
