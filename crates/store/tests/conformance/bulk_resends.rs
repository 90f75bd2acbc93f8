use crate::fixture::{Fixture, VISIBILITY, actor, all, at, id_at, terms};
use anyhow::Result;
use paybell_delivery::State;
use paybell_store::StoreError;
use paybell_store::manage::{BulkKind, DeliveryFilter};

conformance!(
    a_bulk_resend_goes_through_what_failed_step_by_step,
    a_bulk_resend_keeps_to_its_filter,
    of_many_processes_at_a_bulk_resend_nothing_is_resent_twice,
);

async fn a_bulk_resend_goes_through_what_failed_step_by_step(f: Fixture) -> Result<()> {
    let deleted = f.shop().await?;
    let living = f.endpoint().await?;
    for (n, job) in f.accept_many(4, at(10)).await?.into_iter().enumerate() {
        f.refuse(job, at(11)).await?;
        if n == 0 {
            f.ledger.settle(job.delivery_id, "Olga", "by phone", &actor(at(12))).await?;
        }
    }
    f.accept_many(2, at(13)).await?;
    f.ledger.delete_endpoint(deleted, &actor(at(14))).await?;

    assert_eq!(f.ledger.step_bulk_act(&terms(at(20)), 3).await?, None);
    let (id, filter) = (id_at(at(20)), DeliveryFilter::default());
    let begun = f.ledger.create_bulk_act(id, &BulkKind::Resend, &filter, &actor(at(20))).await?;
    assert_eq!((begun.total, begun.done, begun.skipped, begun.actor.as_str()), (8, 0, 0, "olga"));
    assert_eq!(f.ledger.bulk_act(id).await?.as_ref(), Some(&begun));
    let again = f.ledger.create_bulk_act(id, &BulkKind::Resend, &filter, &actor(at(20))).await;
    assert!(matches!(again, Err(StoreError::Exists { .. })));

    let mut seen = Vec::new();
    while let Some(bulk) = f.ledger.step_bulk_act(&terms(at(30)), 3).await? {
        seen.push((bulk.done + bulk.skipped, bulk.finished_at));
        assert_eq!(f.ledger.bulk_act(id).await?, Some(bulk));
    }
    assert_eq!(seen, [(3, None), (6, None), (8, Some(at(30)))]);
    let done = f.ledger.bulk_act(id).await?.expect("there");
    assert_eq!((done.done, done.skipped, done.filter), (4, 4, filter));

    let made = DeliveryFilter { endpoint_id: Some(living), created_since: Some(at(30)), ..Default::default() };
    let made = f.ledger.deliveries(&made, &all()).await?.items;
    assert_eq!(made.len(), 4);
    assert!(made.iter().all(|row| row.delivery.resend_of.is_some() && row.delivery.due_at == at(30)));
    assert_eq!(f.actions().await?.iter().filter(|action| *action == "delivery.bulk_resend").count(), 1);
    Ok(())
}

async fn a_bulk_resend_keeps_to_its_filter(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let other = f.endpoint().await?;
    for job in f.accept_many(3, at(10)).await? {
        f.refuse(job, at(11)).await?;
    }
    let settled = f.accept("settled", at(15)).await?;
    for job in &settled {
        f.ledger.settle(job.delivery_id, "Olga", "by phone", &actor(at(16))).await?;
    }
    let base = DeliveryFilter { merchant_id: Some(crate::fixture::merchant_id()), ..Default::default() };
    for (n, filter, total) in [
        (0, DeliveryFilter { endpoint_id: Some(endpoint), ..base.clone() }, 4),
        (1, DeliveryFilter { endpoint_id: Some(other), state: Some(State::Undelivered), ..base.clone() }, 3),
        (2, DeliveryFilter { state: Some(State::Settled), ..base.clone() }, 2),
        (3, DeliveryFilter { created_before: Some(at(12)), ..base.clone() }, 6),
        (4, DeliveryFilter { pay_for: Some("nothing".to_owned()), ..base.clone() }, 0),
        (5, DeliveryFilter { state: Some(State::Delivered), ..base.clone() }, 0),
    ] {
        let begun =
            f.ledger.create_bulk_act(id_at(at(100 + n)), &BulkKind::Resend, &filter, &actor(at(100 + n))).await?;
        assert_eq!(begun.total, total, "{filter:?}");
        let done = f.ledger.step_bulk_act(&terms(at(100 + n)), 100).await?.expect("the oldest unfinished");
        assert_eq!((done.id, done.filter, done.done), (begun.id, filter, total));
        assert!(done.finished_at.is_some());
    }
    Ok(())
}

async fn of_many_processes_at_a_bulk_resend_nothing_is_resent_twice(f: Fixture) -> Result<()> {
    f.shop().await?;
    for job in f.accept_many(30, at(10)).await? {
        f.refuse(job, at(11)).await?;
    }
    let id = id_at(at(20));
    f.ledger.create_bulk_act(id, &BulkKind::Resend, &DeliveryFilter::default(), &actor(at(20))).await?;
    let other = f.another().await?;
    let mut calls = Vec::new();
    for n in 0..4 {
        let ledger = if n % 2 == 0 { f.ledger.clone() } else { other.clone() };
        calls.push(tokio::spawn(async move {
            for _ in 0..10 {
                ledger.step_bulk_act(&terms(at(30)), 4).await?;
            }
            Ok::<_, StoreError>(())
        }));
    }
    for call in calls {
        call.await??;
    }
    // A process that found another one at it did nothing; what is left is done now.
    while f.ledger.step_bulk_act(&terms(at(30)), 4).await?.is_some() {}
    assert_eq!(f.ledger.bulk_act(id).await?.expect("there").done, 30);
    assert_eq!(f.ledger.dispatch_due(at(30), VISIBILITY, 100, &[]).await?.jobs.len(), 30);
    Ok(())
}
