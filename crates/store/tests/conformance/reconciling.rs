//! The reconciliation of a merchant's day.

use crate::fixture::{Fixture, GRACE, LIFETIME, actor, at, id_at, merchant_id, payment, terms};
use anyhow::{Context, Result, bail};
use paybell_delivery::{DeliveryId, EndpointId, Job, MerchantId, Money, Payment, Timestamp};
use paybell_store::engine::Accepted;
use paybell_store::manage::{NewDelivery, PageRequest, ReconciledPayment, Standing};
use std::collections::BTreeMap;

conformance!(figures_of_a_mixed_day_add_up, days_join_without_gap_or_overlap);

/// How many payments there are and their money by currency.
type Total = (usize, BTreeMap<&'static str, i64>);

fn total(amounts: impl IntoIterator<Item = Money>) -> Total {
    let (mut count, mut money) = (0, BTreeMap::new());
    for amount in amounts {
        count += 1;
        *money.entry(amount.currency.code()).or_default() += amount.amount_minor;
    }
    (count, money)
}

fn add(mut sum: Total, more: Total) -> Total {
    sum.0 += more.0;
    for (currency, amount) in more.1 {
        *sum.1.entry(currency).or_default() += amount;
    }
    sum
}

async fn accept(f: &Fixture, n: u64, now: Timestamp) -> Result<(Payment, Vec<Job>)> {
    let currency = ["EUR", "JPY", "USD"][usize::try_from(n)? % 3].parse()?;
    let amount = Money { amount_minor: 1_i64 << n, currency };
    let payment = Payment { amount, ..payment(&format!("p{n}"), now) };
    let accepted = f.ledger.accept(std::slice::from_ref(&payment), &terms(now)).await?.pop().context("an answer")?;
    let Accepted::New { jobs, .. } = accepted else { bail!("{accepted:?}") };
    Ok((payment, jobs))
}

async fn reconcile(f: &Fixture, since: Timestamp, before: Timestamp, limit: u32) -> Result<Vec<ReconciledPayment>> {
    let (mut request, mut all) = (PageRequest { limit, after: None }, Vec::new());
    loop {
        let page = f.ledger.reconcile(&merchant_id(), since, before, &request).await?;
        anyhow::ensure!(page.items.len() <= usize::try_from(limit)?);
        all.extend(page.items);
        request.after = page.next;
        if request.after.is_none() {
            return Ok(all);
        }
    }
}

/// What is done to a payment's deliveries to the first and the second endpoint.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Deed {
    Deliver,
    Refuse,
    Settle,
    Wait,
    RefuseAndDeliverAgain,
    RefuseAndSendAgain,
}

async fn does(f: &Fixture, deed: Deed, job: Job, now: Timestamp) -> Result<()> {
    match deed {
        Deed::Deliver => f.deliver(job, now).await,
        Deed::Refuse => f.refuse(job, now).await,
        Deed::Settle => Ok(f.ledger.settle(job.delivery_id, "Olga", "by phone", &actor(now)).await?),
        Deed::Wait => Ok(()),
        Deed::RefuseAndDeliverAgain | Deed::RefuseAndSendAgain => {
            f.refuse(job, now).await?;
            let new = NewDelivery { id: DeliveryId(id_at(now)), lifetime: LIFETIME, grace: GRACE };
            let again = f.ledger.resend(job.delivery_id, &new, &actor(now)).await?;
            if deed == Deed::RefuseAndDeliverAgain { f.deliver(again, now).await } else { Ok(()) }
        }
    }
}

async fn figures_of_a_mixed_day_add_up(f: Fixture) -> Result<()> {
    use Deed::{Deliver, Refuse, RefuseAndDeliverAgain, RefuseAndSendAgain, Settle, Wait};
    f.ledger.create_merchant(&merchant_id(), "The shop", &actor(at(0))).await?;
    let other = MerchantId::new("other").expect("valid");
    f.ledger.create_merchant(&other, "Another", &actor(at(0))).await?;
    let mut expected = vec![(accept(&f, 0, at(0)).await?.0, Standing::Untold)];
    let (first, _): (EndpointId, EndpointId) = (f.endpoint().await?, f.endpoint().await?);
    for (n, (deeds, standing)) in (1..).zip([
        ((Deliver, Deliver), Standing::Delivered),
        ((Deliver, Refuse), Standing::Undelivered),
        ((Settle, Deliver), Standing::Settled),
        ((Settle, Settle), Standing::Settled),
        ((Wait, Deliver), Standing::Waiting),
        ((Refuse, Refuse), Standing::Undelivered),
        ((RefuseAndDeliverAgain, Deliver), Standing::Delivered),
        ((RefuseAndSendAgain, Deliver), Standing::Waiting),
        ((Refuse, Settle), Standing::Undelivered),
        ((Wait, Refuse), Standing::Waiting),
        ((Wait, Wait), Standing::Waiting),
        ((RefuseAndDeliverAgain, RefuseAndDeliverAgain), Standing::Delivered),
    ]) {
        let (payment, jobs) = accept(&f, n, at(n * 3_600)).await?;
        for job in jobs {
            let deed = if job.endpoint_id == first { deeds.0 } else { deeds.1 };
            does(&f, deed, job, at(n * 3_600 + 10)).await?;
        }
        expected.push((payment, standing));
    }
    let foreign = Payment { merchant_id: other, ..payment("foreign", at(60)) };
    f.ledger.accept(&[foreign], &terms(at(60))).await?;

    let found = reconcile(&f, at(0), at(86_400), 5).await?;
    let facts =
        |of: &Payment| (of.id, of.gateway_payment_id.clone(), of.kind.clone(), of.pay_for.clone(), of.confirmed_at);
    let standings: Vec<_> = found
        .iter()
        .map(|it| {
            let facts = (it.id, it.gateway_payment_id.clone(), it.kind.clone(), it.pay_for.clone(), it.confirmed_at);
            (facts, it.amount, it.accepted_at, it.standing)
        })
        .collect();
    let wanted: Vec<_> =
        expected.iter().map(|(of, standing)| (facts(of), of.amount, of.accepted_at, *standing)).collect();
    assert_eq!(standings, wanted);
    let of = |standing| total(found.iter().filter(|it| it.standing == standing).map(|it| it.amount));
    let parts = [Standing::Delivered, Standing::Settled, Standing::Undelivered, Standing::Waiting, Standing::Untold];
    let whole = parts.into_iter().map(of).fold((0, BTreeMap::new()), add);
    assert_eq!(whole, total(expected.iter().map(|(payment, _)| payment.amount)), "nothing twice, nothing left out");
    assert_eq!((whole.0, whole.1.len()), (13, 3));
    for it in &found {
        let finished = matches!(it.standing, Standing::Delivered | Standing::Settled | Standing::Undelivered);
        assert_eq!(it.finished_at.is_some(), finished, "{it:?}");
        assert!(it.finished_at.is_none_or(|at| at > it.accepted_at));
    }
    Ok(())
}

async fn days_join_without_gap_or_overlap(f: Fixture) -> Result<()> {
    f.shop().await?;
    let mut all = Vec::new();
    for n in 0..12 {
        all.push(accept(&f, n, at(n * 10)).await?.0.id);
    }
    let mut found = Vec::new();
    for n in 0..3 {
        let part = reconcile(&f, at(n * 40), at((n + 1) * 40), 3).await?;
        assert_eq!(part.len(), 4);
        found.extend(part.into_iter().map(|it| it.id));
    }
    assert_eq!(found, all, "the oldest first");
    assert_eq!(reconcile(&f, at(40), at(40), 3).await?, []);
    let nobody = MerchantId::new("nobody").expect("valid");
    let page = PageRequest { limit: 10, after: None };
    assert_eq!(f.ledger.reconcile(&nobody, at(0), at(1_000), &page).await?.items, []);
    Ok(())
}
