use crate::fixture::{Fixture, LIFETIME, VISIBILITY, actor, at};
use anyhow::{Result, bail};
use paybell_delivery::{Job, MerchantId, Reason, State};
use paybell_store::StoreError;
use std::time::Duration;

conformance!(
    what_waits_for_a_paused_endpoint_is_parked_and_released,
    a_merchant_is_paused_and_resumed_with_all_its_endpoints,
    what_waits_for_a_crowded_endpoint_is_parked_and_released,
    a_release_takes_no_more_than_its_limit,
    what_is_taken_back_of_a_closed_endpoint_is_parked_and_released_with_the_rest,
    nothing_is_taken_back_that_is_claimed_or_stale_or_may_go_out,
    what_is_parked_expires_without_an_attempt,
    what_waits_for_a_deleted_endpoint_stays_parked,
    a_claim_close_to_the_deadline_is_not_taken_for_parked,
    a_release_and_a_dispatch_at_once_leave_nothing_behind,
);

async fn what_waits_for_a_paused_endpoint_is_parked_and_released(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let job = f.accept_one(at(10)).await?;
    f.ledger.pause_endpoint(endpoint, true, &actor(at(11))).await?;
    let due = f.ledger.dispatch_due(at(50), VISIBILITY, 10, &[]).await?;
    assert_eq!((due.jobs.len(), due.parked), (0, 1));
    let delivery = f.delivery(job.delivery_id).await?;
    assert_eq!((delivery.state, delivery.due_at), (State::Pending, delivery.deadline_at));
    assert_eq!(f.ledger.dispatch_due(at(500), VISIBILITY, 10, &[]).await?.parked, 0, "it is looked at once, not again");
    assert_eq!(f.ledger.release_parked(at(500), VISIBILITY, 10, &[]).await?, [], "not while it is paused");

    f.ledger.pause_endpoint(endpoint, false, &actor(at(600))).await?;
    assert_eq!(f.ledger.release_parked(at(601), VISIBILITY, 10, &[]).await?, [job]);
    assert_eq!(f.delivery(job.delivery_id).await?.due_at, at(601) + VISIBILITY, "a lost job comes due again");
    assert_eq!(f.ledger.release_parked(at(602), VISIBILITY, 10, &[]).await?, []);
    Ok(())
}

async fn a_merchant_is_paused_and_resumed_with_all_its_endpoints(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let shop = f.ledger.endpoint(endpoint).await?.map(|endpoint| endpoint.merchant_id).expect("it was just made");
    let job = f.accept_one(at(10)).await?;
    assert_eq!(f.ledger.pause_merchant(&shop, true, &actor(at(11))).await?, 1);
    assert_eq!(f.ledger.pause_merchant(&shop, true, &actor(at(12))).await?, 0, "it is paused already");
    assert!(f.ledger.endpoint(endpoint).await?.is_some_and(|endpoint| endpoint.pause.is_some()));
    assert_eq!(f.ledger.dispatch_due(at(50), VISIBILITY, 10, &[]).await?.parked, 1);
    assert_eq!(f.ledger.pause_merchant(&shop, false, &actor(at(60))).await?, 1);
    assert_eq!(f.ledger.release_parked(at(61), VISIBILITY, 10, &[]).await?, [job]);
    let nobody = MerchantId::new("nobody").expect("a valid id");
    assert!(matches!(f.ledger.pause_merchant(&nobody, true, &actor(at(70))).await, Err(StoreError::NotFound { .. })));
    Ok(())
}

async fn what_waits_for_a_crowded_endpoint_is_parked_and_released(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let mut jobs = f.accept_many(3, at(10)).await?;
    let due = f.ledger.dispatch_due(at(50), VISIBILITY, 10, &[endpoint]).await?;
    assert_eq!((due.jobs.len(), due.parked), (0, 3));
    assert_eq!(f.ledger.dispatch_due(at(5_000), VISIBILITY, 10, &[]).await?.parked, 0, "waiting costs no look");
    assert_eq!(f.ledger.release_parked(at(5_000), VISIBILITY, 10, &[endpoint]).await?, [], "not while it is crowded");
    let mut released = f.ledger.release_parked(at(5_000), VISIBILITY, 10, &[]).await?;
    jobs.sort_by_key(|job| job.delivery_id);
    released.sort_by_key(|job| job.delivery_id);
    assert_eq!(released, jobs);
    Ok(())
}

async fn a_release_takes_no_more_than_its_limit(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    f.accept_many(25, at(10)).await?;
    f.ledger.pause_endpoint(endpoint, true, &actor(at(11))).await?;
    assert_eq!(f.ledger.dispatch_due(at(50), VISIBILITY, 100, &[]).await?.parked, 25);
    f.ledger.pause_endpoint(endpoint, false, &actor(at(60))).await?;
    let mut released = Vec::new();
    for second in 61..65 {
        released.push(f.ledger.release_parked(at(second), VISIBILITY, 10, &[]).await?.len());
    }
    assert_eq!(released, [10, 10, 5, 0]);
    Ok(())
}

async fn what_is_parked_expires_without_an_attempt(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let job = f.accept_one(at(10)).await?;
    f.ledger.pause_endpoint(endpoint, true, &actor(at(11))).await?;
    f.ledger.dispatch_due(at(50), VISIBILITY, 10, &[]).await?;
    f.ledger.pause_endpoint(endpoint, false, &actor(at(60))).await?;
    let deadline = at(10) + LIFETIME;
    assert_eq!(f.ledger.release_parked(deadline, VISIBILITY, 10, &[]).await?, []);
    let due = f.ledger.dispatch_due(deadline, VISIBILITY, 10, &[]).await?;
    assert_eq!((due.jobs.len(), due.expired), (0, 1));
    let delivery = f.delivery(job.delivery_id).await?;
    assert_eq!((delivery.reason, delivery.attempts), (Some(Reason::Expired), 0));
    Ok(())
}

async fn what_waits_for_a_deleted_endpoint_stays_parked(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    f.accept_one(at(10)).await?;
    f.ledger.delete_endpoint(endpoint, &actor(at(11))).await?;
    assert_eq!(f.ledger.dispatch_due(at(50), VISIBILITY, 10, &[]).await?.parked, 1);
    assert_eq!(f.ledger.release_parked(at(51), VISIBILITY, 10, &[]).await?, []);
    Ok(())
}

async fn a_claim_close_to_the_deadline_is_not_taken_for_parked(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let deadline = at(10) + LIFETIME;
    let (in_flight, parked) = (f.accept_one(at(10)).await?, f.accept_one(at(11)).await?);
    let now = deadline.before(Duration::from_secs(9));
    f.won(in_flight, now).await?;
    f.ledger.pause_endpoint(endpoint, true, &actor(now)).await?;
    assert_eq!(f.ledger.dispatch_due(now, VISIBILITY, 10, &[]).await?.parked, 1);
    f.ledger.pause_endpoint(endpoint, false, &actor(now)).await?;
    assert_eq!(f.ledger.release_parked(now, VISIBILITY, 10, &[]).await?, [parked]);
    assert_eq!(f.delivery(in_flight.delivery_id).await?.due_at, deadline);
    Ok(())
}

/// Dispatchers park what is due while the endpoint is paused and resumed and releases go on; in the end a release finds
/// all that is parked.
async fn a_release_and_a_dispatch_at_once_leave_nothing_behind(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    f.accept_many(300, at(10)).await?;
    let (other, releasing) = (f.another().await?, f.ledger.clone());
    let dispatching = tokio::spawn(async move {
        for _ in 0..40 {
            other.dispatch_due(at(60), VISIBILITY, 10, &[]).await?;
        }
        Ok::<_, paybell_store::StoreError>(())
    });
    let release = tokio::spawn(async move {
        for _ in 0..40 {
            releasing.release_parked(at(61), VISIBILITY, 7, &[]).await?;
        }
        Ok::<_, paybell_store::StoreError>(())
    });
    for n in 0..20 {
        f.ledger.pause_endpoint(endpoint, n % 2 == 0, &actor(at(60))).await?;
    }
    dispatching.await??;
    release.await??;
    while !f.ledger.release_parked(at(62), VISIBILITY, 1_000, &[]).await?.is_empty() {}
    let page = f.ledger.deliveries(&Default::default(), &crate::fixture::all()).await?;
    assert_eq!(page.items.len(), 300);
    assert!(page.items.iter().all(|row| row.delivery.due_at < row.delivery.deadline_at));
    Ok(())
}

async fn what_is_taken_back_of_a_closed_endpoint_is_parked_and_released_with_the_rest(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    for (from, fails) in [(10, false), (100_u64, true)] {
        let after = |seconds| at(from + seconds);
        let mut jobs = f.accept_many(3, after(0)).await?;
        if fails {
            assert!(f.ledger.mark_failing(endpoint, after(10), "", &actor(after(10))).await?);
        } else {
            f.ledger.pause_endpoint(endpoint, true, &actor(after(10))).await?;
        }
        assert_eq!(f.ledger.dispatch_due(after(11), VISIBILITY, 10, &[]).await?.parked, 0, "it is not due yet");
        assert_eq!(f.ledger.take_back(&jobs, after(11)).await?, 3);
        assert_eq!(f.ledger.dispatch_due(after(500), VISIBILITY, 10, &[]).await?.parked, 0, "it is parked already");
        assert_eq!(f.ledger.take_back(&jobs, after(12)).await?, 0, "what is parked stays parked");
        let later = f.accept_one(after(12)).await?;
        let delivery = f.delivery(later.delivery_id).await?;
        assert_eq!(delivery.due_at, delivery.deadline_at, "what comes then is parked as it is written");
        jobs.push(later);
        if fails {
            assert!(f.ledger.reopen(endpoint, &actor(after(13))).await?);
        } else {
            f.ledger.pause_endpoint(endpoint, false, &actor(after(13))).await?;
        }
        let mut released = f.ledger.release_parked(after(30), VISIBILITY, 10, &[]).await?;
        released.sort_by_key(|job| job.delivery_id);
        jobs.sort_by_key(|job| job.delivery_id);
        assert_eq!(released, jobs);
        for job in jobs {
            f.deliver(job, after(31)).await?;
        }
    }
    Ok(())
}

async fn nothing_is_taken_back_that_is_claimed_or_stale_or_may_go_out(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let jobs = f.accept_many(5, at(10)).await?;
    let [_, claimed, retried, done, probe] = jobs[..] else { bail!("{jobs:?}") };
    let left_alone = async |jobs: &[Job], second| -> Result<()> {
        let mut before = Vec::new();
        for job in jobs {
            before.push(f.delivery(job.delivery_id).await?);
        }
        assert_eq!(f.ledger.take_back(jobs, at(second)).await?, 0);
        for (job, before) in jobs.iter().zip(before) {
            assert_eq!(f.delivery(job.delivery_id).await?, before);
        }
        Ok(())
    };
    f.won(claimed, at(11)).await?;
    f.retry(retried, at(11), at(3_000)).await?;
    f.deliver(done, at(11)).await?;
    left_alone(&jobs, 12).await?;
    assert!(f.ledger.mark_failing(endpoint, at(12), "", &actor(at(13))).await?);
    assert_eq!(f.ledger.take_back(&[probe], at(13)).await?, 1);
    assert_eq!(f.ledger.take_probes(at(14), VISIBILITY, 10).await?, [probe]);
    left_alone(&[claimed, retried, done, probe], 15).await
}
