use crate::fixture::{Fixture, actor, all, at, id_at, record, terms};
use anyhow::{Context, Result, bail};
use paybell_delivery::{Decision, Outcome, Reason, State};
use paybell_store::StoreError;
use paybell_store::engine::Recorded;
use paybell_store::manage::{AuditFilter, BulkAct, BulkKind, DeliveryFilter};

conformance!(
    a_bulk_settlement_goes_through_what_is_pending_or_undelivered,
    a_bulk_settlement_keeps_to_its_filter,
    a_bulk_settlement_does_not_lose_the_attempts_in_flight,
    what_is_delivered_or_settled_during_a_bulk_settlement_is_passed_over,
    what_moves_or_is_locked_during_a_bulk_settlement_is_settled_all_the_same,
    of_many_processes_at_a_bulk_settlement_each_delivery_is_settled_once,
    bulk_acts_are_listed_the_newest_first,
);

fn settle() -> BulkKind {
    BulkKind::Settle { who: "Ada".to_owned(), note: "told by phone".to_owned() }
}

/// Goes on until it is done. Answers it.
async fn finish(f: &Fixture, second: u64, limit: u32) -> Result<BulkAct> {
    for _ in 0..1_000 {
        let act = f.ledger.step_bulk_act(&terms(at(second)), limit).await?.context("an unfinished one")?;
        if act.finished_at.is_some() {
            return Ok(act);
        }
    }
    bail!("it comes to no end")
}

async fn a_bulk_settlement_goes_through_what_is_pending_or_undelivered(f: Fixture) -> Result<()> {
    f.shop().await?;
    let jobs = f.accept_many(7, at(10)).await?;
    for job in &jobs[..3] {
        f.refuse(*job, at(11)).await?;
    }
    let claimed = f.won(jobs[3], at(12)).await?;
    f.record(record(&claimed, Outcome::Acknowledged, Decision::Delivered, at(13))).await?;
    let id = id_at(at(20));
    let begun = f.ledger.create_bulk_act(id, &settle(), &DeliveryFilter::default(), &actor(at(20))).await?;
    assert_eq!((begun.total, begun.done, &begun.kind), (6, 0, &settle()));
    assert_eq!(f.ledger.bulk_act(id).await?.as_ref(), Some(&begun));
    let later = f.accept_one(at(25)).await?;

    let step = f.ledger.step_bulk_act(&terms(at(30)), 2).await?.context("a step")?;
    assert_eq!((step.done, step.finished_at), (2, None));
    let done = finish(&f, 31, 2).await?;
    assert_eq!((done.done, done.skipped, done.finished_at), (6, 0, Some(at(31))));
    for (n, job) in jobs.iter().enumerate() {
        let delivery = f.delivery(job.delivery_id).await?;
        let settled = (State::Settled, Some("Ada"), Some("told by phone"));
        let is = (delivery.state, delivery.settled_by.as_deref(), delivery.settled_note.as_deref());
        assert_eq!(is, if n == 3 { (State::Delivered, None, None) } else { settled });
        assert_eq!(delivery.reason, (n < 3).then_some(Reason::Refused), "why it was given up is kept");
        assert!(n >= 3 || delivery.finished_at == Some(at(11)), "and when");
    }
    assert_eq!(f.delivery(later.delivery_id).await?.state, State::Pending, "it came after the act was begun");
    let audit = f.ledger.audit(&AuditFilter { subject: Some(id.to_string()) }, &all()).await?.items;
    let told: Vec<_> = audit.iter().map(|row| (row.action.as_str(), row.detail.as_str())).collect();
    assert_eq!(told, [("delivery.bulk_settle", "6 deliveries, Ada: told by phone")], "one row for the whole act");
    Ok(())
}

async fn a_bulk_settlement_keeps_to_its_filter(f: Fixture) -> Result<()> {
    let first = f.shop().await?;
    let second = f.endpoint().await?;
    for (n, job) in f.accept_many(6, at(10)).await?.into_iter().enumerate() {
        if n % 3 == 0 {
            f.refuse(job, at(11)).await?;
        }
    }
    f.accept_many(2, at(40)).await?;
    let of = |state, endpoint_id| DeliveryFilter { state, endpoint_id, ..DeliveryFilter::default() };
    let merchant = DeliveryFilter { merchant_id: Some(crate::fixture::merchant_id()), ..DeliveryFilter::default() };
    for (n, filter, total) in [
        (0, of(Some(State::Delivered), None), 0),
        (1, of(Some(State::Settled), None), 0),
        (2, DeliveryFilter { created_since: Some(at(40)), endpoint_id: Some(first), ..merchant.clone() }, 2),
        (3, of(Some(State::Undelivered), Some(second)), 2),
        (4, of(Some(State::Pending), Some(second)), 6),
        (5, DeliveryFilter { created_before: Some(at(40)), state: Some(State::Pending), ..merchant.clone() }, 4),
        (6, of(Some(State::Pending), None), 0),
        (7, merchant.clone(), 2),
        (8, DeliveryFilter::default(), 0),
    ] {
        let now = 100 + n;
        let begun = f.ledger.create_bulk_act(id_at(at(now)), &settle(), &filter, &actor(at(now))).await?;
        assert_eq!(begun.total, total, "{n}: {filter:?}");
        let done = finish(&f, now, 3).await?;
        assert_eq!((done.id, done.filter, done.done, done.skipped), (begun.id, filter, total, 0), "{n}");
    }
    let filter = DeliveryFilter {
        reason: Some(Reason::Expired),
        gateway_payment_id: Some("p-1".to_owned()),
        pay_for: Some("order 7".to_owned()),
        ..merchant
    };
    let begun = f.ledger.create_bulk_act(id_at(at(200)), &settle(), &filter, &actor(at(200))).await?;
    assert_eq!(f.ledger.bulk_act(begun.id).await?.map(|act| act.filter), Some(filter), "every member is kept");
    Ok(())
}

async fn a_bulk_settlement_does_not_lose_the_attempts_in_flight(f: Fixture) -> Result<()> {
    f.shop().await?;
    let claimed = f.won(f.accept_one(at(10)).await?, at(11)).await?;
    f.ledger.create_bulk_act(id_at(at(12)), &settle(), &DeliveryFilter::default(), &actor(at(12))).await?;
    finish(&f, 12, 10).await?;
    let view = f.view(claimed.delivery_id, at(13)).await?;
    assert_eq!((view.attempts.len(), view.attempts[0].outcome, view.in_flight), (1, Outcome::Unknown, None));
    let acknowledged = record(&claimed, Outcome::Acknowledged, Decision::Delivered, at(14));
    assert_eq!(f.record(acknowledged.clone()).await?, Recorded::Fenced);
    let view = f.view(claimed.delivery_id, at(15)).await?;
    assert_eq!((view.attempts, view.delivery.state), (vec![acknowledged.attempt], State::Settled));
    Ok(())
}

async fn what_is_delivered_or_settled_during_a_bulk_settlement_is_passed_over(f: Fixture) -> Result<()> {
    f.shop().await?;
    let jobs = f.accept_many(4, at(10)).await?;
    f.ledger.create_bulk_act(id_at(at(20)), &settle(), &DeliveryFilter::default(), &actor(at(20))).await?;
    let claimed = f.won(jobs[1], at(21)).await?;
    f.record(record(&claimed, Outcome::Acknowledged, Decision::Delivered, at(22))).await?;
    f.ledger.settle(jobs[2].delivery_id, "Oleg", "mine", &actor(at(23))).await?;
    let done = finish(&f, 30, 10).await?;
    assert_eq!((done.total, done.done, done.skipped), (4, 2, 2));
    assert_eq!(f.delivery(jobs[2].delivery_id).await?.settled_by.as_deref(), Some("Oleg"));
    Ok(())
}

async fn what_moves_or_is_locked_during_a_bulk_settlement_is_settled_all_the_same(f: Fixture) -> Result<()> {
    f.shop().await?;
    let (late, soon) = (f.accept_one(at(100)).await?, f.accept_one(at(50)).await?);
    f.ledger.create_bulk_act(id_at(at(110)), &settle(), &DeliveryFilter::default(), &actor(at(110))).await?;
    let step = f.ledger.step_bulk_act(&terms(at(110)), 1).await?.context("a step")?;
    assert_eq!((step.done, f.delivery(soon.delivery_id).await?.state), (1, State::Settled), "in the order of due_at");
    let claimed = f.won(late, at(110)).await?;
    let sooner = Decision::RetryAt(at(51));
    f.record(record(&claimed, Outcome::WrongStatus, sooner, at(111))).await?;
    assert_eq!(f.delivery(late.delivery_id).await?.due_at, at(51), "behind the place where the act is");

    let held = f.hold(late.delivery_id).await?;
    if held.is_some() {
        for _ in 0..3 {
            let step = f.ledger.step_bulk_act(&terms(at(112)), 10).await?.context("a step")?;
            assert_eq!((step.done, step.finished_at), (1, None), "it is locked, and not forgotten");
        }
    }
    drop(held);
    let done = finish(&f, 113, 10).await?;
    assert_eq!((done.done, done.skipped), (2, 0));
    Ok(())
}

async fn of_many_processes_at_a_bulk_settlement_each_delivery_is_settled_once(f: Fixture) -> Result<()> {
    f.shop().await?;
    f.accept_many(60, at(10)).await?;
    let id = id_at(at(20));
    f.ledger.create_bulk_act(id, &settle(), &DeliveryFilter::default(), &actor(at(20))).await?;
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
    while f.ledger.step_bulk_act(&terms(at(30)), 4).await?.is_some() {}
    let done = f.ledger.bulk_act(id).await?.context("there")?;
    assert_eq!((done.done, done.skipped, done.finished_at), (60, 0, Some(at(30))));
    let left = DeliveryFilter { state: Some(State::Pending), ..DeliveryFilter::default() };
    assert!(f.ledger.deliveries(&left, &all()).await?.items.is_empty());
    Ok(())
}

async fn bulk_acts_are_listed_the_newest_first(f: Fixture) -> Result<()> {
    f.shop().await?;
    let mut begun = Vec::new();
    for (second, kind) in [(10, BulkKind::Resend), (20, settle()), (30, BulkKind::Resend)] {
        let filter = DeliveryFilter::default();
        begun.push(f.ledger.create_bulk_act(id_at(at(second)), &kind, &filter, &actor(at(second))).await?);
    }
    begun.reverse();
    assert_eq!(f.ledger.bulk_acts(2).await?, begun[..2]);
    assert_eq!(f.ledger.bulk_acts(100).await?, begun);
    Ok(())
}
