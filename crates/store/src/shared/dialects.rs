//! The gateway's own dialects.

use super::hold_to_dialect::hold_endpoints;
use super::{Builder, Connection, Row, This, audit, rows};
use crate::error::Doing;
use crate::manage::{Actor, Page, PageRequest, StoredDialect};
use crate::page::{page, rows_wanted};
use crate::{Result, StoreError};
use paybell_dialects::Dialect;

const COLUMNS: &str = "name, definition, version, created_at, updated_at";

/// Endpoints with this dialect get a new version, so that nobody goes on with the definition as it was.
const RENEW: &str = "UPDATE endpoints SET version = version + 1 WHERE dialect = $1";

/// What is the same already is not written again.
pub(super) async fn put(ledger: &This, dialect: &Dialect, actor: &Actor) -> Result<StoredDialect> {
    const ACT: &str = "store a dialect";
    const BEFORE: &str = concat!("SELECT definition FROM dialects WHERE name = $1", for_update!());
    let name = dialect.name();
    if Dialect::named(name).is_some() {
        return Err(StoreError::Refused(format!("{name} is the name of a built-in dialect; take another one")));
    }
    let mut tx = ledger.begin(ACT).await?;
    let before = sqlx::query(BEFORE).bind(name).fetch_optional(&mut *tx).await.doing(ACT)?;
    let row = sqlx::query(
        "INSERT INTO dialects (name, definition, version, created_at, updated_at) VALUES ($1, $2, 1, $3, $3)
        ON CONFLICT (name) DO UPDATE
        SET definition = excluded.definition,
            version = dialects.version + CASE WHEN dialects.definition = excluded.definition THEN 0 ELSE 1 END,
            updated_at = CASE WHEN dialects.definition = excluded.definition THEN dialects.updated_at
                ELSE excluded.updated_at END
        RETURNING name, definition, version, created_at, updated_at",
    );
    let row = row.bind(name).bind(dialect.definition_json()).bind(actor.now.0).fetch_one(&mut *tx).await.doing(ACT)?;
    let stored = read(&row)?;
    if stored.updated_at == actor.now {
        let before: Option<String> = before.as_ref().map(|row| rows::get(row, "definition")).transpose()?;
        // One that cannot be read (any more) was of no use to any endpoint, so all of them are looked at.
        let before = before.and_then(|definition| Dialect::from_json(&definition).ok());
        hold_endpoints(ledger, &mut tx, before.as_ref(), dialect).await?;
        let renewed = sqlx::query(RENEW).bind(name).execute(&mut *tx).await.doing(ACT)?.rows_affected();
        let detail = format!("version {}, used by {renewed} endpoints", stored.version);
        audit::write(&mut tx, actor, "dialect.put", name, &detail).await?;
    }
    tx.commit().await.doing(ACT)?;
    Ok(stored)
}

pub(super) async fn find(ledger: &This, name: &str) -> Result<Option<StoredDialect>> {
    const FIND: &str = "SELECT name, definition, version, created_at, updated_at FROM dialects WHERE name = $1";
    let rows = ledger.look_up("read a dialect", sqlx::query(FIND).bind(name)).await?;
    rows.first().map(read).transpose()
}

pub(super) async fn list(ledger: &This, request: &PageRequest) -> Result<Page<StoredDialect>> {
    let mut query = Builder::new("SELECT ");
    query.push(COLUMNS).push(" FROM dialects WHERE true");
    if let Some(after) = &request.after {
        query.push(" AND name > ").push_bind(after.clone());
    }
    query.push(" ORDER BY name LIMIT ").push_bind(rows_wanted(request));
    let rows = query.build().fetch_all(ledger.reader()).await.doing("list the dialects")?;
    let dialects = rows.iter().map(read).collect::<Result<_>>()?;
    Ok(page(dialects, request, |dialect: &StoredDialect| dialect.name.clone()))
}

pub(super) async fn delete(ledger: &This, name: &str, actor: &Actor) -> Result<()> {
    const ACT: &str = "delete a dialect";
    let mut tx = ledger.begin(ACT).await?;
    // Whoever is about to use it holds its row until the endpoint can be seen.
    let deleted = sqlx::query("DELETE FROM dialects WHERE name = $1").bind(name);
    if deleted.execute(&mut *tx).await.doing(ACT)?.rows_affected() == 0 {
        return Err(not_found(name));
    }
    let used = sqlx::query("SELECT count(*) AS used FROM endpoints WHERE dialect = $1 AND deleted_at IS NULL");
    let row = used.bind(name).fetch_one(&mut *tx).await.doing(ACT)?;
    let used: i64 = rows::get(&row, "used")?;
    if used > 0 {
        return Err(StoreError::Refused(format!("{used} endpoints use dialect {name}; give them another one first")));
    }
    audit::write(&mut tx, actor, "dialect.delete", name, "").await?;
    tx.commit().await.doing(ACT)
}

/// Makes sure that an endpoint can use the dialect: it is built in, or stays as it is until the transaction ends. Answers
/// one that is not built in, and can be read.
pub(super) async fn hold(connection: &mut Connection, name: &str) -> Result<Option<Dialect>> {
    if Dialect::named(name).is_some() {
        return Ok(None);
    }
    let find = concat!("SELECT definition FROM dialects WHERE name = $1", for_share!());
    let row = sqlx::query(find).bind(name).fetch_optional(connection).await.doing("look for a dialect")?;
    let definition: String = rows::get(&row.ok_or_else(|| not_found(name))?, "definition")?;
    Ok(Dialect::from_json(&definition).ok())
}

/// The dialect of an endpoint's row, where it is not built in.
pub(super) fn of_endpoint(row: &Row) -> Result<Option<StoredDialect>> {
    let Some(name) = rows::get(row, "dialect_name")? else { return Ok(None) };
    Ok(Some(StoredDialect {
        name,
        definition: rows::get(row, "dialect_definition")?,
        version: rows::get(row, "dialect_version")?,
        created_at: rows::time(row, "dialect_created_at")?,
        updated_at: rows::time(row, "dialect_updated_at")?,
    }))
}

fn not_found(name: &str) -> StoreError {
    StoreError::NotFound { what: "dialect", id: name.to_owned() }
}

fn read(row: &Row) -> Result<StoredDialect> {
    Ok(StoredDialect {
        name: rows::get(row, "name")?,
        definition: rows::get(row, "definition")?,
        version: rows::get(row, "version")?,
        created_at: rows::time(row, "created_at")?,
        updated_at: rows::time(row, "updated_at")?,
    })
}
