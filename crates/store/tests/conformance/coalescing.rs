use crate::fixture::{Fixture, GRACE, LIFETIME, VISIBILITY, payment, record};
use anyhow::Result;
use paybell_delivery::{Decision, Outcome, State};
use paybell_store::engine::{Accepted, Claim, Recorded};
use paybell_store::{Clock, CoalesceSettings, Coalesced};
use std::sync::Arc;

conformance!(concurrent_callers_share_batches_from_accept_to_record, one_bad_payment_spoils_only_itself,);

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

async fn coalesced(f: &Fixture) -> Result<(Coalesced, Arc<Clock>)> {
    let clock = Arc::new(Clock::default());
    clock.sync(&*f.ledger).await?;
    let settings = CoalesceSettings { batch_max: 100, grace: GRACE, lifetime: LIFETIME };
    Ok((Coalesced::start(f.ledger.clone(), clock.clone(), settings), clock))
}
