//! Links that let a merchant into its portal, once.

use super::{This, audit, merchants, rows, sessions};
use crate::error::Doing;
use crate::manage::{Actor, NewPortalSession, PortalLink, Session, Visitor};
use crate::{Result, StoreError};

pub(super) async fn create(ledger: &This, link: &PortalLink, actor: &Actor) -> Result<()> {
    const ACT: &str = "make a portal link";
    let mut tx = ledger.begin(ACT).await?;
    merchants::hold(&mut tx, &link.merchant_id).await?;
    let inserted = sqlx::query(
        "INSERT INTO portal_links (id, hash, merchant_id, rights, created_at, ends_at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(link.id)
    .bind(&link.hash)
    .bind(link.merchant_id.as_str())
    .bind(sessions::write_rights(&link.rights)?)
    .bind(link.created_at.0)
    .bind(link.ends_at.0)
    .execute(&mut *tx)
    .await
    .doing(ACT)?;
    if inserted.rows_affected() == 0 {
        return Err(StoreError::Exists { what: "portal link", id: link.id.to_string() });
    }
    audit::write(&mut tx, actor, "portal.link", &link.merchant_id, &format!("link {}", link.id)).await?;
    tx.commit().await.doing(ACT)
}

/// Of those who come with the same link at once, one deletes it.
const USE_UP: &str = "DELETE FROM portal_links WHERE hash = $1 AND ends_at > $2 RETURNING id, merchant_id, rights";

pub(super) async fn use_up(ledger: &This, hash: &[u8], new: &NewPortalSession) -> Result<Option<Session>> {
    const ACT: &str = "use a portal link";
    let mut tx = ledger.begin(ACT).await?;
    let used = sqlx::query(USE_UP).bind(hash).bind(new.now.0).fetch_optional(&mut *tx).await.doing(ACT)?;
    let Some(link) = used else { return Ok(None) };
    let (merchant_id, rights) = (rows::merchant_id(&link, "merchant_id")?, sessions::rights(&link)?);
    match merchants::hold(&mut tx, &merchant_id).await {
        Err(StoreError::NotFound { .. }) => return Ok(None),
        held => held?,
    }
    let session = Session {
        id: new.id,
        hash: new.hash.clone(),
        name: format!("merchant {merchant_id}"),
        visitor: Visitor::Merchant { merchant_id: merchant_id.clone(), rights },
        key_id: None,
        created_at: new.now,
        ends_at: new.ends_at,
    };
    sessions::insert(&mut tx, &session).await?;
    let actor = Actor { name: session.name.clone(), now: new.now };
    let detail = format!("link {}, session {}", rows::get::<uuid::Uuid>(&link, "id")?, new.id);
    audit::write(&mut tx, &actor, "portal.enter", &merchant_id, &detail).await?;
    tx.commit().await.doing(ACT)?;
    Ok(Some(session))
}
