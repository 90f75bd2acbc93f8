//! Operators, their sessions, and merchants' links into the portal.

use crate::fixture::{Fixture, actor, at, id_at, merchant_id};
use anyhow::{Context, Result};
use paybell_delivery::Timestamp;
use paybell_store::StoreError;
use paybell_store::manage::{
    AuditFilter, KeyRecord, KeyRole, NewPortalSession, Operator, OperatorRole, PortalLink, PortalRights, Session,
    Visitor,
};
use std::time::Duration;
use uuid::Uuid;

conformance!(
    operators_are_added_changed_and_removed,
    a_session_is_found_by_its_hash_until_it_ends,
    a_change_of_an_operator_ends_their_sessions_and_no_others,
    a_session_of_who_was_changed_or_removed_meanwhile_never_opens,
    a_revoked_key_ends_its_sessions,
    a_revoked_session_is_gone_at_once,
    a_portal_link_lets_in_once_and_in_time,
    of_many_who_use_a_portal_link_at_once_one_gets_in,
    a_deleted_merchant_is_shown_out,
    what_ended_is_let_go_of_after_a_week,
    tokens_and_password_hashes_are_in_no_debug_text,
);

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

fn operator(name: &str, role: OperatorRole, second: u64) -> Operator {
    Operator {
        name: name.to_owned(),
        role,
        password_hash: format!("$argon2id$of {name} at {second}"),
        created_at: at(second),
        updated_at: at(second),
        removed_at: None,
    }
}

/// A session of an operator from this second on, for an hour.
fn session(token: u8, name: &str, role: OperatorRole, second: u64) -> Session {
    Session {
        id: id_at(at(second)),
        hash: vec![token; 32],
        name: name.to_owned(),
        visitor: Visitor::Operator(role),
        key_id: None,
        created_at: at(second),
        ends_at: at(second + 3_600),
    }
}

fn link(token: u8, second: u64) -> PortalLink {
    PortalLink {
        id: id_at(at(second)),
        hash: vec![token; 32],
        merchant_id: merchant_id(),
        rights: PortalRights { settle: false, ..PortalRights::default() },
        created_at: at(second),
        ends_at: at(second + 600),
    }
}

fn entering(token: u8, second: u64) -> NewPortalSession {
    NewPortalSession { id: id_at(at(second)), hash: vec![token; 32], now: at(second), ends_at: at(second + 3_600) }
}

async fn opens(f: &Fixture, token: u8, now: Timestamp) -> Result<bool> {
    Ok(f.ledger.session(&[token; 32], now).await?.is_some())
}

async fn operators_are_added_changed_and_removed(f: Fixture) -> Result<()> {
    let (olga, ada) = (operator("olga", OperatorRole::Operator, 1), operator("ada", OperatorRole::Viewer, 2));
    f.ledger.put_operator(&olga, &actor(at(1))).await?;
    f.ledger.put_operator(&ada, &actor(at(2))).await?;
    assert_eq!(f.ledger.operators().await?, [ada.clone(), olga.clone()]);
    assert_eq!(f.ledger.operator("olga").await?, Some(olga));
    assert_eq!(f.ledger.operator("Olga").await?, None);

    f.ledger.put_operator(&operator("ada", OperatorRole::Operator, 3), &actor(at(3))).await?;
    let changed = f.ledger.operator("ada").await?.context("there")?;
    assert_eq!((changed.role, changed.created_at, changed.updated_at), (OperatorRole::Operator, at(2), at(3)));
    assert_ne!(changed.password_hash, ada.password_hash);

    f.ledger.remove_operator("ada", &actor(at(4))).await?;
    assert_eq!(f.ledger.operator("ada").await?, None);
    assert_eq!(f.ledger.operators().await?.len(), 1);
    let gone = f.ledger.remove_operator("ada", &actor(at(5))).await;
    assert!(matches!(gone, Err(StoreError::NotFound { what: "operator", .. })));
    f.ledger.put_operator(&operator("ada", OperatorRole::Viewer, 6), &actor(at(6))).await?;
    let again = f.ledger.operator("ada").await?.context("there again")?;
    assert_eq!((again.role, again.created_at, again.removed_at), (OperatorRole::Viewer, at(6), None));
    let acts = ["operator.add", "operator.remove", "operator.change", "operator.add", "operator.add"];
    assert_eq!(f.actions().await?, acts);
    Ok(())
}

async fn a_session_is_found_by_its_hash_until_it_ends(f: Fixture) -> Result<()> {
    f.ledger.put_operator(&operator("olga", OperatorRole::Viewer, 1), &actor(at(1))).await?;
    let first = session(1, "olga", OperatorRole::Viewer, 10);
    let second = session(2, "olga", OperatorRole::Viewer, 20);
    f.ledger.create_session(&first, &actor(at(10))).await?;
    f.ledger.create_session(&second, &actor(at(20))).await?;
    let twice = f.ledger.create_session(&first, &actor(at(21))).await;
    assert!(matches!(twice, Err(StoreError::Exists { what: "session", .. })));
    let same_token = Session { id: id_at(at(22)), ..first.clone() };
    let same_token = f.ledger.create_session(&same_token, &actor(at(22))).await;
    assert!(matches!(same_token, Err(StoreError::Exists { .. })), "one token, one visit");

    assert_eq!(f.ledger.session(&first.hash, at(3_609)).await?.as_ref(), Some(&first));
    assert_eq!(f.ledger.session(&first.hash, at(3_610)).await?, None, "it has ended");
    assert_eq!(f.ledger.session(&[9; 32], at(30)).await?, None);
    assert_eq!(f.ledger.sessions(at(30)).await?, [second.clone(), first]);
    assert_eq!(f.ledger.sessions(at(3_610)).await?, [second]);
    assert_eq!(f.actions().await?[..2], ["session.create", "session.create"]);
    Ok(())
}

async fn a_change_of_an_operator_ends_their_sessions_and_no_others(f: Fixture) -> Result<()> {
    for name in ["olga", "ada", "eve"] {
        f.ledger.put_operator(&operator(name, OperatorRole::Operator, 1), &actor(at(1))).await?;
    }
    let key = KeyRecord {
        id: id_at(at(1)),
        role: KeyRole::Operator,
        name: "olga".to_owned(),
        hash: vec![7; 32],
        created_at: at(1),
        revoked_at: None,
    };
    f.ledger.create_key(&key, &actor(at(1))).await?;
    for (token, name) in [(1, "olga"), (2, "ada"), (3, "eve")] {
        f.ledger.create_session(&session(token, name, OperatorRole::Operator, 10), &actor(at(10))).await?;
    }
    let by_key = Session { key_id: Some(key.id), ..session(4, "olga", OperatorRole::Operator, 11) };
    f.ledger.create_session(&by_key, &actor(at(11))).await?;

    f.ledger.put_operator(&operator("olga", OperatorRole::Viewer, 20), &actor(at(20))).await?;
    f.ledger.remove_operator("ada", &actor(at(20))).await?;
    assert!(!opens(&f, 1, at(20)).await?, "another role");
    assert!(!opens(&f, 2, at(20)).await?, "removed");
    assert!(opens(&f, 3, at(20)).await?, "nothing happened to her");
    assert!(opens(&f, 4, at(20)).await?, "a key of that name is not she");
    f.ledger.put_operator(&operator("ada", OperatorRole::Operator, 30), &actor(at(30))).await?;
    assert!(!opens(&f, 2, at(31)).await?, "who comes back signs in anew");
    Ok(())
}

async fn a_session_of_who_was_changed_or_removed_meanwhile_never_opens(f: Fixture) -> Result<()> {
    f.ledger.put_operator(&operator("olga", OperatorRole::Operator, 1), &actor(at(1))).await?;
    let begun = session(1, "olga", OperatorRole::Operator, 10);
    f.ledger.put_operator(&operator("olga", OperatorRole::Operator, 11), &actor(at(11))).await?;
    let refused = |result: paybell_store::Result<()>| matches!(result, Err(StoreError::Refused(_)));
    assert!(refused(f.ledger.create_session(&begun, &actor(at(12))).await), "the password was changed");
    let wrong_role = session(2, "olga", OperatorRole::Viewer, 20);
    assert!(refused(f.ledger.create_session(&wrong_role, &actor(at(20))).await));
    f.ledger.create_session(&session(3, "olga", OperatorRole::Operator, 20), &actor(at(20))).await?;
    f.ledger.remove_operator("olga", &actor(at(30))).await?;
    let late = session(4, "olga", OperatorRole::Operator, 31);
    assert!(refused(f.ledger.create_session(&late, &actor(at(31))).await));
    assert!(f.ledger.sessions(at(31)).await?.is_empty());
    Ok(())
}

async fn a_revoked_key_ends_its_sessions(f: Fixture) -> Result<()> {
    let key = |second| KeyRecord {
        id: id_at(at(second)),
        role: KeyRole::Operator,
        name: "desk".to_owned(),
        hash: vec![7; 32],
        created_at: at(second),
        revoked_at: None,
    };
    let (first, second) = (key(1), key(2));
    for (token, key) in [(1, &first), (2, &second)] {
        f.ledger.create_key(key, &actor(at(2))).await?;
        let session = Session { key_id: Some(key.id), ..session(token, "desk", OperatorRole::Operator, 10) };
        f.ledger.create_session(&session, &actor(at(10))).await?;
    }
    f.ledger.revoke_key(first.id, &actor(at(20))).await?;
    assert!(!opens(&f, 1, at(20)).await? && opens(&f, 2, at(20)).await?);
    for key_id in [first.id, Uuid::nil()] {
        let late = Session { key_id: Some(key_id), ..session(3, "desk", OperatorRole::Operator, 21) };
        let refused = f.ledger.create_session(&late, &actor(at(21))).await;
        assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    }
    Ok(())
}

async fn a_revoked_session_is_gone_at_once(f: Fixture) -> Result<()> {
    f.ledger.put_operator(&operator("olga", OperatorRole::Viewer, 1), &actor(at(1))).await?;
    let open = session(1, "olga", OperatorRole::Viewer, 10);
    f.ledger.create_session(&open, &actor(at(10))).await?;
    f.ledger.revoke_session(open.id, &actor(at(20))).await?;
    assert!(!opens(&f, 1, at(15)).await?, "also by a clock that is behind");
    let again = f.ledger.revoke_session(open.id, &actor(at(21))).await;
    assert!(matches!(again, Err(StoreError::NotFound { what: "session", .. })));
    let audit = f.ledger.audit(&AuditFilter::default(), &crate::fixture::all()).await?.items;
    assert_eq!((audit[0].action.as_str(), audit[0].detail.as_str()), ("session.revoke", "viewer olga"));
    Ok(())
}

async fn a_portal_link_lets_in_once_and_in_time(f: Fixture) -> Result<()> {
    let nobody = f.ledger.create_portal_link(&link(1, 10), &actor(at(10))).await;
    assert!(matches!(nobody, Err(StoreError::NotFound { what: "merchant", .. })));
    f.shop().await?;
    for token in [1, 2] {
        f.ledger.create_portal_link(&link(token, 10), &actor(at(10))).await?;
    }
    assert_eq!(f.ledger.use_portal_link(&[9; 32], &entering(3, 20)).await?, None);
    assert_eq!(f.ledger.use_portal_link(&[2; 32], &entering(3, 610)).await?, None, "it has ended");
    let session = f.ledger.use_portal_link(&[1; 32], &entering(3, 609)).await?.context("let in")?;
    let visitor = Visitor::Merchant { merchant_id: merchant_id(), rights: link(1, 10).rights };
    assert_eq!((&session.visitor, session.ends_at), (&visitor, at(4_209)));
    assert_eq!(f.ledger.session(&[3; 32], at(700)).await?, Some(session));
    assert_eq!(f.ledger.use_portal_link(&[1; 32], &entering(4, 609)).await?, None, "it was used");

    let audit = f.ledger.audit(&AuditFilter::default(), &crate::fixture::all()).await?.items;
    let told: Vec<_> =
        audit.iter().map(|row| (row.actor.as_str(), row.action.as_str(), row.subject.as_str())).collect();
    let link = ("olga", "portal.link", "shop");
    assert_eq!(told[..3], [("merchant shop", "portal.enter", "shop"), link, link]);
    Ok(())
}

async fn of_many_who_use_a_portal_link_at_once_one_gets_in(f: Fixture) -> Result<()> {
    f.shop().await?;
    let other = f.another().await?;
    for round in 0..5 {
        f.ledger.create_portal_link(&link(round, 10), &actor(at(10))).await?;
        let mut calls = Vec::new();
        for caller in 0..6 {
            let ledger = if caller % 2 == 0 { f.ledger.clone() } else { other.clone() };
            let entering = entering(100 + round * 10 + caller, 20);
            calls.push(tokio::spawn(async move { ledger.use_portal_link(&[round; 32], &entering).await }));
        }
        let mut let_in = 0;
        for call in calls {
            let_in += u32::from(call.await??.is_some());
        }
        assert_eq!(let_in, 1);
    }
    assert_eq!(f.ledger.sessions(at(21)).await?.len(), 5);
    Ok(())
}

async fn a_deleted_merchant_is_shown_out(f: Fixture) -> Result<()> {
    f.shop().await?;
    for token in [1, 2] {
        f.ledger.create_portal_link(&link(token, 10), &actor(at(10))).await?;
    }
    f.ledger.use_portal_link(&[1; 32], &entering(3, 20)).await?.context("let in")?;
    f.ledger.delete_merchant(&merchant_id(), &actor(at(30))).await?;
    assert!(!opens(&f, 3, at(31)).await?);
    assert_eq!(f.ledger.use_portal_link(&[2; 32], &entering(4, 31)).await?, None);
    Ok(())
}

async fn what_ended_is_let_go_of_after_a_week(f: Fixture) -> Result<()> {
    f.shop().await?;
    for token in [1, 2] {
        f.ledger.create_portal_link(&link(token, 10), &actor(at(10))).await?;
    }
    f.ledger.use_portal_link(&[1; 32], &entering(3, 20)).await?.context("let in")?;
    let deleted = async |now| Ok::<_, StoreError>(f.ledger.keep_attempts(now, WEEK).await?.visits_deleted);
    assert_eq!(deleted(at(610) + WEEK).await?, 0, "not sooner");
    assert_eq!(deleted(at(611) + WEEK).await?, 1, "the link that nobody used");
    assert_eq!(deleted(at(3_621) + WEEK).await?, 1, "the session");
    assert_eq!(deleted(at(9_999) + WEEK).await?, 0);
    Ok(())
}

async fn tokens_and_password_hashes_are_in_no_debug_text(f: Fixture) -> Result<()> {
    f.ledger.put_operator(&operator("olga", OperatorRole::Viewer, 1), &actor(at(1))).await?;
    let shown = format!("{:?}", f.ledger.operators().await?);
    assert!(shown.contains("olga") && !shown.contains("argon2id"), "{shown}");
    Ok(())
}
