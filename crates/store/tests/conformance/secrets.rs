use crate::fixture::{Fixture, actor, at};
use anyhow::Result;
use paybell_store::StoreError;
use paybell_store::manage::{AuditFilter, PageRequest, Secret};
use secrecy::ExposeSecret;

conformance!(
    secrets_are_not_found_in_what_is_stored,
    a_rotation_lets_the_earlier_secrets_end,
    another_master_key_opens_nothing,
    a_deleted_endpoint_can_still_be_signed_for,
    secrets_that_sign_are_revealed_and_the_audit_says_to_whom,
);

fn secret(value: &str, created: u64) -> Secret {
    Secret { value: value.into(), created_at: at(created), ends_at: None }
}

async fn secrets_are_not_found_in_what_is_stored(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    f.ledger.rotate_secret(endpoint, &secret("whsec_second", 5), at(100), &actor(at(5))).await?;
    let dump = f.dump().await?;
    let found = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
    assert!(found(b"https://shop.example/notify"), "the dump shows what is not secret");
    assert!(!found(b"whsec_first") && !found(b"whsec_second"));
    Ok(())
}

async fn a_rotation_lets_the_earlier_secrets_end(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let rotated = f.ledger.rotate_secret(endpoint, &secret("whsec_second", 5), at(100), &actor(at(5))).await?;
    assert_eq!((rotated.version, rotated.updated_at), (2, at(5)));
    f.ledger.rotate_secret(endpoint, &secret("whsec_third", 50), at(900), &actor(at(50))).await?;
    let found = f.ledger.endpoint_for_attempt(endpoint).await?;
    assert_eq!(found.endpoint.version, 3);
    let shown: Vec<_> = found.secrets.iter().map(|secret| (secret.value.expose_secret(), secret.ends_at)).collect();
    assert_eq!(
        shown,
        [("whsec_first", Some(at(100))), ("whsec_second", Some(at(900))), ("whsec_third", None)],
        "a secret never ends later than it was to"
    );
    f.ledger.rotate_secret(endpoint, &secret("whsec_fourth", 200), at(950), &actor(at(200))).await?;
    assert_eq!(f.ledger.endpoint_for_attempt(endpoint).await?.secrets.len(), 3, "what has ended is dropped");
    Ok(())
}

async fn another_master_key_opens_nothing(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let other = f.with_master_key(&[9; 32]).await?;
    let error = other.endpoint_for_attempt(endpoint).await.expect_err("sealed with another key");
    assert!(matches!(&error, StoreError::Unreadable(hint) if hint.contains("master key")), "{error}");
    assert!(other.endpoint(endpoint).await?.is_some(), "what is not secret can be read");
    Ok(())
}

async fn a_deleted_endpoint_can_still_be_signed_for(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    f.ledger.delete_endpoint(endpoint, &actor(at(5))).await?;
    let found = f.ledger.endpoint_for_attempt(endpoint).await?;
    assert_eq!((found.endpoint.deleted_at, found.secrets.len()), (Some(at(5)), 1));
    let unknown = paybell_delivery::EndpointId(uuid::Uuid::nil());
    let error = f.ledger.endpoint_for_attempt(unknown).await.expect_err("unknown");
    assert!(matches!(error, StoreError::NotFound { what: "endpoint", .. }));
    Ok(())
}

async fn secrets_that_sign_are_revealed_and_the_audit_says_to_whom(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    f.ledger.rotate_secret(endpoint, &secret("whsec_second", 5), at(100), &actor(at(5))).await?;
    for (now, expected) in [(50, ["whsec_first", "whsec_second"].as_slice()), (100, &["whsec_second"])] {
        let found = f.ledger.reveal_secrets(endpoint, &actor(at(now))).await?;
        assert_eq!(found.iter().map(|it| it.value.expose_secret()).collect::<Vec<_>>(), expected, "at {now}");
    }
    let page = PageRequest { limit: 10, after: None };
    let audit = f.ledger.audit(&AuditFilter::default(), &page).await?.items;
    let last = &audit[0];
    assert_eq!((last.action.as_str(), last.subject.clone()), ("endpoint.reveal_secret", endpoint.to_string()));
    assert_eq!(last.actor, actor(at(100)).name);
    f.ledger.delete_endpoint(endpoint, &actor(at(101))).await?;
    let error = f.ledger.reveal_secrets(endpoint, &actor(at(102))).await.expect_err("it is deleted");
    assert!(matches!(error, StoreError::NotFound { what: "endpoint", .. }));
    Ok(())
}
