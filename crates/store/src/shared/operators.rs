//! Operators: people who sign in with a password, of which only a hash is known here.

use super::{Connection, Row, This, audit, rows, sessions};
use crate::error::Doing;
use crate::manage::{Actor, Operator, OperatorRole};
use crate::{Result, StoreError};

macro_rules! operator_columns {
    () => {
        "name, role, password_hash, created_at, updated_at, removed_at"
    };
}

/// One that was removed begins anew.
const PUT: &str = "
INSERT INTO operators AS o (name, role, password_hash, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (name) DO UPDATE
SET role = excluded.role, password_hash = excluded.password_hash, updated_at = excluded.updated_at, removed_at = NULL,
    created_at = CASE WHEN o.removed_at IS NULL THEN o.created_at ELSE excluded.created_at END";

pub(super) async fn put(ledger: &This, operator: &Operator, actor: &Actor) -> Result<()> {
    const ACT: &str = "add or change an operator";
    let mut tx = ledger.begin(ACT).await?;
    let known = lock(&mut tx, &operator.name).await?.is_some_and(|before| before.removed_at.is_none());
    let put = sqlx::query(PUT).bind(&operator.name).bind(operator.role.as_str()).bind(&operator.password_hash);
    let put = put.bind(operator.created_at.0).bind(operator.updated_at.0);
    put.execute(&mut *tx).await.doing(ACT)?;
    sessions::end_those_of_operator(&mut tx, &operator.name).await?;
    let action = if known { "operator.change" } else { "operator.add" };
    audit::write(&mut tx, actor, action, &operator.name, operator.role.as_str()).await?;
    tx.commit().await.doing(ACT)
}

pub(super) async fn find(ledger: &This, name: &str) -> Result<Option<Operator>> {
    const FIND: &str =
        concat!("SELECT ", operator_columns!(), " FROM operators WHERE name = $1 AND removed_at IS NULL");
    let rows = ledger.look_up("read an operator", sqlx::query(FIND).bind(name)).await?;
    rows.first().map(read).transpose()
}

pub(super) async fn list(ledger: &This) -> Result<Vec<Operator>> {
    const LIST: &str =
        concat!("SELECT ", operator_columns!(), " FROM operators WHERE removed_at IS NULL ORDER BY name");
    let rows = sqlx::query(LIST).fetch_all(ledger.reader()).await.doing("list the operators")?;
    rows.iter().map(read).collect()
}

pub(super) async fn remove(ledger: &This, name: &str, actor: &Actor) -> Result<()> {
    const ACT: &str = "remove an operator";
    let mut tx = ledger.begin(ACT).await?;
    let remove = sqlx::query("UPDATE operators SET removed_at = $2 WHERE name = $1 AND removed_at IS NULL");
    let removed = remove.bind(name).bind(actor.now.0).execute(&mut *tx).await.doing(ACT)?;
    if removed.rows_affected() == 0 {
        return Err(StoreError::NotFound { what: "operator", id: name.to_owned() });
    }
    sessions::end_those_of_operator(&mut tx, name).await?;
    audit::write(&mut tx, actor, "operator.remove", name, "").await?;
    tx.commit().await.doing(ACT)
}

/// The operator, removed ones too, kept from other changes until the transaction ends.
async fn lock(tx: &mut Connection, name: &str) -> Result<Option<Operator>> {
    const LOCK: &str = concat!("SELECT ", operator_columns!(), " FROM operators WHERE name = $1", for_update!());
    let row = sqlx::query(LOCK).bind(name).fetch_optional(tx).await.doing("lock an operator")?;
    row.as_ref().map(read).transpose()
}

/// The operator, kept from being changed until the transaction ends; others may do the same.
pub(super) async fn hold(tx: &mut Connection, name: &str) -> Result<Option<Operator>> {
    const HOLD: &str =
        concat!("SELECT ", operator_columns!(), " FROM operators WHERE name = $1 AND removed_at IS NULL", for_share!());
    let row = sqlx::query(HOLD).bind(name).fetch_optional(tx).await.doing("hold an operator")?;
    row.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Operator> {
    Ok(Operator {
        name: rows::get(row, "name")?,
        role: role(rows::get(row, "role")?)?,
        password_hash: rows::get(row, "password_hash")?,
        created_at: rows::time(row, "created_at")?,
        updated_at: rows::time(row, "updated_at")?,
        removed_at: rows::time_if_any(row, "removed_at")?,
    })
}

pub(super) fn role(word: &str) -> Result<OperatorRole> {
    match word {
        "viewer" => Ok(OperatorRole::Viewer),
        "operator" => Ok(OperatorRole::Operator),
        _ => Err(StoreError::Unreadable(format!("{word:?} is not a known role of an operator"))),
    }
}
