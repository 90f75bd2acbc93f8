use crate::fixture::{Fixture, actor, all, at, merchant_id, payment, terms};
use anyhow::Result;
use paybell_delivery::{MerchantId, State};
use paybell_store::StoreError;
use paybell_store::manage::{AuditFilter, DeliveryFilter, PageRequest, PaymentFilter};

conformance!(
    payments_are_found_by_every_filter,
    deliveries_are_found_by_every_filter,
    pages_follow_each_other_without_gap_or_repetition,
    a_malformed_cursor_is_refused,
);

async fn payments_are_found_by_every_filter(f: Fixture) -> Result<()> {
    f.shop().await?;
    for n in 0..4 {
        let mut payment = payment(&format!("p{n}"), at(10 * n));
        payment.pay_for = (n == 2).then(|| "order 42".to_owned());
        f.ledger.accept(&[payment], &terms(at(10 * n))).await?;
    }
    let other = MerchantId::new("other");
    for (filter, expected) in [
        (PaymentFilter::default(), &["p3", "p2", "p1", "p0"][..]),
        (PaymentFilter { merchant_id: Some(merchant_id()), ..Default::default() }, &["p3", "p2", "p1", "p0"]),
        (PaymentFilter { merchant_id: other, ..Default::default() }, &[]),
        (PaymentFilter { gateway_payment_id: Some("p1".to_owned()), ..Default::default() }, &["p1"]),
        (PaymentFilter { pay_for: Some("order 42".to_owned()), ..Default::default() }, &["p2"]),
        (PaymentFilter { accepted_since: Some(at(10)), ..Default::default() }, &["p3", "p2", "p1"]),
        (PaymentFilter { accepted_before: Some(at(10)), ..Default::default() }, &["p0"]),
    ] {
        let found = f.ledger.payments(&filter, &all()).await?;
        let ids: Vec<&str> = found.items.iter().map(|payment| payment.gateway_payment_id.as_str()).collect();
        assert_eq!(ids, expected, "{filter:?}");
        assert_eq!(found.next, None);
    }
    Ok(())
}

async fn deliveries_are_found_by_every_filter(f: Fixture) -> Result<()> {
    let first = f.shop().await?;
    for n in 0..3 {
        let mut payment = payment(&format!("p{n}"), at(10 * n));
        payment.pay_for = (n == 1).then(|| "order 42".to_owned());
        f.ledger.accept(&[payment], &terms(at(10 * n))).await?;
    }
    let second = f.endpoint().await?;
    let late = f.accept("p3", at(30)).await?;
    f.refuse(late[0], at(31)).await?;
    f.ledger.settle(late[1].delivery_id, "Olga", "by phone", &actor(at(32))).await?;
    let by_state = |state| DeliveryFilter { state: Some(state), ..Default::default() };
    let both = DeliveryFilter { merchant_id: Some(merchant_id()), endpoint_id: Some(second), ..Default::default() };
    let foreign = DeliveryFilter { merchant_id: MerchantId::new("other"), ..both.clone() };
    for (filter, expected) in [
        (DeliveryFilter::default(), &["p3", "p3", "p2", "p1", "p0"][..]),
        (DeliveryFilter { merchant_id: Some(merchant_id()), ..Default::default() }, &["p3", "p3", "p2", "p1", "p0"]),
        (DeliveryFilter { endpoint_id: Some(first), ..Default::default() }, &["p3", "p2", "p1", "p0"]),
        (both, &["p3"]),
        (foreign, &[]),
        (by_state(State::Pending), &["p2", "p1", "p0"]),
        (by_state(State::Delivered), &[]),
        (by_state(State::Undelivered), &["p3"]),
        (by_state(State::Settled), &["p3"]),
        (DeliveryFilter { pay_for: Some("order 42".to_owned()), ..Default::default() }, &["p1"]),
        (DeliveryFilter { created_since: Some(at(20)), ..Default::default() }, &["p3", "p3", "p2"]),
        (DeliveryFilter { created_before: Some(at(20)), ..Default::default() }, &["p1", "p0"]),
    ] {
        let found = f.ledger.deliveries(&filter, &all()).await?.items;
        let ids: Vec<&str> = found.iter().map(|row| row.gateway_payment_id.as_str()).collect();
        assert_eq!(ids, expected, "{filter:?}");
        assert!(found.iter().all(|row| row.merchant_id == merchant_id()));
    }
    Ok(())
}

async fn pages_follow_each_other_without_gap_or_repetition(f: Fixture) -> Result<()> {
    f.shop().await?;
    f.endpoint().await?;
    f.accept_many(7, at(10)).await?;
    let filter = DeliveryFilter { merchant_id: Some(merchant_id()), ..Default::default() };
    let whole = f.ledger.deliveries(&filter, &all()).await?.items;
    assert_eq!(whole.len(), 14);
    let (mut request, mut pages) = (PageRequest { limit: 4, after: None }, Vec::new());
    loop {
        let page = f.ledger.deliveries(&filter, &request).await?;
        assert!(page.items.len() <= 4);
        pages.extend(page.items);
        request.after = page.next;
        if request.after.is_none() {
            break;
        }
    }
    assert_eq!(pages, whole);

    for n in 0..5 {
        let id = MerchantId::new(format!("m{n}")).expect("valid");
        f.ledger.create_merchant(&id, "", &actor(at(n))).await?;
    }
    let page = f.ledger.merchants(&PageRequest { limit: 2, after: Some("m1".to_owned()) }).await?;
    assert_eq!(page.items.iter().map(|merchant| merchant.id.as_str()).collect::<Vec<_>>(), ["m2", "m3"]);
    assert_eq!(page.next.as_deref(), Some("m3"));
    Ok(())
}

async fn a_malformed_cursor_is_refused(f: Fixture) -> Result<()> {
    let request = PageRequest { limit: 10, after: Some("'; DROP TABLE".to_owned()) };
    let refused = |error: Option<StoreError>| match error {
        Some(StoreError::Refused(why)) => assert!(why.contains("cursor"), "{why}"),
        other => panic!("{other:?}"),
    };
    refused(f.ledger.payments(&PaymentFilter::default(), &request).await.err());
    refused(f.ledger.deliveries(&DeliveryFilter::default(), &request).await.err());
    refused(f.ledger.merchants(&request).await.err());
    refused(f.ledger.endpoints(None, &request).await.err());
    refused(f.ledger.audit(&AuditFilter::default(), &request).await.err());
    Ok(())
}
