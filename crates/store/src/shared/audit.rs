//! What people did, written in the transaction in which they did it.

use super::{Builder, Connection, Row, This, rows};
use crate::Result;
use crate::error::Doing;
use crate::ids::id_at;
use crate::manage::{Actor, AuditFilter, AuditRow, Page, PageRequest};
use crate::page::{after, page, rows_wanted};
use std::fmt::Display;
use uuid::Uuid;

/// Writes that somebody did something to something.
pub(super) async fn write(
    connection: &mut Connection,
    actor: &Actor,
    action: &'static str,
    subject: impl Display,
    detail: &str,
) -> Result<()> {
    sqlx::query("INSERT INTO audit (id, at, actor, action, subject, detail) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id_at(actor.now))
        .bind(actor.now.0)
        .bind(&actor.name)
        .bind(action)
        .bind(subject.to_string())
        .bind(detail)
        .execute(connection)
        .await
        .doing("write the audit")?;
    Ok(())
}

pub(super) async fn list(ledger: &This, filter: &AuditFilter, request: &PageRequest) -> Result<Page<AuditRow>> {
    const ACT: &str = "list the audit";
    let mut query = Builder::new("SELECT id, at, actor, action, subject, detail FROM audit WHERE true");
    if let Some(subject) = &filter.subject {
        query.push(" AND subject = ").push_bind(subject.clone());
    }
    if let Some(after) = after::<Uuid>(request)? {
        query.push(" AND id < ").push_bind(after);
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(rows_wanted(request));
    let rows = query.build().fetch_all(ledger.reader()).await.doing(ACT)?;
    Ok(page(rows.iter().map(read).collect::<Result<_>>()?, request, |row: &AuditRow| row.id))
}

fn read(row: &Row) -> Result<AuditRow> {
    Ok(AuditRow {
        id: rows::get(row, "id")?,
        at: rows::time(row, "at")?,
        actor: rows::get(row, "actor")?,
        action: rows::get(row, "action")?,
        subject: rows::get(row, "subject")?,
        detail: rows::get(row, "detail")?,
    })
}
