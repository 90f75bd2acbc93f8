use crate::fixture::{Fixture, LIFETIME, VISIBILITY, actor, at, payment, record, terms};
use anyhow::{Context, Result, bail};
use paybell_delivery::{Decision, Job, Outcome, State};
use paybell_store::engine::{Accepted, ClaimAhead, ClaimedDelivery, Recorded};

conformance!(
    what_is_claimed_ahead_is_the_claim_that_a_worker_would_have_got,
    an_attempt_ahead_is_recorded_like_any_other,
    what_was_accepted_before_is_not_claimed,
    nothing_is_claimed_ahead_of_excepted_merchants_and_endpoints_that_take_nothing,
    a_claim_ahead_that_ran_out_is_written_down_and_taken_over,
    a_claim_that_is_given_back_leaves_no_trace,
    nothing_is_given_back_that_is_no_longer_held,
);

fn ahead() -> ClaimAhead {
    ClaimAhead { visibility: VISIBILITY, except: Vec::new() }
}

impl Fixture {
    /// Accepts a payment for the only endpoint at a moment, with its claim.
    async fn accept_one_ahead(&self, second: u64) -> Result<(Job, ClaimedDelivery)> {
        let payments = [payment(&format!("p{second}"), at(second))];
        match self.ledger.accept_ahead(&payments, &terms(at(second)), &ahead()).await?.pop().context("an answer")? {
            Accepted::New { jobs, mut claimed, .. } => Ok((jobs[0], claimed.pop().context("no claim")?)),
            other => bail!("{other:?}"),
        }
    }
}

async fn what_is_claimed_ahead_is_the_claim_that_a_worker_would_have_got(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let by_queue = f.accept_one(at(10)).await?;
    let by_queue = f.won(by_queue, at(10)).await?;
    let (job, claimed) = f.accept_one_ahead(10).await?;
    assert_eq!((job.attempts, job.endpoint_id, job.delivery_id), (1, endpoint, claimed.delivery_id));
    let payment = f.view(job.delivery_id, at(10)).await?.payment;
    let expected = ClaimedDelivery { delivery_id: job.delivery_id, payment, ..by_queue.clone() };
    assert_eq!(claimed, expected);
    let rows = (f.delivery(by_queue.delivery_id).await?, f.delivery(claimed.delivery_id).await?);
    assert_eq!(
        (rows.0.attempts, rows.0.claimed_at, rows.0.due_at),
        (rows.1.attempts, rows.1.claimed_at, rows.1.due_at)
    );
    assert_eq!((rows.1.state, rows.1.deadline_at), (State::Pending, at(10) + LIFETIME));
    assert_eq!(f.claim(Job { attempts: 0, ..job }, at(11)).await?, None, "it is held");
    Ok(())
}

async fn an_attempt_ahead_is_recorded_like_any_other(f: Fixture) -> Result<()> {
    f.shop().await?;
    let (job, claimed) = f.accept_one_ahead(10).await?;
    let record = record(&claimed, Outcome::Acknowledged, Decision::Delivered, at(11));
    assert_eq!(f.record(record).await?, Recorded::Applied);
    let view = f.view(job.delivery_id, at(12)).await?;
    assert_eq!((view.delivery.state, view.delivery.attempts, view.attempts.len()), (State::Delivered, 1, 1));
    Ok(())
}

async fn what_was_accepted_before_is_not_claimed(f: Fixture) -> Result<()> {
    f.shop().await?;
    let payments = [payment("p1", at(10))];
    let first = f.ledger.accept(&payments, &terms(at(10))).await?;
    let Some(Accepted::New { jobs, claimed, .. }) = first.first() else { bail!("{first:?}") };
    assert_eq!((jobs[0].attempts, claimed.len()), (0, 0));
    let again = [payment("p1", at(10)), payment("p2", at(10)), payment("p2", at(10))];
    let answers = f.ledger.accept_ahead(&again, &terms(at(11)), &ahead()).await?;
    assert!(matches!(answers[0], Accepted::Same { .. }), "{answers:?}");
    assert!(matches!(&answers[1], Accepted::New { claimed, .. } if claimed.len() == 1), "{answers:?}");
    assert!(matches!(answers[2], Accepted::Same { .. }), "{answers:?}");
    assert!(f.claim(jobs[0], at(12)).await?.is_some(), "the first is still for the queue");
    Ok(())
}

async fn nothing_is_claimed_ahead_of_excepted_merchants_and_endpoints_that_take_nothing(f: Fixture) -> Result<()> {
    let paused = f.shop().await?;
    f.ledger.pause_endpoint(paused, true, &actor(at(1))).await?;
    let failing = f.endpoint().await?;
    f.ledger.mark_failing(failing, at(1), "it does not answer", &actor(at(2))).await?;
    let open = f.endpoint().await?;
    let payments = [payment("p1", at(10))];
    let answers = f.ledger.accept_ahead(&payments, &terms(at(10)), &ahead()).await?;
    let Some(Accepted::New { jobs, claimed, closed, .. }) = answers.first() else { bail!("{answers:?}") };
    let mut attempts: Vec<_> = jobs.iter().map(|job| (job.endpoint_id, job.attempts)).collect();
    attempts.sort();
    let mut expected = [(paused, 0), (failing, 0), (open, 1)];
    expected.sort();
    assert_eq!(attempts, expected);
    assert_eq!(claimed.iter().map(|claimed| claimed.endpoint_id).collect::<Vec<_>>(), [open]);
    for job in jobs {
        let is_closed = closed.contains(&job.delivery_id);
        assert_eq!(is_closed, job.endpoint_id != open, "{answers:?}");
        let claim = f.claim(Job { attempts: 0, ..*job }, at(10)).await?;
        assert!(claim.is_none(), "{claim:?}: one is claimed, and nobody can claim what is closed");
    }

    let payment = payment("p2", at(11));
    let except = ClaimAhead { except: vec![payment.merchant_id.clone()], ..ahead() };
    let answers = f.ledger.accept_ahead(&[payment], &terms(at(11)), &except).await?;
    let Some(Accepted::New { jobs, claimed, .. }) = answers.first() else { bail!("{answers:?}") };
    assert!(claimed.is_empty() && jobs.len() == 3 && jobs.iter().all(|job| job.attempts == 0), "{answers:?}");
    Ok(())
}

async fn a_claim_ahead_that_ran_out_is_written_down_and_taken_over(f: Fixture) -> Result<()> {
    f.shop().await?;
    let (job, _) = f.accept_one_ahead(10).await?;
    let after = at(10) + VISIBILITY;
    let due = f.ledger.dispatch_due(after, VISIBILITY, 10, &[]).await?;
    assert_eq!((due.jobs.as_slice(), due.recovered), ([job].as_slice(), 1));
    let claimed = f.won(job, after).await?;
    assert_eq!((claimed.attempt, claimed.in_doubt), (2, true));
    let attempts = f.view(job.delivery_id, after).await?.attempts;
    assert_eq!(attempts.iter().map(|attempt| attempt.outcome).collect::<Vec<_>>(), [Outcome::Unknown]);
    Ok(())
}

async fn a_claim_that_is_given_back_leaves_no_trace(f: Fixture) -> Result<()> {
    f.shop().await?;
    let (job, claimed) = f.accept_one_ahead(10).await?;
    f.ledger.give_back(&[job.delivery_id], claimed.claimed_at).await?;
    let delivery = f.delivery(job.delivery_id).await?;
    assert_eq!((delivery.attempts, delivery.claimed_at, delivery.state), (0, None, State::Pending));
    let claimed = f.won(Job { attempts: 0, ..job }, at(12)).await?;
    assert_eq!((claimed.attempt, claimed.in_doubt), (1, false));
    assert!(f.view(job.delivery_id, at(12)).await?.attempts.is_empty());
    // Nor does a later one.
    f.record(record(&claimed, Outcome::WrongStatus, Decision::RetryAt(at(20)), at(13))).await?;
    let claimed = f.won(job, at(20)).await?;
    f.ledger.give_back(&[job.delivery_id], claimed.claimed_at).await?;
    assert_eq!(f.delivery(job.delivery_id).await?.attempts, 1);
    assert_eq!(f.won(job, at(21)).await?.attempt, 2);
    Ok(())
}

async fn nothing_is_given_back_that_is_no_longer_held(f: Fixture) -> Result<()> {
    f.shop().await?;
    let (recorded, claimed) = f.accept_one_ahead(10).await?;
    f.record(record(&claimed, Outcome::Acknowledged, Decision::Delivered, at(11))).await?;
    let (taken_over, _) = f.accept_one_ahead(11).await?;
    f.won(taken_over, at(11) + VISIBILITY).await?;
    let (of_others, _) = f.accept_one_ahead(12).await?;
    for (job, claimed_at) in [(recorded, at(10)), (taken_over, at(11)), (of_others, at(11))] {
        let before = f.delivery(job.delivery_id).await?;
        f.ledger.give_back(&[job.delivery_id], claimed_at).await?;
        assert_eq!(f.delivery(job.delivery_id).await?, before);
    }
    Ok(())
}
