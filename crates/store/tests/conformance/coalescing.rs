use crate::fixture::{Fixture, GRACE, LIFETIME, VISIBILITY, actor, payment, record};
use anyhow::Result;
use paybell_delivery::{Decision, Outcome, State};
use paybell_store::engine::{Accepted, Claim, Recorded};
use paybell_store::{Clock, CoalesceSettings, Coalesced};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Payments for which nothing goes out wait a little longer than this for company.
const GATHER: Duration = Duration::from_millis(2);

conformance!(
    concurrent_callers_share_batches_from_accept_to_record,
    one_bad_payment_spoils_only_itself,
    payments_for_which_nothing_goes_out_gather_apart,
);

async fn concurrent_callers_share_batches_from_accept_to_record(f: Fixture) -> Result<()> {
    f.shop().await?;
    let (coalesced, clock) = coalesced(&f).await?;
    let mut calls = Vec::new();
    for n in 0..300 {
        let (coalesced, clock, ledger) = (coalesced.clone(), clock.clone(), f.ledger.clone());
        calls.push(tokio::spawn(async move {
            let accepted = coalesced.accept(payment(&format!("p{n}"), clock.now())).await?;
            let Accepted::New { jobs, .. } = accepted else { anyhow::bail!("{accepted:?}") };
            let claims = ledger.claim(&jobs, clock.now(), VISIBILITY).await?;
            let Some(Claim::Won(claimed)) = claims.into_iter().next() else { anyhow::bail!("lost") };
            let record = record(&claimed, Outcome::Acknowledged, Decision::Delivered, clock.now());
            anyhow::ensure!(coalesced.record(record).await? == Recorded::Applied);
            Ok(claimed.delivery_id)
        }));
    }
    for call in calls {
        assert_eq!(f.delivery(call.await??).await?.state, State::Delivered);
    }
    Ok(())
}

async fn one_bad_payment_spoils_only_itself(f: Fixture) -> Result<()> {
    f.shop().await?;
    let (coalesced, clock) = coalesced(&f).await?;
    let mut calls = Vec::new();
    for n in 0..50 {
        let coalesced = coalesced.clone();
        let mut payment = payment(&format!("p{n}"), clock.now());
        payment.amount.amount_minor = n; // nothing was paid by the first
        calls.push(tokio::spawn(async move { coalesced.accept(payment).await }));
    }
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await?.is_err(), n == 0, "payment {n}");
    }
    Ok(())
}

async fn payments_for_which_nothing_goes_out_gather_apart(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let (coalesced, clock) = coalesced(&f).await?;
    let accept = async |id: String| {
        let begun = Instant::now();
        let accepted = coalesced.accept(payment(&id, clock.now())).await?;
        let Accepted::New { closed, .. } = accepted else { anyhow::bail!("{accepted:?}") };
        anyhow::Ok((!closed.is_empty(), begun.elapsed()))
    };
    f.ledger.pause_endpoint(endpoint, true, &actor(clock.now())).await?;
    assert!(accept("it is noticed".to_owned()).await?.0);
    let mut alone = Vec::new();
    for n in 0..20 {
        let (closed, took) = accept(format!("alone {n}")).await?;
        assert!(closed);
        alone.push(took);
    }
    // The last batch of a crowd may have one payment only.
    let mut after_crowds = Vec::new();
    for n in 0..20 {
        let mut crowd = tokio::task::JoinSet::new();
        for m in 0..20 {
            let (coalesced, payment) = (coalesced.clone(), payment(&format!("crowd {n}.{m}"), clock.now()));
            crowd.spawn(async move { coalesced.accept(payment).await });
        }
        while let Some(accepted) = crowd.join_next().await {
            accepted??;
        }
        after_crowds.push(accept(format!("after crowd {n}")).await?.1);
    }
    // A commit takes as long as the disk does; beside it one waits for company, and the other does not.
    alone.sort_unstable();
    after_crowds.sort_unstable();
    let waited = after_crowds[10].saturating_sub(alone[0]);
    assert!(waited >= GATHER, "who comes after several waits for more, others do not: {after_crowds:?}, {alone:?}");
    f.ledger.pause_endpoint(endpoint, false, &actor(clock.now())).await?;
    assert!(!accept("it is open".to_owned()).await?.0);
    Ok(())
}

async fn coalesced(f: &Fixture) -> Result<(Coalesced, Arc<Clock>)> {
    let clock = Arc::new(Clock::default());
    clock.sync(&*f.ledger).await?;
    let settings = CoalesceSettings { batch_max: 100, grace: GRACE, lifetime: LIFETIME };
    Ok((Coalesced::start(f.ledger.clone(), clock.clone(), settings), clock))
}
