//! Dialects of the gateway's own: stored, used by endpoints, and kept while they are.

use crate::fixture::{Fixture, actor, all, at};
use anyhow::{Context, Result};
use paybell_dialects::Dialect;
use paybell_store::StoreError;
use paybell_store::manage::{EndpointChange, PageRequest, StoredDialect};

conformance!(
    a_dialect_is_put_read_and_deleted,
    endpoints_get_a_new_version_with_their_dialect,
    a_dialect_stays_while_an_endpoint_uses_it,
    an_endpoint_cannot_have_a_dialect_that_is_not_there,
);

fn own(name: &str, title: &str) -> Dialect {
    let definition = format!(
        "name = \"{name}\"\ntitle = \"{title}\"\n[notify]\nencoding = \"form\"\n\
         fields = [{{ name = \"a\", value = \"{{pay_for}}\" }}]\n[notify.reply]\nstatuses = [\"200\"]\n"
    );
    Dialect::from_toml(&definition).unwrap_or_else(|error| panic!("{error}"))
}

async fn a_dialect_is_put_read_and_deleted(f: Fixture) -> Result<()> {
    let (before, after) = (own("own", "Before"), own("own", "After"));
    let first = f.ledger.put_dialect(&before, &actor(at(1))).await?;
    let as_put = StoredDialect {
        name: "own".to_owned(),
        definition: before.definition_json(),
        version: 1,
        created_at: at(1),
        updated_at: at(1),
    };
    assert_eq!(first, as_put);
    let second = f.ledger.put_dialect(&after, &actor(at(2))).await?;
    assert_eq!((second.version, second.created_at, second.updated_at), (2, at(1), at(2)));
    assert_eq!(f.ledger.put_dialect(&after, &actor(at(3))).await?, second, "nothing is new");
    assert_eq!(f.ledger.dialect("own").await?.as_ref(), Some(&second));
    let other = f.ledger.put_dialect(&own("another", "Another"), &actor(at(4))).await?;
    assert_eq!(f.ledger.dialects(&all()).await?.items, [other.clone(), second.clone()]);
    let page = f.ledger.dialects(&PageRequest { limit: 1, after: None }).await?;
    assert_eq!((page.items.as_slice(), page.next.as_deref()), (&[other][..], Some("another")));
    let page = f.ledger.dialects(&PageRequest { limit: 1, after: page.next }).await?;
    assert_eq!((page.items, page.next), (vec![second], None));
    f.ledger.delete_dialect("own", &actor(at(5))).await?;
    assert_eq!(f.ledger.dialect("own").await?, None);
    let gone = f.ledger.delete_dialect("own", &actor(at(6))).await;
    assert!(matches!(gone, Err(StoreError::NotFound { what: "dialect", .. })));
    let taken = f.ledger.put_dialect(&own("standard", "Another"), &actor(at(7))).await;
    assert!(matches!(taken, Err(StoreError::Refused(why)) if why.contains("built-in")));
    assert_eq!(f.actions().await?, ["dialect.delete", "dialect.put", "dialect.put", "dialect.put"]);
    Ok(())
}

async fn endpoints_get_a_new_version_with_their_dialect(f: Fixture) -> Result<()> {
    let standard = f.shop().await?;
    let (before, after) = (own("own", "Before"), own("own", "After"));
    f.ledger.put_dialect(&before, &actor(at(1))).await?;
    let parameters = [("shop".to_owned(), "7".to_owned())];
    let id =
        f.endpoint_with(|new| (new.dialect, new.parameters) = ("own".to_owned(), parameters.clone().into())).await?;
    f.ledger.put_dialect(&after, &actor(at(2))).await?;
    f.ledger.put_dialect(&after, &actor(at(3))).await?;
    let found = f.ledger.endpoints_for_attempts(&[id, standard]).await?;
    assert_eq!((found[0].endpoint.version, found[1].endpoint.version), (2, 1));
    let dialect = found[0].dialect.as_ref().context("it is stored")?;
    assert_eq!((&dialect.definition, dialect.version), (&after.definition_json(), 2));
    assert_eq!(found[0].endpoint.parameters, parameters.clone().into());
    assert!(found[1].dialect.is_none(), "it is built in");
    let other = EndpointChange { parameters: Some([].into()), ..Default::default() };
    let changed = f.ledger.change_endpoint(id, &other, &actor(at(4))).await?;
    assert_eq!((changed.version, changed.parameters.len()), (3, 0));
    Ok(())
}

async fn a_dialect_stays_while_an_endpoint_uses_it(f: Fixture) -> Result<()> {
    f.shop().await?;
    f.ledger.put_dialect(&own("own", "Own"), &actor(at(1))).await?;
    let first = f.endpoint_with(|new| new.dialect = "own".to_owned()).await?;
    let second = f.endpoint_with(|new| new.dialect = "own".to_owned()).await?;
    let used = f.ledger.delete_dialect("own", &actor(at(2))).await;
    assert!(matches!(used, Err(StoreError::Refused(why)) if why.starts_with("2 endpoints use dialect own")));
    assert!(f.ledger.dialect("own").await?.is_some());
    f.ledger.delete_endpoint(first, &actor(at(3))).await?;
    let standard = EndpointChange { dialect: Some("standard".to_owned()), ..Default::default() };
    f.ledger.change_endpoint(second, &standard, &actor(at(4))).await?;
    f.ledger.delete_dialect("own", &actor(at(5))).await?;
    assert!(f.ledger.endpoint_for_attempt(first).await?.dialect.is_none());
    Ok(())
}

async fn an_endpoint_cannot_have_a_dialect_that_is_not_there(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let none = f.endpoint_with(|new| new.dialect = "none".to_owned()).await.expect_err("no such dialect");
    let none = none.downcast::<StoreError>()?;
    assert!(matches!(none, StoreError::NotFound { what: "dialect", .. }), "{none}");
    let change = EndpointChange { dialect: Some("none".to_owned()), ..Default::default() };
    let none = f.ledger.change_endpoint(endpoint, &change, &actor(at(1))).await;
    assert!(matches!(none, Err(StoreError::NotFound { what: "dialect", .. })));
    assert_eq!(f.ledger.endpoint(endpoint).await?.context("there")?.dialect, "standard");
    Ok(())
}
