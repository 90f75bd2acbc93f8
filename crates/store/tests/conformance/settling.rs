use crate::fixture::{Fixture, GRACE, LIFETIME, VISIBILITY, actor, all, at, id_at, payment, record, terms};
use anyhow::Result;
use paybell_delivery::{Decision, DeliveryId, Outcome, Reason, State};
use paybell_store::StoreError;
use paybell_store::engine::Recorded;
use paybell_store::manage::{AuditFilter, DeliveryFilter, FollowUp, NewDelivery};
use std::time::Duration;

conformance!(
    a_resend_makes_a_new_delivery_linked_to_the_first,
    a_resend_needs_a_finished_delivery_and_a_living_endpoint,
    settling_ends_what_is_pending_or_undelivered,
    settling_does_not_lose_the_attempt_in_flight,
    what_is_delivered_or_settled_is_not_settled_again,
    a_test_payment_goes_to_one_endpoint,
    what_a_person_writes_beside_a_delivery_is_shown_with_it,
);

fn new(now: u64) -> NewDelivery {
    NewDelivery { id: DeliveryId(id_at(at(now))), lifetime: LIFETIME, grace: GRACE }
}

async fn a_resend_makes_a_new_delivery_linked_to_the_first(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let first = f.accept_one(at(10)).await?;
    f.refuse(first, at(11)).await?;
    let new = new(1_000);
    let job = f.ledger.resend(first.delivery_id, &new, &actor(at(1_000))).await?;
    assert_eq!((job.delivery_id, job.endpoint_id, job.attempts, job.concurrency_max), (new.id, endpoint, 0, 8));
    let view = f.view(job.delivery_id, at(1_001)).await?;
    assert_eq!((view.delivery.resend_of, view.delivery.created_at), (Some(first.delivery_id), at(1_000)));
    assert_eq!((view.delivery.due_at, view.delivery.deadline_at), (at(1_000) + GRACE, at(1_000) + LIFETIME));
    assert_eq!(f.delivery(first.delivery_id).await?.state, State::Undelivered, "the first stays what it is");
    assert_eq!(f.ledger.payment(view.payment.id).await?.expect("accepted").deliveries.len(), 2);
    f.won(job, at(1_002)).await?;

    let again = f.ledger.accept(&[view.payment], &terms(at(2_000))).await?;
    let paybell_store::engine::Accepted::Same { delivery_ids, .. } = &again[0] else { panic!("{again:?}") };
    assert_eq!(delivery_ids[..], [(first.delivery_id, endpoint)], "the deliveries of that time");
    assert_eq!(f.actions().await?[0], "delivery.resend");
    Ok(())
}

async fn a_resend_needs_a_finished_delivery_and_a_living_endpoint(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let job = f.accept_one(at(10)).await?;
    let pending = f.ledger.resend(job.delivery_id, &new(20), &actor(at(20))).await.expect_err("pending");
    assert!(matches!(&pending, StoreError::Refused(why) if why.contains("pending")), "{pending}");
    f.refuse(job, at(21)).await?;
    f.ledger.delete_endpoint(endpoint, &actor(at(22))).await?;
    let deleted = f.ledger.resend(job.delivery_id, &new(30), &actor(at(30))).await.expect_err("deleted");
    assert!(matches!(&deleted, StoreError::Refused(why) if why.contains("deleted")), "{deleted}");
    let unknown = f.ledger.resend(new(1).id, &new(30), &actor(at(30))).await.expect_err("unknown");
    assert!(matches!(unknown, StoreError::NotFound { what: "delivery", .. }));
    assert!(!f.actions().await?.contains(&"delivery.resend".to_owned()), "what was refused is no act");
    Ok(())
}

async fn settling_ends_what_is_pending_or_undelivered(f: Fixture) -> Result<()> {
    f.shop().await?;
    let (pending, refused) = (f.accept_one(at(10)).await?, f.accept_one(at(11)).await?);
    f.refuse(refused, at(12)).await?;
    for (id, reason, finished_at) in
        [(pending.delivery_id, None, at(50)), (refused.delivery_id, Some(Reason::Refused), at(12))]
    {
        f.ledger.settle(id, "Olga", "by phone", &actor(at(50))).await?;
        let delivery = f.delivery(id).await?;
        assert_eq!((delivery.state, delivery.reason), (State::Settled, reason));
        assert_eq!(delivery.finished_at, Some(finished_at), "when it first reached a terminal state");
        assert_eq!(delivery.settled_by.as_deref(), Some("Olga"));
        assert_eq!(delivery.settled_note.as_deref(), Some("by phone"));
    }
    assert!(f.ledger.dispatch_due(at(500), VISIBILITY, 10, &[]).await?.jobs.is_empty());
    assert_eq!(f.claim(pending, at(51)).await?, None);
    assert_eq!(f.actions().await?[..2], ["delivery.settle", "delivery.settle"]);
    Ok(())
}

async fn settling_does_not_lose_the_attempt_in_flight(f: Fixture) -> Result<()> {
    f.shop().await?;
    let claimed = f.won(f.accept_one(at(10)).await?, at(11)).await?;
    f.ledger.settle(claimed.delivery_id, "Olga", "by phone", &actor(at(12))).await?;
    let view = f.view(claimed.delivery_id, at(13)).await?;
    assert_eq!((view.attempts.len(), view.in_flight), (1, None));
    assert_eq!((view.attempts[0].outcome, view.attempts[0].started_at), (Outcome::Unknown, at(11)));
    let acknowledged = record(&claimed, Outcome::Acknowledged, Decision::Delivered, at(14));
    assert_eq!(f.record(acknowledged.clone()).await?, Recorded::Fenced);
    let view = f.view(claimed.delivery_id, at(15)).await?;
    assert_eq!((view.attempts, view.delivery.state), (vec![acknowledged.attempt], State::Settled));
    Ok(())
}

async fn what_is_delivered_or_settled_is_not_settled_again(f: Fixture) -> Result<()> {
    f.shop().await?;
    let claimed = f.won(f.accept_one(at(10)).await?, at(11)).await?;
    f.record(record(&claimed, Outcome::Acknowledged, Decision::Delivered, at(12))).await?;
    let settled = f.accept_one(at(13)).await?;
    f.ledger.settle(settled.delivery_id, "Olga", "by phone", &actor(at(14))).await?;
    for (id, word) in [(claimed.delivery_id, "delivered"), (settled.delivery_id, "settled")] {
        let refused = f.ledger.settle(id, "Oleg", "again", &actor(at(20))).await.expect_err(word);
        assert!(matches!(&refused, StoreError::Refused(why) if why.contains(word)), "{refused}");
    }
    assert_eq!(f.delivery(settled.delivery_id).await?.settled_by.as_deref(), Some("Olga"));
    let unknown = f.ledger.settle(new(1).id, "Olga", "", &actor(at(20))).await.expect_err("unknown");
    assert!(matches!(unknown, StoreError::NotFound { .. }));
    Ok(())
}

async fn a_test_payment_goes_to_one_endpoint(f: Fixture) -> Result<()> {
    f.shop().await?;
    let short = f.endpoint_with(|new| new.lifetime = Some(Duration::from_secs(3600))).await?;
    let mut sent = payment("test-1", at(10));
    sent.test = true;
    let job = f.ledger.accept_test(short, &sent, &terms(at(10)), &actor(at(10))).await?;
    let view = f.view(job.delivery_id, at(11)).await?;
    assert_eq!((view.payment, job.endpoint_id), (sent.clone(), short));
    assert_eq!((view.delivery.due_at, view.delivery.deadline_at), (at(10) + GRACE, at(3_610)));
    assert_eq!(view.delivery.id.0.as_bytes()[..8], sent.id.0.as_bytes()[..8]);
    assert_eq!(f.ledger.payment(sent.id).await?.expect("accepted").deliveries.len(), 1);
    assert_eq!(f.actions().await?[0], "endpoint.test");
    let again = f.ledger.accept_test(short, &payment("test-1", at(20)), &terms(at(20)), &actor(at(20))).await;
    assert!(matches!(again, Err(StoreError::Exists { what: "payment", .. })));
    assert_eq!(f.ledger.payments(&Default::default(), &all()).await?.items.len(), 1);
    Ok(())
}

async fn what_a_person_writes_beside_a_delivery_is_shown_with_it(f: Fixture) -> Result<()> {
    f.shop().await?;
    let (id, other) = (f.accept_one(at(10)).await?.delivery_id, f.accept_one(at(11)).await?.delivery_id);
    f.ledger.follow_up(id, Some("Ada"), "call the shop", &actor(at(20))).await?;
    f.ledger.follow_up(id, None, "they know", &actor(at(30))).await?;
    let written =
        FollowUp { owner: None, note: "they know".to_owned(), updated_by: "olga".to_owned(), updated_at: at(30) };
    assert_eq!(f.view(id, at(31)).await?.follow_up.as_ref(), Some(&written));
    assert_eq!(f.view(other, at(31)).await?.follow_up, None);
    let rows = f.ledger.deliveries(&DeliveryFilter::default(), &all()).await?.items;
    let beside: Vec<_> = rows.into_iter().map(|row| (row.delivery.id, row.follow_up)).collect();
    assert_eq!(beside, [(other, None), (id, Some(written))]);

    let of_it = AuditFilter { subject: Some(id.to_string()) };
    let audit = f.ledger.audit(&of_it, &all()).await?.items;
    let told: Vec<_> = audit.iter().map(|row| (row.action.as_str(), row.detail.as_str())).collect();
    let expected = [("delivery.follow_up", "nobody: they know"), ("delivery.follow_up", "Ada: call the shop")];
    assert_eq!(told, expected, "and of nothing else");
    let unknown = f.ledger.follow_up(new(1).id, None, "", &actor(at(40))).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { what: "delivery", .. })));
    Ok(())
}
