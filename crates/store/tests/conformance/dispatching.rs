use crate::fixture::{Fixture, GRACE, LIFETIME, VISIBILITY, actor, at, record, terms};
use anyhow::Result;
use paybell_delivery::{Decision, Job, Outcome, Reason, State};
use paybell_store::engine::{Gauges, Recorded};
use std::collections::HashSet;
use std::time::Duration;

conformance!(
    what_is_due_is_handed_out_and_moved_forward,
    the_oldest_come_first_and_the_rest_is_announced,
    pass_after_a_moment_sees_only_what_is_due_later,
    what_is_claimed_is_put_off_until_the_claim_ends,
    a_worker_that_dies_mid_attempt_is_followed_by_another,
    what_is_past_its_deadline_expires,
    a_claim_that_is_held_past_the_deadline_ends_first,
    of_many_dispatchers_each_delivery_is_handed_out_once,
    gauges_count_what_waits,
    gauges_count_what_is_due_at_one_moment_once_however_much_that_is,
);

async fn what_is_due_is_handed_out_and_moved_forward(f: Fixture) -> Result<()> {
    f.shop().await?;
    let job = f.accept_one(at(10)).await?;
    let early = f.ledger.dispatch_due(at(39), VISIBILITY, 10, &[]).await?;
    assert_eq!((early.jobs.len(), early.next_due_at), (0, Some(at(10) + GRACE)));
    let due = f.ledger.dispatch_due(at(40), VISIBILITY, 10, &[]).await?;
    assert_eq!((due.jobs, due.recovered, due.more), (vec![job], 0, false));
    assert_eq!(due.next_due_at, None, "nobody waits for so long without looking again");
    assert!(f.ledger.dispatch_due(at(41), VISIBILITY, 10, &[]).await?.jobs.is_empty());
    let soon = f.ledger.dispatch_due(at(99), VISIBILITY, 10, &[]).await?;
    assert_eq!((soon.jobs.len(), soon.next_due_at), (0, Some(at(40) + VISIBILITY)));
    let lost_by_the_queue = f.ledger.dispatch_due(at(40) + VISIBILITY, VISIBILITY, 10, &[]).await?;
    assert_eq!(lost_by_the_queue.jobs, [job]);
    Ok(())
}

async fn the_oldest_come_first_and_the_rest_is_announced(f: Fixture) -> Result<()> {
    f.shop().await?;
    let late = f.accept_one(at(30)).await?;
    let early = f.accept_one(at(10)).await?;
    let middle = f.accept_one(at(20)).await?;
    let first = f.ledger.dispatch_due(at(100), VISIBILITY, 2, &[]).await?;
    assert_eq!(first.jobs.iter().collect::<HashSet<_>>(), HashSet::from([&early, &middle]));
    assert!(first.more);
    let second = f.ledger.dispatch_due(at(100), VISIBILITY, 2, &[]).await?;
    assert_eq!((second.jobs, second.more), (vec![late], false));
    Ok(())
}

async fn pass_after_a_moment_sees_only_what_is_due_later(f: Fixture) -> Result<()> {
    f.shop().await?;
    let early = f.accept_one(at(10)).await?;
    let middle = f.accept_one(at(20)).await?;
    let late = f.accept_one(at(30)).await?;
    let after_early = Some(at(10) + GRACE);
    let due = f.ledger.dispatch_due_after(after_early, at(59), VISIBILITY, 10, &[]).await?;
    assert_eq!((due.jobs, due.last_due_at), (vec![middle], Some(at(20) + GRACE)));
    assert_eq!(due.next_due_at, Some(at(30) + GRACE), "what is due before it is not announced");
    let due = f.ledger.dispatch_due_after(after_early, at(60), VISIBILITY, 1, &[]).await?;
    assert_eq!((due.jobs, due.more), (vec![late], true));
    let due = f.ledger.dispatch_due_after(None, at(60), VISIBILITY, 10, &[]).await?;
    assert_eq!((due.jobs, due.last_due_at), (vec![early], Some(at(10) + GRACE)), "it is found by a whole pass");
    assert_eq!(f.ledger.dispatch_due(at(60), VISIBILITY, 10, &[]).await?.last_due_at, None);
    Ok(())
}

async fn what_is_claimed_is_put_off_until_the_claim_ends(f: Fixture) -> Result<()> {
    f.shop().await?;
    let job = f.accept_one(at(10)).await?;
    f.won(job, at(39)).await?;
    f.ledger.pause_endpoint(f.view(job.delivery_id, at(39)).await?.delivery.endpoint_id, true, &actor(at(39))).await?;
    let due = f.ledger.dispatch_due(at(10) + GRACE, VISIBILITY, 10, &[]).await?;
    assert_eq!((due.jobs.len(), due.parked, due.recovered, due.expired), (0, 0, 0, 0));
    let view = f.view(job.delivery_id, at(40)).await?;
    assert_eq!((view.in_flight, view.delivery.due_at), (Some((1, at(39))), at(39) + VISIBILITY));
    let soon = f.ledger.dispatch_due(at(98), VISIBILITY, 10, &[]).await?;
    assert_eq!((soon.found, soon.next_due_at), (0, Some(at(39) + VISIBILITY)));
    Ok(())
}

async fn a_worker_that_dies_mid_attempt_is_followed_by_another(f: Fixture) -> Result<()> {
    f.shop().await?;
    let job = f.accept_one(at(10)).await?;
    let first = f.won(job, at(11)).await?;
    let ran_out = at(11) + VISIBILITY;
    assert!(f.ledger.dispatch_due(ran_out.before(Duration::from_secs(1)), VISIBILITY, 10, &[]).await?.jobs.is_empty());
    let due = f.ledger.dispatch_due(ran_out, VISIBILITY, 10, &[]).await?;
    let next = Job { attempts: 1, ..job };
    assert_eq!((due.jobs, due.recovered), (vec![next], 1));
    let view = f.view(job.delivery_id, ran_out).await?;
    assert_eq!((view.attempts.len(), view.in_flight), (1, None));
    assert_eq!((view.attempts[0].outcome, view.attempts[0].started_at), (Outcome::Unknown, at(11)));

    let late = record(&first, Outcome::WrongStatus, Decision::RetryAt(at(999)), ran_out);
    assert_eq!(f.record(late).await?, Recorded::Fenced, "the claim was closed");
    let second = f.won(next, ran_out).await?;
    assert_eq!((second.attempt, second.in_doubt), (2, true));
    Ok(())
}

async fn what_is_past_its_deadline_expires(f: Fixture) -> Result<()> {
    f.shop().await?;
    let job = f.accept_one(at(10)).await?;
    let deadline = at(10) + LIFETIME;
    let due = f.ledger.dispatch_due(deadline, VISIBILITY, 10, &[]).await?;
    assert_eq!((due.jobs.len(), due.expired, due.next_due_at), (0, 1, None));
    let delivery = f.delivery(job.delivery_id).await?;
    assert_eq!((delivery.state, delivery.reason), (State::Undelivered, Some(Reason::Expired)));
    assert_eq!((delivery.finished_at, delivery.attempts), (Some(deadline), 0));
    assert_eq!(f.ledger.dispatch_due(deadline, VISIBILITY, 10, &[]).await?.expired, 0);
    Ok(())
}

async fn a_claim_that_is_held_past_the_deadline_ends_first(f: Fixture) -> Result<()> {
    f.shop().await?;
    let job = f.accept_one(at(10)).await?;
    let deadline = at(10) + LIFETIME;
    let claimed_at = deadline.before(Duration::from_secs(5));
    f.won(job, claimed_at).await?;
    let due = f.ledger.dispatch_due(deadline, VISIBILITY, 10, &[]).await?;
    assert_eq!((due.expired, due.jobs.len()), (0, 0), "its attempt is still in flight");
    let due = f.ledger.dispatch_due(claimed_at + VISIBILITY, VISIBILITY, 10, &[]).await?;
    assert_eq!(due.expired, 1);
    let view = f.view(job.delivery_id, deadline + VISIBILITY).await?;
    assert_eq!(view.delivery.reason, Some(Reason::Expired));
    assert_eq!((view.attempts.len(), view.attempts[0].outcome), (1, Outcome::Unknown));
    Ok(())
}

async fn of_many_dispatchers_each_delivery_is_handed_out_once(f: Fixture) -> Result<()> {
    f.shop().await?;
    let expected: HashSet<Job> = f.accept_many(200, at(10)).await?.into_iter().collect();
    let other = f.another().await?;
    let mut calls = Vec::new();
    for n in 0..6 {
        let ledger = if n % 2 == 0 { f.ledger.clone() } else { other.clone() };
        calls.push(tokio::spawn(async move {
            let mut jobs = Vec::new();
            loop {
                let due = ledger.dispatch_due(at(60), VISIBILITY, 17, &[]).await?;
                jobs.extend(due.jobs);
                if !due.more {
                    return Ok::<_, paybell_store::StoreError>(jobs);
                }
            }
        }));
    }
    let mut handed_out = Vec::new();
    for call in calls {
        handed_out.extend(call.await??);
    }
    assert_eq!(handed_out.len(), 200);
    assert_eq!(handed_out.into_iter().collect::<HashSet<_>>(), expected);
    Ok(())
}

async fn gauges_count_what_waits(f: Fixture) -> Result<()> {
    let none = f.ledger.gauges(at(0), Gauges::COUNT_MAX).await?;
    assert_eq!(
        (none.pending, none.undelivered, none.oldest_due, none.earliest_deadline_at),
        (0, 0, Duration::ZERO, None)
    );
    f.shop().await?;
    f.accept_many(3, at(10)).await?;
    let refused = f.accept_one(at(20)).await?;
    f.refuse(refused, at(21)).await?;
    let gauges = f.ledger.gauges(at(45), Gauges::COUNT_MAX).await?;
    assert_eq!((gauges.pending, gauges.undelivered), (3, 1));
    assert_eq!(gauges.oldest_due, Duration::from_secs(5));
    let deadline = at(10) + terms(at(10)).lifetime;
    assert_eq!(gauges.earliest_deadline_at, Some(deadline));
    let soon = |before: u64| deadline.before(Duration::from_secs(before));
    assert_eq!(f.ledger.gauges(soon(3600), Gauges::COUNT_MAX).await?.expiring, 0, "an hour is left");
    assert_eq!(f.ledger.gauges(soon(3599), Gauges::COUNT_MAX).await?.expiring, 3);
    Ok(())
}

async fn gauges_count_what_is_due_at_one_moment_once_however_much_that_is(f: Fixture) -> Result<()> {
    f.shop().await?;
    for (count, accepted_at) in [(2_500, at(10)), (2_500, at(20)), (10, at(30))] {
        f.accept_many(count, accepted_at).await?;
    }
    let deadline = at(10) + terms(at(10)).lifetime;
    for (count_max, counted) in [(Gauges::COUNT_MAX, 5_010), (5_005, 5_005), (4_000, 4_000), (1, 1)] {
        let gauges = f.ledger.gauges(at(45), count_max).await?;
        assert_eq!((gauges.pending, gauges.oldest_due), (counted, Duration::from_secs(5)), "up to {count_max}");
        assert_eq!(gauges.earliest_deadline_at, Some(deadline));
    }
    let soon = deadline.before(Duration::from_secs(3595));
    assert_eq!(f.ledger.gauges(soon, Gauges::COUNT_MAX).await?.expiring, 2_500);
    Ok(())
}
