//! Keys, as hashes.

use super::{Row, This, audit, rows, sessions};
use crate::error::Doing;
use crate::manage::{Actor, KeyRecord, KeyRole};
use crate::{Result, StoreError};
use uuid::Uuid;

pub(super) async fn create(ledger: &This, key: &KeyRecord, actor: &Actor) -> Result<()> {
    const ACT: &str = "create a key";
    let mut tx = ledger.begin(ACT).await?;
    let inserted = sqlx::query(
        "INSERT INTO keys (id, role, name, hash, created_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (id) DO NOTHING",
    )
    .bind(key.id)
    .bind(role_word(key.role))
    .bind(&key.name)
    .bind(&key.hash)
    .bind(key.created_at.0)
    .bind(key.revoked_at.map(|at| at.0))
    .execute(&mut *tx)
    .await
    .doing(ACT)?;
    if inserted.rows_affected() == 0 {
        return Err(StoreError::Exists { what: "key", id: key.id.to_string() });
    }
    let detail = format!("{} for {}", role_word(key.role), key.name);
    audit::write(&mut tx, actor, "key.create", key.id, &detail).await?;
    tx.commit().await.doing(ACT)
}

pub(super) async fn find(ledger: &This, id: Uuid) -> Result<Option<KeyRecord>> {
    let find = sqlx::query("SELECT id, role, name, hash, created_at, revoked_at FROM keys WHERE id = $1");
    let rows = ledger.look_up("read a key", find.bind(id)).await?;
    rows.first().map(read).transpose()
}

pub(super) async fn list(ledger: &This) -> Result<Vec<KeyRecord>> {
    let all =
        sqlx::query("SELECT id, role, name, hash, created_at, revoked_at FROM keys ORDER BY created_at DESC, id DESC");
    let rows = all.fetch_all(ledger.reader()).await.doing("list the keys")?;
    rows.iter().map(read).collect()
}

/// Revoking what is revoked changes nothing.
pub(super) async fn revoke(ledger: &This, id: Uuid, actor: &Actor) -> Result<()> {
    const ACT: &str = "revoke a key";
    let mut tx = ledger.begin(ACT).await?;
    let find = concat!("SELECT name, revoked_at FROM keys WHERE id = $1", for_update!());
    let row = sqlx::query(find).bind(id).fetch_optional(&mut *tx).await.doing(ACT)?;
    let row = row.ok_or_else(|| StoreError::NotFound { what: "key", id: id.to_string() })?;
    if rows::time_if_any(&row, "revoked_at")?.is_some() {
        return Ok(());
    }
    let revoke = sqlx::query("UPDATE keys SET revoked_at = $2 WHERE id = $1").bind(id).bind(actor.now.0);
    revoke.execute(&mut *tx).await.doing(ACT)?;
    sessions::end_those_of_key(&mut tx, id).await?;
    audit::write(&mut tx, actor, "key.revoke", id, rows::get(&row, "name")?).await?;
    tx.commit().await.doing(ACT)
}

fn read(row: &Row) -> Result<KeyRecord> {
    Ok(KeyRecord {
        id: rows::get(row, "id")?,
        role: role(rows::get(row, "role")?)?,
        name: rows::get(row, "name")?,
        hash: rows::get(row, "hash")?,
        created_at: rows::time(row, "created_at")?,
        revoked_at: rows::time_if_any(row, "revoked_at")?,
    })
}

fn role_word(role: KeyRole) -> &'static str {
    match role {
        KeyRole::Gateway => "gateway",
        KeyRole::Operator => "operator",
    }
}

fn role(word: &str) -> Result<KeyRole> {
    match word {
        "gateway" => Ok(KeyRole::Gateway),
        "operator" => Ok(KeyRole::Operator),
        _ => Err(StoreError::Unreadable(format!("{word:?} is not a known role"))),
    }
}
