//! What waits: lists, bars, endpoints.

use crate::fixture::{Fixture, VISIBILITY, actor, at, merchant_id};
use anyhow::Result;
use paybell_delivery::{DeliveryId, Job, State};
use paybell_store::manage::{DeliveryFilter, NextAttempts, PageRequest};
use std::time::Duration;

conformance!(
    what_waits_is_listed_by_its_next_attempt,
    what_waits_of_one_endpoint_is_listed_as_deliveries_are,
    what_expires_soon_is_listed_by_its_deadline,
    next_attempts_are_counted_by_when_they_come,
    endpoints_are_listed_by_how_much_waits_for_them,
);

async fn listed(f: &Fixture, filter: &DeliveryFilter, limit: u32) -> Result<Vec<DeliveryId>> {
    let (mut request, mut ids) = (PageRequest { limit, after: None }, Vec::new());
    for _ in 0..1_000 {
        let page = f.ledger.waiting(filter, &request).await?;
        anyhow::ensure!(page.items.len() <= usize::try_from(limit)?, "a page of {}", page.items.len());
        ids.extend(page.items.into_iter().map(|row| row.delivery.id));
        request.after = page.next;
        if request.after.is_none() {
            return Ok(ids);
        }
    }
    anyhow::bail!("it comes to no end")
}

async fn what_waits_is_listed_by_its_next_attempt(f: Fixture) -> Result<()> {
    f.shop().await?;
    // All of these come due at the same moment.
    let mut ids: Vec<DeliveryId> = f.accept_many(7, at(0)).await?.iter().map(|job| job.delivery_id).collect();
    ids.sort_by_key(|id| id.0);
    let [first, second, third] = [f.accept_one(at(1)).await?, f.accept_one(at(2)).await?, f.accept_one(at(3)).await?];
    f.retry(first, at(5), at(9_000)).await?;
    f.retry(second, at(5), at(10)).await?;
    f.deliver(third, at(5)).await?;
    ids.insert(0, second.delivery_id);
    ids.push(first.delivery_id);
    let all = DeliveryFilter::default();
    for limit in [1, 2, 3, 7, 100] {
        assert_eq!(listed(&f, &all, limit).await?, ids, "by {limit}");
    }
    let late = DeliveryFilter { created_since: Some(at(1)), ..Default::default() };
    assert_eq!(listed(&f, &late, 1).await?, [second.delivery_id, first.delivery_id]);
    let early = DeliveryFilter { created_before: Some(at(1)), ..Default::default() };
    assert_eq!(listed(&f, &early, 3).await?, ids[1..8]);
    let delivered = DeliveryFilter { state: Some(State::Delivered), ..Default::default() };
    assert_eq!(listed(&f, &delivered, 3).await?, [], "only what is pending waits");
    let malformed = PageRequest { limit: 1, after: Some("12_x".to_owned()) };
    assert!(f.ledger.waiting(&all, &malformed).await.is_err());
    Ok(())
}

async fn what_waits_of_one_endpoint_is_listed_as_deliveries_are(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let mut ids = Vec::new();
    for n in 0..4 {
        let job = f.accept_one(at(n)).await?;
        if n == 1 {
            f.deliver(job, at(5)).await?;
        } else {
            f.retry(job, at(5), at(9_000 - n)).await?;
            ids.insert(0, job.delivery_id);
        }
    }
    let of_endpoint = DeliveryFilter { endpoint_id: Some(endpoint), ..Default::default() };
    let of_merchant = DeliveryFilter { merchant_id: Some(merchant_id()), ..Default::default() };
    for filter in [of_endpoint, of_merchant] {
        assert_eq!(listed(&f, &filter, 2).await?, ids);
    }
    Ok(())
}

async fn what_expires_soon_is_listed_by_its_deadline(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let mut ids = Vec::new();
    for n in 0..4 {
        let job = f.accept_one(at(n)).await?;
        f.retry(job, at(5), at(9_000)).await?;
        ids.push(job.delivery_id);
    }
    let [_in_its_first_minute, acknowledged] = [f.accept_one(at(4)).await?, f.accept_one(at(5)).await?];
    f.deliver(acknowledged, at(6)).await?;
    let last = f.ledger.delivery(ids[3], at(10)).await?.expect("there").delivery.deadline_at;
    let of_endpoint = DeliveryFilter { endpoint_id: Some(endpoint), ..Default::default() };
    for filter in [DeliveryFilter::default(), of_endpoint] {
        for limit in [1, 2, 100] {
            let (mut request, mut listed) = (PageRequest { limit, after: None }, Vec::new());
            loop {
                let page = f.ledger.waiting_until(&filter, last, &request).await?;
                listed.extend(page.items.into_iter().map(|row| row.delivery.id));
                request.after = page.next;
                if request.after.is_none() {
                    break;
                }
            }
            assert_eq!(listed, ids[..3], "by {limit}: all whose deadline is before the last one's");
        }
    }
    let other = DeliveryFilter { pay_for: Some("another order".to_owned()), ..Default::default() };
    assert_eq!(f.ledger.waiting_until(&other, last, &PageRequest { limit: 9, after: None }).await?.items, []);
    Ok(())
}

async fn next_attempts_are_counted_by_when_they_come(f: Fixture) -> Result<()> {
    f.shop().await?;
    let jobs = f.accept_many(8, at(0)).await?;
    for (job, due) in jobs.iter().zip([99, 100, 101, 159, 160, 161, 4_000]) {
        f.retry(*job, at(1), at(due)).await?;
    }
    f.deliver(jobs[7], at(1)).await?;
    let within = [Duration::from_secs(60), Duration::from_secs(3_600)];
    let bar = |since: Option<u64>, before: Option<u64>, count| NextAttempts {
        since: since.map(at),
        before: before.map(at),
        count,
    };
    let bars = [
        bar(None, Some(100), 1),
        bar(Some(100), Some(160), 3),
        bar(Some(160), Some(3_700), 2),
        bar(Some(3_700), None, 1),
    ];
    let wall = f.ledger.retry_wall(at(100), &within).await?;
    assert_eq!((wall.bars.as_slice(), wall.parked), (bars.as_slice(), 0));
    let wall = f.ledger.retry_wall(at(100), &[]).await?;
    assert_eq!(wall.bars, [bar(None, Some(100), 1), bar(Some(100), None, 6)]);
    Ok(())
}

async fn endpoints_are_listed_by_how_much_waits_for_them(f: Fixture) -> Result<()> {
    let (parked, retried) = (f.shop().await?, f.endpoint().await?);
    let untroubled = f.endpoint().await?;
    for n in 0..3 {
        for job in f.accept(&format!("p{n}"), at(10 + n)).await? {
            match job.endpoint_id {
                id if id == untroubled => f.deliver(job, at(20)).await?,
                id if id == retried && n > 0 => f.retry(job, at(20), at(9_000)).await?,
                id if id == retried => f.deliver(job, at(20)).await?,
                _ => {}
            }
        }
    }
    f.ledger.pause_endpoint(parked, true, &actor(at(30))).await?;
    // What waits for its first attempt is not counted yet; what is due for a paused endpoint is parked.
    let waiting = f.ledger.waiting_by_endpoint(10).await?;
    assert_eq!(waiting.iter().map(|it| it.endpoint.id).collect::<Vec<_>>(), [retried]);
    assert_eq!(f.ledger.retry_wall(at(100), &[]).await?.parked, 0);
    f.ledger.dispatch_due(at(100), VISIBILITY, 100, &[]).await?;
    assert_eq!(f.ledger.retry_wall(at(100), &[]).await?.parked, 3);
    let waiting = f.ledger.waiting_by_endpoint(10).await?;
    let found: Vec<_> = waiting.iter().map(|it| (it.endpoint.id, it.waiting, it.deadline_at)).collect();
    let deadline = |n: u64| at(10 + n) + crate::fixture::LIFETIME;
    assert_eq!(found, [(parked, 3, deadline(0)), (retried, 2, deadline(1))]);
    assert!(waiting[0].endpoint.pause.is_some());
    assert_eq!(f.ledger.waiting_by_endpoint(1).await?, waiting[..1]);
    let job = |id: DeliveryId| Job { delivery_id: id, endpoint_id: retried, attempts: 1, concurrency_max: 8 };
    let filter = DeliveryFilter { endpoint_id: Some(retried), ..Default::default() };
    for row in f.ledger.waiting(&filter, &crate::fixture::all()).await?.items {
        f.deliver(job(row.delivery.id), at(9_000)).await?;
    }
    assert_eq!(f.ledger.waiting_by_endpoint(10).await?, waiting[..1], "what is delivered waits no more");
    Ok(())
}
