//! Filters that match few of many deliveries.

use crate::fixture::{Fixture, at, merchant_id, payment, terms};
use anyhow::Result;
use paybell_delivery::{DeliveryId, Job, Payment, Reason, State};
use paybell_store::manage::{DeliveryFilter, DeliveryRow, Page, PageRequest};
use std::time::Duration;

conformance!(
    few_among_many_are_found_page_by_page,
    what_is_pending_of_an_endpoint_is_found_whether_it_was_attempted_or_not,
    failed_deliveries_of_an_endpoint_are_found_by_state_and_reason,
    payments_are_sought_by_the_gateways_id_and_the_order_reference,
    reference_of_many_payments_is_found_page_by_page,
);

/// More than one page looks at, for both endpoints together.
const MANY: usize = 20_050;

/// All pages, each of so many rows at most.
async fn pages(f: &Fixture, filter: &DeliveryFilter, limit: u32) -> Result<Vec<Page<DeliveryRow>>> {
    let (mut request, mut pages) = (PageRequest { limit, after: None }, Vec::new());
    for _ in 0..10_000 {
        let page = f.ledger.deliveries(filter, &request).await?;
        anyhow::ensure!(page.items.len() <= usize::try_from(limit)?, "a page of {}", page.items.len());
        request.after.clone_from(&page.next);
        pages.push(page);
        if request.after.is_none() {
            return Ok(pages);
        }
    }
    anyhow::bail!("it comes to no end")
}

async fn found(f: &Fixture, filter: &DeliveryFilter, limit: u32) -> Result<Vec<DeliveryId>> {
    let pages = pages(f, filter, limit).await?;
    Ok(pages.into_iter().flat_map(|page| page.items).map(|row| row.delivery.id).collect())
}

async fn few_among_many_are_found_page_by_page(f: Fixture) -> Result<()> {
    let (first, second) = (f.shop().await?, f.endpoint().await?);
    let mut jobs: Vec<Job> = Vec::new();
    for n in 0..5 {
        jobs.extend(f.accept_many(MANY / 10, at(10 + n)).await?);
    }
    let (mut to_first, mut to_second): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|j| j.endpoint_id == first);
    to_first.sort_by_key(|job| job.delivery_id.0);
    to_second.sort_by_key(|job| job.delivery_id.0);
    let chosen = [to_first[3], to_second[4], to_first[5], to_second[9_000], to_first[MANY / 2 - 1]];
    for job in chosen {
        f.deliver(job, at(20)).await?;
    }
    let newest_first = |jobs: &[Job]| {
        let mut ids: Vec<DeliveryId> = jobs.iter().map(|job| job.delivery_id).collect();
        ids.sort_by_key(|id| std::cmp::Reverse(id.0));
        ids
    };
    let delivered = DeliveryFilter { state: Some(State::Delivered), ..Default::default() };
    let of_merchant = DeliveryFilter { merchant_id: Some(merchant_id()), ..delivered.clone() };
    let of_second = DeliveryFilter { endpoint_id: Some(second), ..delivered.clone() };
    for limit in [1, 2, 100] {
        assert_eq!(found(&f, &delivered, limit).await?, newest_first(&chosen), "of all, by {limit}");
        assert_eq!(found(&f, &of_merchant, limit).await?, newest_first(&chosen), "of the merchant, by {limit}");
        assert_eq!(found(&f, &of_second, limit).await?, newest_first(&[chosen[1], chosen[3]]), "by {limit}");
    }
    let pages = pages(&f, &delivered, 100).await?;
    assert!(pages.len() > 1, "what is old is left to the next page");
    assert!(pages[0].items.len() < chosen.len());

    let late = DeliveryFilter { created_before: Some(at(11)), created_since: Some(at(10)), ..of_merchant };
    assert_eq!(found(&f, &late, 100).await?, newest_first(&chosen[..3]));
    Ok(())
}

async fn what_is_pending_of_an_endpoint_is_found_whether_it_was_attempted_or_not(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let mut jobs = Vec::new();
    for n in 0..6 {
        jobs.push(f.accept_one(at(n)).await?);
    }
    f.retry(jobs[0], at(10), at(7_200)).await?;
    f.retry(jobs[1], at(10), at(20)).await?;
    f.deliver(jobs[2], at(10)).await?;
    f.won(jobs[3], at(10)).await?;
    f.retry(jobs[4], at(10), at(3_600)).await?;
    f.won(Job { attempts: 1, ..jobs[4] }, at(3_600)).await?;
    let expected: Vec<DeliveryId> = [5, 4, 3, 1, 0].map(|n: usize| jobs[n].delivery_id).into();
    let pending = DeliveryFilter { state: Some(State::Pending), ..Default::default() };
    let of_endpoint = DeliveryFilter { endpoint_id: Some(endpoint), ..pending.clone() };
    let of_merchant = DeliveryFilter { merchant_id: Some(merchant_id()), ..pending.clone() };
    for filter in [pending, of_endpoint, of_merchant] {
        for limit in [1, 2, 100] {
            assert_eq!(found(&f, &filter, limit).await?, expected, "{filter:?} by {limit}");
        }
    }
    Ok(())
}

async fn failed_deliveries_of_an_endpoint_are_found_by_state_and_reason(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let mut ids = Vec::new();
    for n in 0..5 {
        let job = f.accept_one(at(n)).await?;
        if n < 4 {
            f.refuse(job, at(10)).await?;
        }
        ids.push(job.delivery_id);
    }
    for n in [1, 4] {
        f.ledger.settle(ids[n], "Olga", "by phone", &crate::fixture::actor(at(20))).await?;
    }
    let expire = format!("UPDATE deliveries SET reason = 'expired' WHERE created_at = {}", at(3).0);
    assert_eq!(f.execute(&expire).await?, None);
    let (refused, expired) = (Some(Reason::Refused), Some(Reason::Expired));
    for (state, reason, expected) in [
        (None, refused, &[2, 1, 0][..]),
        (None, expired, &[3]),
        (None, Some(Reason::Panicked), &[]),
        (Some(State::Undelivered), None, &[3, 2, 0]),
        (Some(State::Undelivered), refused, &[2, 0]),
        (Some(State::Settled), None, &[4, 1]),
        (Some(State::Settled), refused, &[1]),
        (Some(State::Delivered), refused, &[]),
        (Some(State::Pending), refused, &[]),
    ] {
        let expected: Vec<DeliveryId> = expected.iter().map(|n: &usize| ids[*n]).collect();
        let all = DeliveryFilter { state, reason, ..Default::default() };
        let of_endpoint = DeliveryFilter { endpoint_id: Some(endpoint), ..all.clone() };
        let of_merchant = DeliveryFilter { merchant_id: Some(merchant_id()), ..all.clone() };
        for filter in [all, of_endpoint, of_merchant] {
            assert_eq!(found(&f, &filter, 2).await?, expected, "{filter:?}");
            assert_eq!(f.ledger.sum_up(&filter).await?.count, u64::try_from(expected.len())?, "{filter:?}");
        }
    }
    Ok(())
}

async fn payments_are_sought_by_the_gateways_id_and_the_order_reference(f: Fixture) -> Result<()> {
    let first = f.shop().await?;
    let second = f.endpoint().await?;
    let mut jobs = Vec::new();
    for (n, pay_for) in (0..).zip(["order 1", "order 1", "order 2"]) {
        let payment = Payment { pay_for: Some(pay_for.to_owned()), ..payment(&format!("p{n}"), at(n)) };
        let accepted = f.ledger.accept(&[payment], &terms(at(n))).await?.remove(0);
        let paybell_store::engine::Accepted::New { jobs: new, .. } = accepted else { anyhow::bail!("{accepted:?}") };
        jobs.push(new);
    }
    let id = |payment: usize, endpoint| {
        let job = jobs[payment].iter().find(|job| job.endpoint_id == endpoint);
        job.map(|job| job.delivery_id)
    };
    f.refuse(*jobs[0].iter().find(|job| job.endpoint_id == first).expect("a job"), at(10)).await?;
    let by_gateway_id = |id: &str| DeliveryFilter { gateway_payment_id: Some(id.to_owned()), ..Default::default() };
    let by_order = |order: &str| DeliveryFilter { pay_for: Some(order.to_owned()), ..Default::default() };
    let other = paybell_delivery::MerchantId::new("other");
    let to_first = DeliveryFilter { endpoint_id: Some(first), ..by_order("order 1") };
    let waiting = DeliveryFilter { state: Some(State::Pending), ..to_first.clone() };
    for (filter, expected) in [
        (DeliveryFilter { endpoint_id: Some(second), ..by_gateway_id("p1") }, vec![id(1, second)]),
        (DeliveryFilter { merchant_id: Some(merchant_id()), ..to_first.clone() }, vec![id(1, first), id(0, first)]),
        (DeliveryFilter { merchant_id: other, ..by_gateway_id("p1") }, vec![]),
        (DeliveryFilter { pay_for: Some("order 2".to_owned()), ..by_gateway_id("p1") }, vec![]),
        (DeliveryFilter { created_since: Some(at(1)), ..to_first.clone() }, vec![id(1, first)]),
        (DeliveryFilter { reason: Some(Reason::Refused), ..to_first }, vec![id(0, first)]),
        (waiting, vec![id(1, first)]),
        (by_gateway_id("p9"), vec![]),
    ] {
        let expected: Option<Vec<DeliveryId>> = expected.into_iter().collect();
        assert_eq!(Some(found(&f, &filter, 1).await?), expected, "{filter:?}");
    }
    assert_eq!(found(&f, &by_gateway_id("p1"), 1).await?.len(), 2);
    Ok(())
}

async fn reference_of_many_payments_is_found_page_by_page(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    for n in 0..5 {
        let payments: Vec<Payment> = (0..1_000)
            .map(|m| {
                let now = at(n) + Duration::from_micros(m);
                let pay_for = if m % 2 == 0 || n == 3 { "donation" } else { "order" };
                Payment { pay_for: Some(pay_for.to_owned()), ..payment(&format!("p{n}-{m}"), now) }
            })
            .collect();
        f.ledger.accept(&payments, &terms(at(n))).await?;
    }
    let donations = DeliveryFilter { pay_for: Some("donation".to_owned()), ..Default::default() };
    for filter in [DeliveryFilter { endpoint_id: Some(endpoint), ..donations.clone() }, donations] {
        let found = found(&f, &filter, 700).await?;
        assert_eq!(found.len(), 3_000);
        assert!(found.is_sorted_by(|a, b| a.0 > b.0), "each once, the newest first");
    }
    Ok(())
}
