//! Bulk acts: a job that goes through all deliveries that match, a step at a time.

use super::resend::{Draft, deadline};
use super::walk::{Place, Walk};
use super::{Builder, Connection, Row, This, audit, bulk_filter, push_ids, rows, settle};
use crate::engine::AcceptTerms;
use crate::error::Doing;
use crate::ids::id_at;
use crate::manage::{Actor, BulkAct, BulkKind, DeliveryFilter};
use crate::numbers::{count, duration};
use crate::{Result, StoreError};
use metrics::counter;
use paybell_delivery::{DeliveryId, EndpointId, State};
use sqlx::Row as _;
use uuid::Uuid;

macro_rules! bulk_columns {
    () => {
        "id, kind, who, note, filter, actor, total, done, skipped, newest_id, place, created_at, finished_at"
    };
}

pub(super) async fn create(
    ledger: &This,
    id: Uuid,
    kind: &BulkKind,
    filter: &DeliveryFilter,
    actor: &Actor,
) -> Result<BulkAct> {
    const ACT: &str = "begin a bulk act";
    let mut tx = ledger.begin(ACT).await?;
    let newest = sqlx::query("SELECT id FROM deliveries ORDER BY id DESC LIMIT 1");
    let newest = newest.fetch_optional(&mut *tx).await.doing(ACT)?;
    let newest: Uuid = newest.map_or(Ok(Uuid::nil()), |row| row.try_get(0)).doing(ACT)?;
    let mut act = BulkAct {
        id,
        kind: kind.clone(),
        filter: filter.clone(),
        total: 0,
        done: 0,
        skipped: 0,
        actor: actor.name.clone(),
        created_at: actor.now,
        finished_at: None,
    };
    act.total = Walk::of(&act, newest).count(&mut tx).await?;
    insert(&mut tx, &act, newest).await?;
    let (action, detail) = match kind {
        BulkKind::Resend => ("delivery.bulk_resend", format!("{} deliveries", act.total)),
        BulkKind::Settle { who, note } => ("delivery.bulk_settle", format!("{} deliveries, {who}: {note}", act.total)),
    };
    audit::write(&mut tx, actor, action, id, &detail).await?;
    tx.commit().await.doing(ACT)?;
    Ok(act)
}

pub(super) async fn find(ledger: &This, id: Uuid) -> Result<Option<BulkAct>> {
    const FIND: &str = concat!("SELECT ", bulk_columns!(), " FROM bulk_acts WHERE id = $1");
    let row = sqlx::query(FIND).bind(id).fetch_optional(ledger.reader()).await.doing("read a bulk act")?;
    row.as_ref().map(read).transpose()
}

pub(super) async fn list(ledger: &This, limit: u32) -> Result<Vec<BulkAct>> {
    const LIST: &str =
        concat!("SELECT ", bulk_columns!(), " FROM bulk_acts ORDER BY created_at DESC, id DESC LIMIT $1");
    let list = sqlx::query(LIST).bind(i64::from(limit.min(1_000)));
    let rows = list.fetch_all(ledger.reader()).await.doing("list the bulk acts")?;
    rows.iter().map(read).collect()
}

pub(super) async fn step(ledger: &This, terms: &AcceptTerms, limit: u32) -> Result<Option<BulkAct>> {
    const ACT: &str = "act in bulk";
    const NEXT: &str = concat!(
        "SELECT ",
        bulk_columns!(),
        " FROM bulk_acts WHERE finished_at IS NULL ORDER BY created_at LIMIT 1",
        for_update_skip_locked!()
    );
    let mut tx = ledger.begin(ACT).await?;
    let Some(row) = sqlx::query(NEXT).fetch_optional(&mut *tx).await.doing(ACT)? else {
        return Ok(None);
    };
    let (mut act, mut place) = (read(&row)?, Place::read(rows::get(&row, "place")?)?);
    let walk = Walk::of(&act, rows::get(&row, "newest_id")?);
    let found = walk.go_on(&mut tx, &mut place, limit).await?;
    let (is_done, mut settled) = (walk.is_done(&place), 0);
    match &act.kind {
        BulkKind::Resend => {
            for row in repeated(&mut tx, &found).await? {
                if resend_one(&mut tx, &row, terms).await? { act.done += 1 } else { act.skipped += 1 }
            }
        }
        BulkKind::Settle { who, note } => {
            settled = settle::settle_free(&mut tx, &found, who, note, terms.now).await?;
            act.done += settled;
        }
    }
    if is_done {
        act.finished_at = Some(terms.now);
        if matches!(act.kind, BulkKind::Settle { .. }) {
            act.skipped = act.total.saturating_sub(act.done);
        }
    }
    save(&mut tx, &act, &place).await?;
    tx.commit().await.doing(ACT)?;
    if settled > 0 {
        let state = State::Settled.as_str();
        counter!("paybell_deliveries_finished_total", "state" => state, "reason" => "").increment(settled);
    }
    Ok(Some(act))
}

/// What is to be resent, with what its endpoint says of it.
async fn repeated(tx: &mut Connection, ids: &[Uuid]) -> Result<Vec<Row>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Builder::new(
        "SELECT d.id, d.payment_id, d.endpoint_id, d.amount_minor, d.currency, e.deleted_at, e.lifetime_us
        FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id WHERE d.id IN (",
    );
    let query = push_ids(&mut query, ids.iter().copied()).push(" ORDER BY d.id").build().persistent(false);
    query.fetch_all(tx).await.doing("read what is to be resent")
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
        amount: rows::amount(row)?,
        created_at: terms.now,
        due_at: terms.now,
        deadline_at: deadline(terms.now, terms.lifetime, lifetime),
    };
    draft.insert(tx).await?;
    Ok(true)
}

async fn insert(tx: &mut Connection, act: &BulkAct, newest: Uuid) -> Result<()> {
    let (kind, who, note) = match &act.kind {
        BulkKind::Resend => ("resend", None, None),
        BulkKind::Settle { who, note } => ("settle", Some(who), Some(note)),
    };
    let inserted = sqlx::query(
        "INSERT INTO bulk_acts (id, kind, who, note, filter, actor, total, done, skipped, newest_id, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8, $9) ON CONFLICT (id) DO NOTHING",
    )
    .bind(act.id)
    .bind(kind)
    .bind(who)
    .bind(note)
    .bind(bulk_filter::write(&act.filter)?)
    .bind(&act.actor)
    .bind(number(act.total))
    .bind(newest)
    .bind(act.created_at.0)
    .execute(tx)
    .await
    .doing("write a bulk act")?;
    match inserted.rows_affected() {
        0 => Err(StoreError::Exists { what: "bulk act", id: act.id.to_string() }),
        _ => Ok(()),
    }
}

async fn save(tx: &mut Connection, act: &BulkAct, place: &Place) -> Result<()> {
    sqlx::query("UPDATE bulk_acts SET done = $2, skipped = $3, place = $4, finished_at = $5 WHERE id = $1")
        .bind(act.id)
        .bind(number(act.done))
        .bind(number(act.skipped))
        .bind(place.write()?)
        .bind(act.finished_at.map(|at| at.0))
        .execute(tx)
        .await
        .doing("write a bulk act")?;
    Ok(())
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn read(row: &Row) -> Result<BulkAct> {
    let kind = match rows::get(row, "kind")? {
        "resend" => BulkKind::Resend,
        "settle" => BulkKind::Settle { who: rows::get(row, "who")?, note: rows::get(row, "note")? },
        other => return Err(StoreError::Unreadable(format!("{other:?} is not a known bulk act"))),
    };
    Ok(BulkAct {
        id: rows::get(row, "id")?,
        kind,
        filter: bulk_filter::read(rows::get(row, "filter")?)?,
        total: count(rows::get(row, "total")?),
        done: count(rows::get(row, "done")?),
        skipped: count(rows::get(row, "skipped")?),
        actor: rows::get(row, "actor")?,
        created_at: rows::time(row, "created_at")?,
        finished_at: rows::time_if_any(row, "finished_at")?,
    })
}
