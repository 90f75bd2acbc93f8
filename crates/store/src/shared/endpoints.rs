//! Endpoints: create, read, change, pause, delete.

use super::hold_to_dialect::{Wording, lacking};
use super::push_ids;
use super::{Builder, Connection, This, audit, dialects, merchants, rows};
use crate::error::Doing;
use crate::manage::{Actor, EndpointChange, NewEndpoint, Page, PageRequest, Secret};
use crate::numbers::{int, micros};
use crate::page::{after, page, rows_wanted};
use crate::{Result, StoreError};
use paybell_delivery::{Endpoint, EndpointId, MerchantId, Pause};
use paybell_dialects::Dialect;
use serde::Serialize;
use sqlx::Row as _;
use uuid::Uuid;

const FIND: &str =
    concat!("SELECT ", endpoint_columns!(), " FROM endpoints e WHERE e.id = $1 AND e.deleted_at IS NULL");

pub(super) async fn create(ledger: &This, new: &NewEndpoint, secret: &Secret, actor: &Actor) -> Result<Endpoint> {
    const ACT: &str = "create an endpoint";
    let mut tx = ledger.begin(ACT).await?;
    // The merchant is locked, so that it is not deleted meanwhile without this endpoint.
    let merchant = concat!("SELECT id FROM merchants WHERE id = $1 AND deleted_at IS NULL", for_update!());
    let merchant = sqlx::query(merchant).bind(new.merchant_id.as_str()).fetch_optional(&mut *tx).await.doing(ACT)?;
    merchant.ok_or_else(|| merchants::not_found(&new.merchant_id))?;
    let dialect = dialects::hold(&mut tx, &new.dialect).await?;
    suits(dialect.as_ref(), &Wording::of_new(new))?;
    let inserted = sqlx::query(
        "INSERT INTO endpoints (id, merchant_id, url, dialect, options, concurrency_max, time_limit_us, lifetime_us,
            secrets, version, created_at, updated_at, check_url, parameters)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $10, $11, $12) ON CONFLICT (id) DO NOTHING",
    )
    .bind(new.id.0)
    .bind(new.merchant_id.as_str())
    .bind(&new.url)
    .bind(&new.dialect)
    .bind(json("options", &new.options)?)
    .bind(int(new.concurrency_max))
    .bind(new.time_limit.map(micros))
    .bind(new.lifetime.map(micros))
    .bind(ledger.sealer.seal(new.id, std::slice::from_ref(secret))?)
    .bind(actor.now.0)
    .bind(&new.check_url)
    .bind(json("parameters", &new.parameters)?)
    .execute(&mut *tx)
    .await
    .map_err(|error| refused(ACT, &new.merchant_id, error))?;
    if inserted.rows_affected() == 0 {
        return Err(StoreError::Exists { what: "endpoint", id: new.id.to_string() });
    }
    let endpoint = lock(&mut tx, new.id).await?;
    audit::write(&mut tx, actor, "endpoint.create", new.id, &format!("{}, {}", new.dialect, without_query(&new.url)))
        .await?;
    tx.commit().await.doing(ACT)?;
    Ok(endpoint)
}

/// A URL as the audit shows it: its query may hold a token.
fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

pub(super) async fn find(ledger: &This, id: EndpointId) -> Result<Option<Endpoint>> {
    let row = sqlx::query(FIND).bind(id.0).fetch_optional(ledger.reader()).await.doing("read an endpoint")?;
    row.as_ref().map(rows::endpoint).transpose()
}

/// These endpoints, deleted ones too, in any order.
pub(super) async fn with_ids(ledger: &This, ids: &[Uuid]) -> Result<Vec<Endpoint>> {
    const ACT: &str = "read endpoints";
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Builder::new(concat!("SELECT ", endpoint_columns!(), " FROM endpoints e WHERE e.id IN ("));
    let rows = push_ids(&mut query, ids.iter().copied())
        .build()
        .persistent(false)
        .fetch_all(ledger.reader())
        .await
        .doing(ACT)?;
    rows.iter().map(rows::endpoint).collect()
}

pub(super) async fn list(ledger: &This, of: Option<&MerchantId>, request: &PageRequest) -> Result<Page<Endpoint>> {
    const ACT: &str = "list the endpoints";
    let select = concat!("SELECT ", endpoint_columns!(), " FROM endpoints e WHERE e.deleted_at IS NULL");
    let mut query = Builder::new(select);
    if let Some(merchant) = of {
        query.push(" AND e.merchant_id = ").push_bind(merchant.as_str().to_owned());
    }
    if let Some(after) = after::<Uuid>(request)? {
        query.push(" AND e.id < ").push_bind(after);
    }
    query.push(" ORDER BY e.id DESC LIMIT ").push_bind(rows_wanted(request));
    let rows = query.build().fetch_all(ledger.reader()).await.doing(ACT)?;
    let endpoints = rows.iter().map(rows::endpoint).collect::<Result<_>>()?;
    Ok(page(endpoints, request, |endpoint: &Endpoint| endpoint.id))
}

pub(super) async fn change(ledger: &This, id: EndpointId, change: &EndpointChange, actor: &Actor) -> Result<Endpoint> {
    const ACT: &str = "change an endpoint";
    let mut tx = ledger.begin(ACT).await?;
    if rewords(change) {
        // In the order in which a dialect that changes takes them, so that neither waits for the other for ever.
        hold_dialect(&mut tx, id, change).await?;
    }
    let mut endpoint = lock(&mut tx, id).await?;
    let changed = apply(&mut endpoint, change);
    if changed.is_empty() {
        return Ok(endpoint);
    }
    if rewords(change) {
        let dialect = dialects::hold(&mut tx, &endpoint.dialect).await?;
        suits(dialect.as_ref(), &Wording::of(&endpoint))?;
    }
    save(&mut tx, &mut endpoint, actor).await?;
    audit::write(&mut tx, actor, "endpoint.change", id, &changed.join(", ")).await?;
    tx.commit().await.doing(ACT)?;
    Ok(endpoint)
}

/// Whether the change touches what a dialect has a word in.
fn rewords(change: &EndpointChange) -> bool {
    let EndpointChange { url, check_url, dialect, parameters, .. } = change;
    url.is_some() || check_url.is_some() || dialect.is_some() || parameters.is_some()
}

/// Holds the dialect that the endpoint is to have.
async fn hold_dialect(connection: &mut Connection, id: EndpointId, change: &EndpointChange) -> Result<()> {
    const ACT: &str = "look for an endpoint's dialect";
    let name = match &change.dialect {
        Some(name) => name.clone(),
        None => {
            let find = sqlx::query("SELECT dialect FROM endpoints WHERE id = $1 AND deleted_at IS NULL").bind(id.0);
            let row = find.fetch_optional(&mut *connection).await.doing(ACT)?;
            rows::get(&row.ok_or_else(|| not_found(id))?, "dialect")?
        }
    };
    dialects::hold(connection, &name).await.map(drop)
}

/// The API has looked at that already; but a dialect may have changed meanwhile.
fn suits(dialect: Option<&Dialect>, wording: &Wording<'_>) -> Result<()> {
    let lacks = dialect.map(|dialect| lacking(dialect, wording)).unwrap_or_default();
    if lacks.is_empty() { Ok(()) } else { Err(StoreError::Refused(lacks.join("; "))) }
}

/// Why the database took no endpoint: the only rule of its own that an endpoint can break is that of the check URL.
fn refused(act: &'static str, merchant: &MerchantId, error: sqlx::Error) -> StoreError {
    match error.as_database_error() {
        Some(said) if said.is_unique_violation() => StoreError::AskedAlready { merchant: merchant.to_string() },
        _ => StoreError::from_sqlx(act, error),
    }
}

pub(super) async fn pause(ledger: &This, id: EndpointId, paused: bool, actor: &Actor) -> Result<Endpoint> {
    const ACT: &str = "pause or resume an endpoint";
    let mut tx = ledger.begin(ACT).await?;
    let mut endpoint = lock(&mut tx, id).await?;
    if endpoint.pause.is_some() == paused {
        return Ok(endpoint);
    }
    endpoint.pause = paused.then(|| Pause { at: actor.now, by: actor.name.clone() });
    save(&mut tx, &mut endpoint, actor).await?;
    if paused {
        park_at_once(&mut tx, id).await?;
    }
    let action = if paused { "endpoint.pause" } else { "endpoint.resume" };
    audit::write(&mut tx, actor, action, id, "").await?;
    tx.commit().await.doing(ACT)?;
    Ok(endpoint)
}

/// From now on what is accepted for this endpoint, which was just paused or found to fail, is parked at once. A release will
/// look for it.
pub(super) async fn park_at_once(connection: &mut Connection, id: EndpointId) -> Result<()> {
    const ACT: &str = "park what is accepted for an endpoint";
    for statement in [
        "UPDATE endpoints SET parked = true WHERE id = $1",
        "INSERT INTO endpoints_that_park (endpoint_id) VALUES ($1) ON CONFLICT DO NOTHING",
    ] {
        sqlx::query(statement).bind(id.0).execute(&mut *connection).await.doing(ACT)?;
    }
    Ok(())
}

pub(super) async fn delete(ledger: &This, id: EndpointId, actor: &Actor) -> Result<()> {
    const ACT: &str = "delete an endpoint";
    let mut tx = ledger.begin(ACT).await?;
    let delete = sqlx::query(concat!(
        "UPDATE endpoints SET deleted_at = $2, updated_at = $2, version = version + 1, ",
        not_failing!(),
        " WHERE id = $1 AND deleted_at IS NULL",
    ));
    let deleted = delete.bind(id.0).bind(actor.now.0).execute(&mut *tx).await.doing(ACT)?;
    if deleted.rows_affected() == 0 {
        return Err(not_found(id));
    }
    audit::write(&mut tx, actor, "endpoint.delete", id, "").await?;
    tx.commit().await.doing(ACT)
}

/// The endpoint, kept from other changes until the transaction ends.
pub(super) async fn lock(connection: &mut Connection, id: EndpointId) -> Result<Endpoint> {
    const LOCK: &str = concat!(
        "SELECT ",
        endpoint_columns!(),
        " FROM endpoints e WHERE e.id = $1 AND e.deleted_at IS NULL",
        for_update!()
    );
    let row = sqlx::query(LOCK).bind(id.0).fetch_optional(connection).await.doing("lock an endpoint")?;
    rows::endpoint(&row.ok_or_else(|| not_found(id))?)
}

pub(super) fn not_found(id: EndpointId) -> StoreError {
    StoreError::NotFound { what: "endpoint", id: id.to_string() }
}

/// Makes the change and names the fields that differ by it.
fn apply(endpoint: &mut Endpoint, change: &EndpointChange) -> Vec<&'static str> {
    let EndpointChange { url, check_url, dialect, parameters, options, concurrency_max, time_limit, lifetime } = change;
    let mut changed = Vec::new();
    let mut note = |name, differs: bool| differs.then(|| changed.push(name));
    note("url", replace(&mut endpoint.url, url));
    note("check_url", replace(&mut endpoint.check_url, check_url));
    note("dialect", replace(&mut endpoint.dialect, dialect));
    note("parameters", replace(&mut endpoint.parameters, parameters));
    note("options", replace(&mut endpoint.options, options));
    note("concurrency_max", replace(&mut endpoint.concurrency_max, concurrency_max));
    note("time_limit", replace(&mut endpoint.time_limit, time_limit));
    note("lifetime", replace(&mut endpoint.lifetime, lifetime));
    changed
}

fn replace<T: Clone + PartialEq>(field: &mut T, new: &Option<T>) -> bool {
    match new {
        Some(new) if new != field => {
            field.clone_from(new);
            true
        }
        Some(_) | None => false,
    }
}

/// Writes what may be changed, as the next version.
async fn save(connection: &mut Connection, endpoint: &mut Endpoint, actor: &Actor) -> Result<()> {
    const ACT: &str = "write an endpoint";
    let row = sqlx::query(
        "UPDATE endpoints SET url = $2, dialect = $3, options = $4, concurrency_max = $5, time_limit_us = $6,
            lifetime_us = $7, paused_at = $8, paused_by = $9, updated_at = $10, version = version + 1,
            probe_at = CASE WHEN failing_since IS NOT NULL AND $8 IS NULL THEN $10 END, check_url = $11,
            parameters = $12
        WHERE id = $1 RETURNING version",
    )
    .bind(endpoint.id.0)
    .bind(&endpoint.url)
    .bind(&endpoint.dialect)
    .bind(json("options", &endpoint.options)?)
    .bind(int(endpoint.concurrency_max))
    .bind(endpoint.time_limit.map(micros))
    .bind(endpoint.lifetime.map(micros))
    .bind(endpoint.pause.as_ref().map(|pause| pause.at.0))
    .bind(endpoint.pause.as_ref().map(|pause| pause.by.as_str()))
    .bind(actor.now.0)
    .bind(&endpoint.check_url)
    .bind(json("parameters", &endpoint.parameters)?)
    .fetch_one(connection)
    .await
    .map_err(|error| refused(ACT, &endpoint.merchant_id, error))?;
    endpoint.version = row.try_get("version").doing(ACT)?;
    endpoint.updated_at = actor.now;
    Ok(())
}

fn json(what: &str, value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| StoreError::Refused(format!("the endpoint's {what}: {e}")))
}
