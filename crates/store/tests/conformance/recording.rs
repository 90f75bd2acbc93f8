use crate::fixture::{Fixture, LIFETIME, VISIBILITY, at, record};
use anyhow::Result;
use paybell_delivery::{Decision, Job, Outcome, Reason, State};
use paybell_store::engine::Recorded;

conformance!(
    an_acknowledgement_ends_the_delivery,
    a_retry_waits_until_its_moment,
    a_refusal_ends_the_delivery_with_its_reason,
    panics_are_counted_by_delivery,
    an_attempt_is_kept_as_it_was,
    a_record_that_comes_twice_changes_nothing,
    a_record_after_the_claim_was_taken_over_is_kept_but_moves_nothing,
    a_late_acknowledgement_ends_what_is_pending,
    nothing_moves_what_is_finished,
    a_retry_is_never_after_the_deadline,
    two_attempts_of_one_delivery_in_one_batch_are_both_kept,
    concurrent_records_move_each_delivery_once,
);

async fn an_acknowledgement_ends_the_delivery(f: Fixture) -> Result<()> {
    f.shop().await?;
    let claimed = f.won(f.accept_one(at(10)).await?, at(11)).await?;
    let recorded = f.record(record(&claimed, Outcome::Acknowledged, Decision::Delivered, at(12))).await?;
    assert_eq!(recorded, Recorded::Applied);
    let view = f.view(claimed.delivery_id, at(13)).await?;
    assert_eq!((view.delivery.state, view.delivery.finished_at), (State::Delivered, Some(at(12))));
    assert_eq!((view.delivery.claimed_at, view.in_flight), (None, None));
    assert_eq!(view.attempts.len(), 1);
    Ok(())
}

async fn a_retry_waits_until_its_moment(f: Fixture) -> Result<()> {
    f.shop().await?;
    let job = f.accept_one(at(10)).await?;
    let claimed = f.won(job, at(11)).await?;
    let retry = record(&claimed, Outcome::TimedOut, Decision::RetryAt(at(100)), at(12));
    assert_eq!(f.record(retry).await?, Recorded::Applied);
    let delivery = f.delivery(job.delivery_id).await?;
    assert_eq!((delivery.state, delivery.due_at, delivery.attempts), (State::Pending, at(100), 1));
    assert_eq!((delivery.finished_at, delivery.claimed_at), (None, None));
    assert!(f.ledger.dispatch_due(at(99), VISIBILITY, 10, &[]).await?.jobs.is_empty());
    let due = f.ledger.dispatch_due(at(100), VISIBILITY, 10, &[]).await?;
    assert_eq!((due.jobs, due.recovered), (vec![Job { attempts: 1, ..job }], 0));
    assert!(f.won(Job { attempts: 1, ..job }, at(101)).await?.in_doubt, "the answer of a timed-out attempt was lost");
    Ok(())
}

async fn a_refusal_ends_the_delivery_with_its_reason(f: Fixture) -> Result<()> {
    f.shop().await?;
    let claimed = f.won(f.accept_one(at(10)).await?, at(11)).await?;
    let refused = Decision::Undelivered(Reason::RefusedAfterUnknown);
    f.record(record(&claimed, Outcome::Refused, refused, at(12))).await?;
    let delivery = f.delivery(claimed.delivery_id).await?;
    assert_eq!((delivery.state, delivery.reason), (State::Undelivered, Some(Reason::RefusedAfterUnknown)));
    assert_eq!(delivery.finished_at, Some(at(12)));
    Ok(())
}

async fn panics_are_counted_by_delivery(f: Fixture) -> Result<()> {
    f.shop().await?;
    let (poisoned, other) = (f.accept_one(at(10)).await?, f.accept_one(at(9)).await?);
    let outcomes = [Outcome::Panicked, Outcome::WrongStatus, Outcome::Panicked];
    for (attempts, outcome) in (0..).zip(outcomes) {
        let claimed = f.won(Job { attempts, ..poisoned }, at(11)).await?;
        assert_eq!(claimed.in_doubt, attempts > 0, "what panicked may have been sent");
        f.record(record(&claimed, outcome, Decision::RetryAt(at(12)), at(11))).await?;
    }
    assert_eq!(f.ledger.panics_of(poisoned.delivery_id).await?, 2);
    assert_eq!(f.ledger.panics_of(other.delivery_id).await?, 0);
    let third = f.won(Job { attempts: 3, ..poisoned }, at(13)).await?;
    f.record(record(&third, Outcome::Panicked, Decision::Undelivered(Reason::Panicked), at(14))).await?;
    let delivery = f.delivery(poisoned.delivery_id).await?;
    assert_eq!((delivery.state, delivery.reason), (State::Undelivered, Some(Reason::Panicked)));
    Ok(())
}

async fn an_attempt_is_kept_as_it_was(f: Fixture) -> Result<()> {
    f.shop().await?;
    let claimed = f.won(f.accept_one(at(10)).await?, at(11)).await?;
    let mut sent = record(&claimed, Outcome::WrongBody, Decision::RetryAt(at(100)), at(12));
    sent.attempt.detail = "200, but the body was \"<html>\u{0}…\", not \"ok\"".to_owned();
    sent.attempt.response_head = Some("x: a\u{0}b\r\ny: \"quoted\\\"".to_owned());
    sent.attempt.response_body = Some((0..=255).cycle().take(65_536).collect());
    f.record(sent.clone()).await?;
    let view = f.view(claimed.delivery_id, at(13)).await?;
    sent.attempt.detail = sent.attempt.detail.replace('\0', "\u{fffd}");
    sent.attempt.response_head = sent.attempt.response_head.map(|head| head.replace('\0', "\u{fffd}"));
    assert_eq!(view.attempts, [sent.attempt]);

    let second = f.won(Job { attempts: 1, ..job(&claimed) }, at(100)).await?;
    let mut bare = record(&second, Outcome::Unreachable, Decision::RetryAt(at(200)), at(101));
    bare.attempt.status = None;
    bare.attempt.response_head = None;
    bare.attempt.response_body = None;
    f.record(bare.clone()).await?;
    assert_eq!(f.view(claimed.delivery_id, at(102)).await?.attempts[1], bare.attempt);
    Ok(())
}

async fn a_record_that_comes_twice_changes_nothing(f: Fixture) -> Result<()> {
    f.shop().await?;
    let claimed = f.won(f.accept_one(at(10)).await?, at(11)).await?;
    let sent = record(&claimed, Outcome::WrongStatus, Decision::RetryAt(at(100)), at(12));
    assert_eq!(f.record(sent.clone()).await?, Recorded::Applied);
    let before = f.view(claimed.delivery_id, at(13)).await?;
    let mut again = sent.clone();
    again.attempt.outcome = Outcome::TimedOut;
    again.decision = Decision::RetryAt(at(900));
    assert_eq!(f.record(again).await?, Recorded::Fenced);
    assert_eq!(f.view(claimed.delivery_id, at(13)).await?, before);
    Ok(())
}

async fn a_record_after_the_claim_was_taken_over_is_kept_but_moves_nothing(f: Fixture) -> Result<()> {
    f.shop().await?;
    let first = f.won(f.accept_one(at(10)).await?, at(11)).await?;
    let taken_over = at(11) + VISIBILITY;
    let second = f.won(Job { attempts: 1, ..job(&first) }, taken_over).await?;
    let late = record(&first, Outcome::WrongStatus, Decision::Undelivered(Reason::Refused), at(90));
    assert_eq!(f.record(late.clone()).await?, Recorded::Fenced);
    let view = f.view(first.delivery_id, at(91)).await?;
    assert_eq!(view.delivery.state, State::Pending);
    assert_eq!(view.in_flight, Some((2, taken_over)), "the second attempt's claim stands");
    assert_eq!(view.attempts, [late.attempt], "a late worker knows better than `unknown`");
    let recorded = f.record(record(&second, Outcome::Acknowledged, Decision::Delivered, at(92))).await?;
    assert_eq!(recorded, Recorded::Applied);
    Ok(())
}

async fn a_late_acknowledgement_ends_what_is_pending(f: Fixture) -> Result<()> {
    f.shop().await?;
    let first = f.won(f.accept_one(at(10)).await?, at(11)).await?;
    let taken_over = at(11) + VISIBILITY;
    let second = f.won(Job { attempts: 1, ..job(&first) }, taken_over).await?;
    let late = record(&first, Outcome::Acknowledged, Decision::Delivered, at(90));
    assert_eq!(f.record(late.clone()).await?, Recorded::Applied);
    let view = f.view(first.delivery_id, at(91)).await?;
    assert_eq!((view.delivery.state, view.delivery.finished_at), (State::Delivered, Some(at(90))));
    assert_eq!(view.attempts.len(), 2, "the attempt in flight does not vanish");
    assert_eq!(view.attempts[0], late.attempt);
    assert_eq!((view.attempts[1].outcome, view.attempts[1].started_at), (Outcome::Unknown, taken_over));

    let own = record(&second, Outcome::WrongStatus, Decision::RetryAt(at(500)), at(95));
    assert_eq!(f.record(own.clone()).await?, Recorded::Fenced);
    let view = f.view(first.delivery_id, at(96)).await?;
    assert_eq!(view.attempts, [late.attempt, own.attempt]);
    assert_eq!(view.delivery.state, State::Delivered);
    Ok(())
}

async fn nothing_moves_what_is_finished(f: Fixture) -> Result<()> {
    f.shop().await?;
    let claimed = f.won(f.accept_one(at(10)).await?, at(11)).await?;
    let deadline = at(10) + LIFETIME;
    assert_eq!(f.ledger.dispatch_due(deadline, VISIBILITY, 10, &[]).await?.expired, 1);
    let late = record(&claimed, Outcome::Acknowledged, Decision::Delivered, deadline);
    assert_eq!(f.record(late.clone()).await?, Recorded::Fenced);
    let view = f.view(claimed.delivery_id, deadline).await?;
    assert_eq!((view.delivery.state, view.delivery.reason), (State::Undelivered, Some(Reason::Expired)));
    assert_eq!(view.attempts, [late.attempt], "but the acknowledgement shows");
    Ok(())
}

async fn a_retry_is_never_after_the_deadline(f: Fixture) -> Result<()> {
    f.shop().await?;
    let claimed = f.won(f.accept_one(at(10)).await?, at(11)).await?;
    let beyond = claimed.deadline_at + LIFETIME;
    let recorded = f.record(record(&claimed, Outcome::WrongStatus, Decision::RetryAt(beyond), at(12))).await?;
    assert_eq!(recorded, Recorded::Applied);
    assert_eq!(f.delivery(claimed.delivery_id).await?.due_at, claimed.deadline_at);
    Ok(())
}

async fn two_attempts_of_one_delivery_in_one_batch_are_both_kept(f: Fixture) -> Result<()> {
    f.shop().await?;
    let first = f.won(f.accept_one(at(10)).await?, at(11)).await?;
    let other = f.won(f.accept_one(at(12)).await?, at(13)).await?;
    let second = f.won(Job { attempts: 1, ..job(&first) }, at(11) + VISIBILITY).await?;
    let retry = Decision::RetryAt(at(500));
    let batch = [
        record(&second, Outcome::WrongStatus, retry, at(90)),
        record(&other, Outcome::Acknowledged, Decision::Delivered, at(90)),
        record(&first, Outcome::WrongStatus, retry, at(90)),
        record(&second, Outcome::WrongStatus, retry, at(90)),
    ];
    let recorded = f.ledger.record(&batch).await?;
    assert_eq!(recorded, [Recorded::Applied, Recorded::Applied, Recorded::Fenced, Recorded::Fenced]);
    let numbers: Vec<u32> =
        f.view(first.delivery_id, at(91)).await?.attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [1, 2]);
    Ok(())
}

async fn concurrent_records_move_each_delivery_once(f: Fixture) -> Result<()> {
    f.shop().await?;
    let mut records = Vec::new();
    for job in f.accept_many(40, at(10)).await? {
        records.push(record(&f.won(job, at(11)).await?, Outcome::WrongStatus, Decision::RetryAt(at(100)), at(12)));
    }
    let other = f.another().await?;
    let mut calls = Vec::new();
    for n in 0..6 {
        let ledger = if n % 2 == 0 { f.ledger.clone() } else { other.clone() };
        let mut records = records.clone();
        records.rotate_left(n * 7);
        calls.push(tokio::spawn(async move { ledger.record(&records).await }));
    }
    let mut applied = 0;
    for call in calls {
        applied += call.await??.into_iter().filter(|recorded| *recorded == Recorded::Applied).count();
    }
    assert_eq!(applied, 40);
    Ok(())
}

/// The job that a claim was made for.
fn job(claimed: &paybell_store::engine::ClaimedDelivery) -> Job {
    Job {
        delivery_id: claimed.delivery_id,
        endpoint_id: claimed.endpoint_id,
        attempts: claimed.attempt - 1,
        concurrency_max: 8,
    }
}
