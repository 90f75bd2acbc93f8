use crate::fixture::{Fixture, actor, all, at, id_at, merchant_id};
use anyhow::Result;
use paybell_delivery::{EndpointId, EndpointOptions, MerchantId, Pause};
use paybell_store::StoreError;
use paybell_store::manage::{AuditFilter, EndpointChange, KeyRecord, KeyRole, NewEndpoint, Secret};
use std::time::Duration;

conformance!(
    merchants_are_created_renamed_and_deleted,
    endpoints_are_created_changed_and_deleted,
    pausing_what_is_paused_changes_nothing,
    a_change_of_nothing_leaves_no_trace,
    keys_are_kept_as_hashes_and_revoked,
    every_act_leaves_one_audit_row,
);

async fn merchants_are_created_renamed_and_deleted(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let id = merchant_id();
    let taken = f.ledger.create_merchant(&id, "Another", &actor(at(1))).await;
    assert!(matches!(taken, Err(StoreError::Exists { what: "merchant", .. })));
    let renamed = f.ledger.rename_merchant(&id, "The café", &actor(at(2))).await?;
    assert_eq!((renamed.name.as_str(), renamed.created_at, renamed.updated_at), ("The café", at(0), at(2)));
    assert_eq!(f.ledger.merchant(&id).await?, Some(renamed));

    f.ledger.delete_merchant(&id, &actor(at(3))).await?;
    assert_eq!(f.ledger.merchant(&id).await?, None);
    assert_eq!(f.ledger.endpoint(endpoint).await?, None, "its endpoints went with it");
    assert!(f.ledger.merchants(&all()).await?.items.is_empty());
    assert!(matches!(f.ledger.delete_merchant(&id, &actor(at(4))).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(f.ledger.rename_merchant(&id, "", &actor(at(4))).await, Err(StoreError::NotFound { .. })));
    let taken = f.ledger.create_merchant(&id, "Again", &actor(at(5))).await;
    assert!(matches!(taken, Err(StoreError::Exists { .. })), "also by a deleted one");
    Ok(())
}

async fn endpoints_are_created_changed_and_deleted(f: Fixture) -> Result<()> {
    f.ledger.create_merchant(&merchant_id(), "The shop", &actor(at(0))).await?;
    let new = NewEndpoint {
        id: EndpointId(id_at(at(1))),
        merchant_id: merchant_id(),
        url: "https://shop.example/?a=1&b=%20".to_owned(),
        check_url: None,
        dialect: "ok-body".to_owned(),
        parameters: [].into(),
        options: EndpointOptions { ignore_case: true, ..Default::default() },
        concurrency_max: 5,
        time_limit: Some(Duration::from_millis(1_500)),
        lifetime: Some(Duration::from_secs(3600)),
    };
    let secret = Secret { value: "whsec_first".into(), created_at: at(1), ends_at: None };
    let created = f.ledger.create_endpoint(&new, &secret, &actor(at(1))).await?;
    assert_eq!((&created.url, &created.dialect, created.options), (&new.url, &new.dialect, new.options));
    assert_eq!((created.concurrency_max, created.time_limit, created.lifetime), (5, new.time_limit, new.lifetime));
    assert_eq!((created.version, created.created_at, created.pause.clone()), (1, at(1), None));
    assert_eq!(f.ledger.endpoint(new.id).await?, Some(created));
    let nobody =
        NewEndpoint { id: EndpointId(id_at(at(2))), merchant_id: MerchantId::new("no").expect("valid"), ..new.clone() };
    let error = f.ledger.create_endpoint(&nobody, &secret, &actor(at(2))).await.expect_err("no such merchant");
    assert!(matches!(error, StoreError::NotFound { what: "merchant", .. }));
    let taken = f.ledger.create_endpoint(&new, &secret, &actor(at(2))).await;
    assert!(matches!(taken, Err(StoreError::Exists { what: "endpoint", .. })));

    let change =
        EndpointChange { url: Some("http://b.example".to_owned()), time_limit: Some(None), ..Default::default() };
    let changed = f.ledger.change_endpoint(new.id, &change, &actor(at(3))).await?;
    assert_eq!((changed.url.as_str(), changed.time_limit, changed.lifetime), ("http://b.example", None, new.lifetime));
    assert_eq!((changed.version, changed.updated_at), (2, at(3)));
    assert_eq!(f.ledger.endpoint(new.id).await?.as_ref(), Some(&changed));
    assert_eq!(f.ledger.endpoints(Some(&merchant_id()), &all()).await?.items, [changed]);
    assert!(f.ledger.endpoints(MerchantId::new("no").as_ref(), &all()).await?.items.is_empty());

    f.ledger.delete_endpoint(new.id, &actor(at(4))).await?;
    assert_eq!(f.ledger.endpoint(new.id).await?, None);
    assert!(f.ledger.endpoints(None, &all()).await?.items.is_empty());
    assert!(matches!(f.ledger.delete_endpoint(new.id, &actor(at(5))).await, Err(StoreError::NotFound { .. })));
    let gone = f.ledger.change_endpoint(new.id, &change, &actor(at(5))).await;
    assert!(matches!(gone, Err(StoreError::NotFound { what: "endpoint", .. })));
    Ok(())
}

async fn pausing_what_is_paused_changes_nothing(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let paused = f.ledger.pause_endpoint(endpoint, true, &actor(at(5))).await?;
    assert_eq!(paused.pause, Some(Pause { at: at(5), by: "olga".to_owned() }));
    let again = f.ledger.pause_endpoint(endpoint, true, &actor(at(6))).await?;
    assert_eq!(again, paused);
    let resumed = f.ledger.pause_endpoint(endpoint, false, &actor(at(7))).await?;
    assert_eq!((resumed.pause, resumed.version), (None, 3));
    assert_eq!(f.actions().await?[..2], ["endpoint.resume", "endpoint.pause"]);
    Ok(())
}

async fn a_change_of_nothing_leaves_no_trace(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let before = f.ledger.endpoint(endpoint).await?.expect("there");
    let same = EndpointChange { url: Some(before.url.clone()), ..Default::default() };
    assert_eq!(f.ledger.change_endpoint(endpoint, &same, &actor(at(9))).await?, before);
    assert_eq!(f.actions().await?.len(), 2);
    Ok(())
}

async fn keys_are_kept_as_hashes_and_revoked(f: Fixture) -> Result<()> {
    let key = |n: u64, role, name: &str| KeyRecord {
        id: id_at(at(n)),
        role,
        name: name.to_owned(),
        hash: vec![u8::try_from(n).expect("small"); 32],
        created_at: at(n),
        revoked_at: None,
    };
    let (gateway, operator) = (key(1, KeyRole::Gateway, "gate"), key(2, KeyRole::Operator, "olga"));
    f.ledger.create_key(&gateway, &actor(at(1))).await?;
    f.ledger.create_key(&operator, &actor(at(2))).await?;
    assert!(matches!(f.ledger.create_key(&gateway, &actor(at(3))).await, Err(StoreError::Exists { what: "key", .. })));
    assert_eq!(f.ledger.keys().await?, [operator.clone(), gateway.clone()]);
    f.ledger.revoke_key(gateway.id, &actor(at(5))).await?;
    f.ledger.revoke_key(gateway.id, &actor(at(6))).await?;
    assert_eq!(f.ledger.key(gateway.id).await?, Some(KeyRecord { revoked_at: Some(at(5)), ..gateway }));
    assert_eq!(f.ledger.key(operator.id).await?, Some(operator));
    let unknown = id_at(at(9));
    assert_eq!(f.ledger.key(unknown).await?, None);
    assert!(matches!(f.ledger.revoke_key(unknown, &actor(at(9))).await, Err(StoreError::NotFound { what: "key", .. })));
    assert_eq!(f.actions().await?, ["key.revoke", "key.create", "key.create"]);
    Ok(())
}

async fn every_act_leaves_one_audit_row(f: Fixture) -> Result<()> {
    f.ledger.create_merchant(&merchant_id(), "The shop", &actor(at(1))).await?;
    f.ledger.rename_merchant(&merchant_id(), "The café", &actor(at(2))).await?;
    f.ledger.delete_merchant(&merchant_id(), &actor(at(3))).await?;
    let rows = f.ledger.audit(&AuditFilter::default(), &all()).await?.items;
    let told: Vec<_> = rows.iter().map(|row| (row.action.as_str(), row.subject.as_str(), row.at)).collect();
    let expected =
        [("merchant.delete", "shop", at(3)), ("merchant.rename", "shop", at(2)), ("merchant.create", "shop", at(1))];
    assert_eq!(told, expected);
    assert!(rows.iter().all(|row| row.actor == "olga"));
    assert_eq!(rows[1].detail, "The café");
    Ok(())
}
