//! Sessions of operators and merchants. What a session began with is held while it begins, and ends it in the transaction
//! in which it changes; so a session that is found needs no other look.

use super::{Connection, Row, This, audit, merchants, operators, rows};
use crate::error::Doing;
use crate::manage::{Actor, OperatorRole, PortalRights, Session, Visitor};
use crate::{Result, StoreError};
use paybell_delivery::{MerchantId, Timestamp};
use std::time::Duration;
use uuid::Uuid;

macro_rules! session_columns {
    () => {
        "id, hash, name, role, key_id, merchant_id, rights, created_at, ends_at"
    };
}

pub(super) async fn create(ledger: &This, session: &Session, actor: &Actor) -> Result<()> {
    const ACT: &str = "begin a session";
    let mut tx = ledger.begin(ACT).await?;
    match &session.visitor {
        Visitor::Operator(role) => hold_operator(&mut tx, session, *role).await?,
        Visitor::Merchant { merchant_id, .. } => merchants::hold(&mut tx, merchant_id).await?,
    }
    insert(&mut tx, session).await?;
    audit::write(&mut tx, actor, "session.create", session.id, &in_words(session)).await?;
    tx.commit().await.doing(ACT)
}

/// The session's token was checked against what may have changed meanwhile.
async fn hold_operator(tx: &mut Connection, session: &Session, role: OperatorRole) -> Result<()> {
    let stands = match session.key_id {
        Some(key) => {
            let key = sqlx::query(concat!("SELECT revoked_at FROM keys WHERE id = $1", for_share!())).bind(key);
            let row = key.fetch_optional(tx).await.doing("hold a key")?;
            row.is_some_and(|row| rows::time_if_any(&row, "revoked_at").is_ok_and(|at| at.is_none()))
        }
        None => {
            let operator = operators::hold(tx, &session.name).await?;
            operator.is_some_and(|it| it.role == role && it.updated_at <= session.created_at)
        }
    };
    if stands { Ok(()) } else { Err(StoreError::Refused(format!("{} can no longer sign in like this", session.name))) }
}

pub(super) async fn insert(tx: &mut Connection, session: &Session) -> Result<()> {
    let (role, merchant) = match &session.visitor {
        Visitor::Operator(role) => (Some(role.as_str()), None),
        Visitor::Merchant { merchant_id, rights } => (None, Some((merchant_id.as_str(), write_rights(rights)?))),
    };
    let (merchant_id, rights) = merchant.unzip();
    let inserted = sqlx::query(
        "INSERT INTO sessions (id, hash, name, role, key_id, merchant_id, rights, created_at, ends_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
    )
    .bind(session.id)
    .bind(&session.hash)
    .bind(&session.name)
    .bind(role)
    .bind(session.key_id)
    .bind(merchant_id)
    .bind(rights)
    .bind(session.created_at.0)
    .bind(session.ends_at.0)
    .execute(tx)
    .await
    .doing("write a session")?;
    match inserted.rows_affected() {
        0 => Err(StoreError::Exists { what: "session", id: session.id.to_string() }),
        _ => Ok(()),
    }
}

/// For every page, so one look by an index.
pub(super) async fn find(ledger: &This, hash: &[u8], now: Timestamp) -> Result<Option<Session>> {
    const FIND: &str = concat!("SELECT ", session_columns!(), " FROM sessions WHERE hash = $1 AND ends_at > $2");
    let rows = ledger.look_up("read a session", sqlx::query(FIND).bind(hash).bind(now.0)).await?;
    rows.first().map(read).transpose()
}

pub(super) async fn list(ledger: &This, now: Timestamp) -> Result<Vec<Session>> {
    const OPEN: &str = concat!(
        "SELECT ",
        session_columns!(),
        " FROM sessions WHERE ends_at > $1 ORDER BY created_at DESC, id DESC LIMIT 1000"
    );
    let rows = sqlx::query(OPEN).bind(now.0).fetch_all(ledger.reader()).await.doing("list the sessions")?;
    rows.iter().map(read).collect()
}

pub(super) async fn revoke(ledger: &This, id: Uuid, actor: &Actor) -> Result<()> {
    const ACT: &str = "revoke a session";
    const REVOKE: &str = concat!("DELETE FROM sessions WHERE id = $1 RETURNING ", session_columns!());
    let mut tx = ledger.begin(ACT).await?;
    let row = sqlx::query(REVOKE).bind(id).fetch_optional(&mut *tx).await.doing(ACT)?;
    let session = read(&row.ok_or_else(|| StoreError::NotFound { what: "session", id: id.to_string() })?)?;
    audit::write(&mut tx, actor, "session.revoke", id, &in_words(&session)).await?;
    tx.commit().await.doing(ACT)
}

pub(super) async fn end_those_of_operator(tx: &mut Connection, name: &str) -> Result<()> {
    let end = sqlx::query("DELETE FROM sessions WHERE name = $1 AND role IS NOT NULL AND key_id IS NULL").bind(name);
    end.execute(tx).await.doing("end the sessions of an operator").map(drop)
}

pub(super) async fn end_those_of_key(tx: &mut Connection, key: Uuid) -> Result<()> {
    let end = sqlx::query("DELETE FROM sessions WHERE key_id = $1").bind(key);
    end.execute(tx).await.doing("end the sessions of a key").map(drop)
}

pub(super) async fn end_those_of_merchant(tx: &mut Connection, merchant: &MerchantId) -> Result<()> {
    let end = sqlx::query("DELETE FROM sessions WHERE merchant_id = $1").bind(merchant.as_str());
    end.execute(tx).await.doing("end the sessions of a merchant").map(drop)
}

/// For how long what has ended is kept.
const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// Deletes at most so many sessions and so many portal links that ended long ago. Answers how many.
pub(in super::super) async fn let_go(tx: &mut Connection, now: Timestamp, limit: u32) -> Result<u64> {
    const ACT: &str = "delete old sessions";
    const SESSIONS: &str =
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE ends_at < $1 ORDER BY ends_at LIMIT $2)";
    const LINKS: &str = "DELETE FROM portal_links WHERE id IN (SELECT id FROM portal_links WHERE ends_at < $1 ORDER BY ends_at LIMIT $2)";
    let mut deleted = 0;
    for delete in [SESSIONS, LINKS] {
        let delete = sqlx::query(delete).bind(now.before(KEPT_FOR).0).bind(i64::from(limit));
        deleted += delete.execute(&mut *tx).await.doing(ACT)?.rows_affected();
    }
    Ok(deleted)
}

fn in_words(session: &Session) -> String {
    match (&session.visitor, session.key_id) {
        (Visitor::Operator(role), None) => format!("{} {}", role.as_str(), session.name),
        (Visitor::Operator(role), Some(key)) => format!("{} {}, by key {key}", role.as_str(), session.name),
        (Visitor::Merchant { merchant_id, .. }, _) => format!("merchant {merchant_id}"),
    }
}

fn read(row: &Row) -> Result<Session> {
    let role: Option<&str> = rows::get(row, "role")?;
    let visitor = match role {
        Some(role) => Visitor::Operator(operators::role(role)?),
        None => Visitor::Merchant { merchant_id: rows::merchant_id(row, "merchant_id")?, rights: rights(row)? },
    };
    Ok(Session {
        id: rows::get(row, "id")?,
        hash: rows::get(row, "hash")?,
        name: rows::get(row, "name")?,
        visitor,
        key_id: rows::get(row, "key_id")?,
        created_at: rows::time(row, "created_at")?,
        ends_at: rows::time(row, "ends_at")?,
    })
}

pub(super) fn write_rights(rights: &PortalRights) -> Result<String> {
    serde_json::to_string(rights).map_err(|e| StoreError::Refused(format!("the rights cannot be stored: {e}")))
}

pub(super) fn rights(row: &Row) -> Result<PortalRights> {
    let unreadable = |e: serde_json::Error| StoreError::Unreadable(format!("a merchant's rights: {e}"));
    serde_json::from_str(rows::get(row, "rights")?).map_err(unreadable)
}
