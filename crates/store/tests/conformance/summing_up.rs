//! Counts with their money.

use crate::fixture::{Fixture, LIFETIME, actor, at, merchant_id, payment, terms};
use anyhow::{Context, Result, bail};
use paybell_delivery::{Job, Money, Payment, State, Timestamp};
use paybell_store::engine::Accepted;
use paybell_store::manage::{DeliveryFilter, Sum};
use std::time::Duration;

conformance!(
    what_a_filter_matches_is_summed_up_by_currency,
    sums_stop_at_their_limit,
    large_amounts_do_not_overflow,
    what_expires_soon_is_summed_up_with_what_expires_sooner,
);

fn money(amount_minor: i64, currency: &str) -> Money {
    Money { amount_minor, currency: currency.parse().expect("a currency") }
}

fn sum(count: u64, money: &[Money]) -> Sum {
    Sum { count, money: money.to_vec(), cut: false }
}

/// Accepts a payment of that money for the only endpoint.
async fn pay(f: &Fixture, money: Money, now: Timestamp) -> Result<Job> {
    let payment = Payment { amount: money, ..payment(&format!("{}-{}", money.amount_minor, now.0), now) };
    let accepted = f.ledger.accept(&[payment], &terms(now)).await?.pop().context("an answer")?;
    let Accepted::New { jobs, .. } = accepted else { bail!("{accepted:?}") };
    jobs.into_iter().next().context("a job")
}

async fn what_a_filter_matches_is_summed_up_by_currency(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let mut jobs = Vec::new();
    for (n, money) in
        (0..).zip([money(100, "EUR"), money(20, "EUR"), money(7, "JPY"), money(3, "EUR"), money(1, "USD")])
    {
        jobs.push(pay(&f, money, at(n)).await?);
    }
    f.refuse(jobs[0], at(10)).await?;
    f.refuse(jobs[2], at(10)).await?;
    f.deliver(jobs[3], at(10)).await?;
    f.retry(jobs[1], at(10), at(9_000)).await?;
    let by_state = |state| DeliveryFilter { state: Some(state), ..Default::default() };
    let of_endpoint = |state| DeliveryFilter { endpoint_id: Some(endpoint), ..by_state(state) };
    let undelivered = sum(2, &[money(100, "EUR"), money(7, "JPY")]);
    let pending = sum(2, &[money(20, "EUR"), money(1, "USD")]);
    for (filter, expected) in [
        (DeliveryFilter::default(), sum(5, &[money(123, "EUR"), money(7, "JPY"), money(1, "USD")])),
        (by_state(State::Undelivered), undelivered.clone()),
        (of_endpoint(State::Undelivered), undelivered),
        (by_state(State::Pending), pending.clone()),
        (of_endpoint(State::Pending), pending.clone()),
        (DeliveryFilter { merchant_id: Some(merchant_id()), ..by_state(State::Pending) }, pending),
        (of_endpoint(State::Delivered), sum(1, &[money(3, "EUR")])),
        (by_state(State::Settled), Sum::default()),
        (DeliveryFilter { created_before: Some(at(2)), ..Default::default() }, sum(2, &[money(120, "EUR")])),
        (
            DeliveryFilter { merchant_id: paybell_delivery::MerchantId::new("other"), ..Default::default() },
            Sum::default(),
        ),
    ] {
        assert_eq!(f.ledger.sum_up(&filter).await?, expected, "{filter:?}");
    }
    Ok(())
}

async fn sums_stop_at_their_limit(f: Fixture) -> Result<()> {
    f.shop().await?;
    f.accept_many(usize::try_from(Sum::ROWS_MAX)? - 1, at(0)).await?;
    let all = DeliveryFilter::default();
    let below = f.ledger.sum_up(&all).await?;
    assert_eq!((below.count, below.is_cut()), (Sum::ROWS_MAX - 1, false));
    f.accept_many(10, at(1)).await?;
    let above = f.ledger.sum_up(&all).await?;
    assert_eq!((above.count, above.is_cut()), (Sum::ROWS_MAX, true));
    assert_eq!(above.money, [money(12_345 * i64::try_from(Sum::ROWS_MAX)?, "EUR")], "the money of those counted");
    Ok(())
}

async fn large_amounts_do_not_overflow(f: Fixture) -> Result<()> {
    f.shop().await?;
    for n in 0..3 {
        pay(&f, money(i64::MAX - 1, "EUR"), at(n)).await?;
    }
    assert_eq!(f.ledger.sum_up(&DeliveryFilter::default()).await?, sum(3, &[money(i64::MAX, "EUR")]));
    Ok(())
}

async fn what_expires_soon_is_summed_up_with_what_expires_sooner(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let hour = |n: u64| at(n * 3_600);
    for (n, money) in (0..).zip([money(1, "EUR"), money(10, "JPY"), money(100, "EUR"), money(1_000, "EUR")]) {
        let job = pay(&f, money, hour(n)).await?;
        f.retry(job, hour(n), hour(n) + Duration::from_secs(7_200)).await?;
    }
    // What has not been attempted is no worry yet, and what is delivered none any more.
    pay(&f, money(5, "EUR"), hour(0)).await?;
    let delivered = pay(&f, money(6, "EUR"), hour(0)).await?;
    f.retry(delivered, at(1), hour(2)).await?;
    f.deliver(Job { attempts: 1, ..delivered }, hour(2)).await?;
    let settled = pay(&f, money(7, "EUR"), hour(0)).await?;
    f.retry(settled, at(1), hour(2)).await?;
    f.ledger.settle(settled.delivery_id, "Olga", "by phone", &actor(hour(2))).await?;

    let now = hour(0) + LIFETIME;
    let within = [2, 1, 9].map(|n| Duration::from_secs(n * 3_600));
    let found = f.ledger.expiring(now, &within).await?;
    assert_eq!(found.iter().map(|it| it.within).collect::<Vec<_>>(), within);
    let sums: Vec<Sum> = found.into_iter().map(|it| it.sum).collect();
    let expected = [
        sum(2, &[money(1, "EUR"), money(10, "JPY")]),
        sum(1, &[money(1, "EUR")]),
        sum(4, &[money(1_101, "EUR"), money(10, "JPY")]),
    ];
    assert_eq!(sums, expected);
    assert_eq!(f.ledger.expiring(now, &[]).await?, []);

    // A claim changes nothing of that; what is parked still waits.
    let all = f.ledger.deliveries(&DeliveryFilter::default(), &crate::fixture::all()).await?.items;
    let newest = all.iter().find(|row| row.amount.amount_minor == 1_000).context("the newest")?;
    let job = Job { delivery_id: newest.delivery.id, endpoint_id: endpoint, attempts: 1, concurrency_max: 8 };
    f.won(job, hour(6)).await?;
    assert_eq!(f.ledger.expiring(now, &within[2..]).await?[0].sum, expected[2]);
    f.ledger.pause_endpoint(endpoint, true, &actor(hour(6))).await?;
    f.ledger.dispatch_due(hour(7), Duration::from_secs(60), 100, &[]).await?;
    let parked = f.ledger.expiring(now, &within[2..]).await?.remove(0).sum;
    assert_eq!(parked, sum(5, &[money(1_106, "EUR"), money(10, "JPY")]), "with what was never attempted");
    Ok(())
}
