//! Retention: old attempts go, and nothing else.

use crate::fixture::{Fixture, LIFETIME, at, id_at, payment, record, terms};
use anyhow::{Context, Result, bail, ensure};
use paybell_delivery::{Decision, DeliveryId, Job, Outcome, PaymentId, State, Timestamp};
use paybell_store::engine::{Accepted, Kept};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 3600);

conformance!(
    old_attempts_go_and_all_else_stays,
    what_is_pending_keeps_its_attempts_for_its_whole_life,
    what_is_pending_keeps_its_attempts_whatever_its_id_says,
    old_attempts_go_in_batches,
    a_late_record_of_a_delivery_whose_attempts_are_gone_is_taken,
);

/// All that there is to do at a moment.
async fn keep(f: &Fixture, now: Timestamp, kept_for: Duration) -> Result<Kept> {
    let mut all = Kept::default();
    for _ in 0..1_000 {
        let kept = f.ledger.keep_attempts(now, kept_for).await?;
        if let Some(failed) = kept.failed {
            return Err(failed.into());
        }
        all.made += kept.made;
        all.dropped += kept.dropped;
        all.deleted += kept.deleted;
        if !kept.more {
            return Ok(all);
        }
    }
    bail!("it comes to no end: {all:?}")
}

/// A delivery that was refused at that moment.
async fn refused(f: &Fixture, then: Timestamp) -> Result<DeliveryId> {
    let job = f.accept_one(then).await?;
    f.refuse(job, then).await?;
    Ok(job.delivery_id)
}

async fn attempts(f: &Fixture, id: DeliveryId) -> Result<usize> {
    Ok(f.view(id, at(0)).await?.attempts.len())
}

async fn old_attempts_go_and_all_else_stays(f: Fixture) -> Result<()> {
    f.shop().await?;
    let beside = refused(&f, at(0).before(DAY * 110)).await?;
    keep(&f, at(0).before(DAY * 100), KEPT_FOR).await?;
    let old = refused(&f, at(0).before(DAY * 99)).await?;
    let last_of_a_day = refused(&f, at(0).before(DAY * 90)).await?;
    let young = refused(&f, at(0).before(DAY * 89)).await?;
    let kept = keep(&f, at(0), KEPT_FOR).await?;
    ensure!(kept.dropped + kept.deleted >= 2, "{kept:?}");
    for (id, expected) in [(beside, 0), (old, 0), (last_of_a_day, 1), (young, 1)] {
        let view = f.view(id, at(0)).await?;
        assert_eq!((view.attempts.len(), view.delivery.attempts), (expected, 1), "the count stays");
        assert_eq!(view.delivery.state, State::Undelivered);
        assert_eq!(f.ledger.panics_of(id).await?, 0);
        let of_payment = f.ledger.payment(view.payment.id).await?.context("the payment stays")?;
        assert_eq!(of_payment.deliveries.len(), 1);
    }
    let kept = keep(&f, at(0), KEPT_FOR).await?;
    assert_eq!((kept.dropped, kept.deleted), (0, 0), "nothing is left to do");
    Ok(())
}

async fn what_is_pending_keeps_its_attempts_for_its_whole_life(f: Fixture) -> Result<()> {
    f.shop().await?;
    let begun = at(0).before(Duration::from_secs(9 * 3600 + 1800)); // the first moment of its day
    keep(&f, begun, KEPT_FOR).await?;
    let job = f.accept_one(begun).await?;
    let claimed = f.won(job, begun).await?;
    f.record(record(&claimed, Outcome::WrongStatus, Decision::RetryAt(begun + DAY), begun)).await?;
    let end = begun + LIFETIME;
    assert_eq!(claimed.deadline_at, end, "the longest life that there is");
    for now in [begun + DAY, end.before(Duration::from_micros(1)), end, end + DAY] {
        keep(&f, now, Duration::ZERO).await?;
        assert_eq!(attempts(&f, job.delivery_id).await?, 1, "at {now}, though nothing was to be kept");
    }
    assert_eq!(f.ledger.dispatch_due(end, DAY, 10, &[]).await?.expired, 1);
    keep(&f, begun + DAY * 8, Duration::ZERO).await?;
    assert_eq!(attempts(&f, job.delivery_id).await?, 0);
    Ok(())
}

async fn what_is_pending_keeps_its_attempts_whatever_its_id_says(f: Fixture) -> Result<()> {
    f.shop().await?;
    let mut of_old = payment("of-old", at(0));
    of_old.id = PaymentId(id_at(Timestamp(1_000_000)));
    let accepted = f.ledger.accept(&[of_old], &terms(at(0))).await?.pop().context("an answer")?;
    let Accepted::New { jobs, .. } = accepted else { bail!("{accepted:?}") };
    let claimed = f.won(jobs[0], at(0)).await?;
    f.record(record(&claimed, Outcome::WrongStatus, Decision::RetryAt(at(10)), at(1))).await?;
    keep(&f, at(5), KEPT_FOR).await?;
    assert_eq!(attempts(&f, claimed.delivery_id).await?, 1, "it is pending");
    f.refuse(Job { attempts: 1, ..jobs[0] }, at(10)).await?;
    keep(&f, at(11), KEPT_FOR).await?;
    assert_eq!(attempts(&f, claimed.delivery_id).await?, 0);
    Ok(())
}

async fn old_attempts_go_in_batches(f: Fixture) -> Result<()> {
    let (insert, batches) = if f.is_sqlite() {
        (
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2500)
            INSERT INTO attempts (delivery_id, number, started_at, outcome, detail)
            SELECT zeroblob(16), n, 1, 'acknowledged', '' FROM n",
            [(1_000, true), (1_000, true), (500, false)],
        )
    } else {
        (
            "INSERT INTO attempts (delivery_id, number, started_at, outcome, detail)
            SELECT '00000000-0000-0000-0000-000000000000', n, 1, 'acknowledged', '' FROM generate_series(1, 12500) n",
            [(5_000, true), (5_000, true), (2_500, false)],
        )
    };
    assert_eq!(f.execute(insert).await?, None);
    for expected in batches {
        let kept = f.ledger.keep_attempts(at(0), KEPT_FOR).await?;
        assert_eq!((kept.deleted, kept.more), expected, "{kept:?}");
    }
    Ok(())
}

async fn a_late_record_of_a_delivery_whose_attempts_are_gone_is_taken(f: Fixture) -> Result<()> {
    f.shop().await?;
    let then = at(0).before(DAY * 100);
    keep(&f, then, KEPT_FOR).await?;
    let claimed = f.won(f.accept_one(then).await?, then).await?;
    keep(&f, at(0), KEPT_FOR).await?;
    f.record(record(&claimed, Outcome::Acknowledged, Decision::Delivered, at(0))).await?;
    let view = f.view(claimed.delivery_id, at(1)).await?;
    assert_eq!((view.delivery.state, view.attempts.len()), (State::Delivered, 1));
    keep(&f, at(1), KEPT_FOR).await?;
    assert_eq!(attempts(&f, claimed.delivery_id).await?, 0);
    Ok(())
}
