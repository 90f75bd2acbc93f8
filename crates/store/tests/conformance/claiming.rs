use crate::fixture::{Fixture, GRACE, LIFETIME, VISIBILITY, actor, at, record};
use anyhow::Result;
use paybell_delivery::{Decision, Job, Outcome};
use paybell_store::engine::Claim;
use std::collections::HashMap;

conformance!(
    a_claim_reads_all_that_an_attempt_needs,
    a_claimed_delivery_is_nobody_elses,
    a_job_that_is_stale_or_repeated_is_lost,
    of_many_claimers_each_delivery_has_one,
    nothing_is_claimed_of_a_paused_or_deleted_endpoint,
    nothing_is_claimed_at_or_after_the_deadline,
    a_claim_that_ran_out_is_written_down_and_taken_over,
    a_claim_holds_until_the_delivery_ends_or_is_taken_over,
    a_changed_endpoint_shows_in_its_version,
    a_claimed_row_that_cannot_be_read_spoils_only_itself,
);

async fn a_claim_reads_all_that_an_attempt_needs(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let job = f.accept_one(at(10)).await?;
    let claimed = f.won(job, at(11)).await?;
    assert_eq!((claimed.delivery_id, claimed.endpoint_id, claimed.endpoint_version), (job.delivery_id, endpoint, 1));
    assert_eq!((claimed.attempt, claimed.in_doubt), (1, false));
    assert_eq!((claimed.created_at, claimed.deadline_at), (at(10), at(10) + LIFETIME));
    assert_eq!(claimed.claimed_at, at(11));
    assert_eq!(claimed.payment.accepted_at, at(10));
    let view = f.view(job.delivery_id, at(12)).await?;
    assert_eq!(view.payment, claimed.payment);
    assert_eq!(view.in_flight, Some((1, at(11))));
    assert!(view.attempts.is_empty());
    assert_eq!(view.delivery.due_at, at(10) + GRACE, "it stays, and the claim ends later");
    Ok(())
}

async fn a_claimed_delivery_is_nobody_elses(f: Fixture) -> Result<()> {
    f.shop().await?;
    let job = f.accept_one(at(10)).await?;
    f.won(job, at(11)).await?;
    assert_eq!(f.claim(job, at(12)).await?, None);
    assert_eq!(f.claim(Job { attempts: 1, ..job }, at(12)).await?, None, "not even by its new count of attempts");
    Ok(())
}

async fn a_job_that_is_stale_or_repeated_is_lost(f: Fixture) -> Result<()> {
    f.shop().await?;
    let (a, b) = (f.accept_one(at(10)).await?, f.accept_one(at(11)).await?);
    let unknown = Job { delivery_id: paybell_delivery::DeliveryId(uuid::Uuid::nil()), ..a };
    let jobs = [Job { attempts: 1, ..a }, a, a, unknown, b];
    let claims = f.ledger.claim(&jobs, at(12), VISIBILITY).await?;
    let won: Vec<bool> = claims.iter().map(|claim| matches!(claim, Claim::Won(_))).collect();
    assert_eq!(won, [false, true, false, false, true]);

    let c = f.accept_one(at(13)).await?;
    assert_eq!(f.claim(Job { attempts: 1, ..c }, at(14)).await?, None);
    let delivery = f.delivery(c.delivery_id).await?;
    assert_eq!((delivery.attempts, delivery.claimed_at), (0, None), "a stale job takes nothing");
    Ok(())
}

async fn of_many_claimers_each_delivery_has_one(f: Fixture) -> Result<()> {
    f.shop().await?;
    let jobs = f.accept_many(60, at(10)).await?;
    let other = f.another().await?;
    let mut calls = Vec::new();
    for n in 0..8 {
        let ledger = if n % 2 == 0 { f.ledger.clone() } else { other.clone() };
        let mut jobs = jobs.clone();
        jobs.rotate_left(n * 7);
        calls.push(tokio::spawn(async move { ledger.claim(&jobs, at(11), VISIBILITY).await }));
    }
    let mut holders: HashMap<_, u32> = HashMap::new();
    for call in calls {
        for claim in call.await?? {
            if let Claim::Won(claimed) = claim {
                *holders.entry(claimed.delivery_id).or_default() += 1;
            }
        }
    }
    assert_eq!(holders.len(), 60);
    assert!(holders.values().all(|holders| *holders == 1), "{holders:?}");
    for job in jobs {
        assert_eq!(f.delivery(job.delivery_id).await?.attempts, 1);
    }
    Ok(())
}

async fn nothing_is_claimed_of_a_paused_or_deleted_endpoint(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let job = f.accept_one(at(10)).await?;
    f.ledger.pause_endpoint(endpoint, true, &actor(at(11))).await?;
    assert_eq!(f.claim(job, at(12)).await?, None);
    f.ledger.pause_endpoint(endpoint, false, &actor(at(13))).await?;
    f.ledger.delete_endpoint(endpoint, &actor(at(14))).await?;
    assert_eq!(f.claim(job, at(15)).await?, None);
    assert_eq!(f.delivery(job.delivery_id).await?.attempts, 0);
    Ok(())
}

async fn nothing_is_claimed_at_or_after_the_deadline(f: Fixture) -> Result<()> {
    f.shop().await?;
    let job = f.accept_one(at(10)).await?;
    let deadline = at(10) + LIFETIME;
    assert_eq!(f.claim(job, deadline).await?, None);
    let just_before = deadline.before(std::time::Duration::from_micros(1));
    let claimed = f.won(job, just_before).await?;
    f.ledger.dispatch_due(just_before, VISIBILITY, 10, &[]).await?;
    assert_eq!(f.delivery(claimed.delivery_id).await?.due_at, deadline, "due is never after the deadline");
    Ok(())
}

async fn a_claim_that_ran_out_is_written_down_and_taken_over(f: Fixture) -> Result<()> {
    f.shop().await?;
    let job = f.accept_one(at(10)).await?;
    f.won(job, at(11)).await?;
    let ran_out = at(11) + VISIBILITY;
    let view = f.view(job.delivery_id, ran_out).await?;
    assert_eq!(view.in_flight, None);
    assert_eq!(view.attempts.len(), 1, "it shows before anybody wrote it down");
    assert_eq!((view.attempts[0].outcome, view.attempts[0].started_at), (Outcome::Unknown, at(11)));

    let second = f.won(Job { attempts: 1, ..job }, ran_out).await?;
    assert_eq!((second.attempt, second.in_doubt), (2, true));
    let view = f.view(job.delivery_id, ran_out).await?;
    assert_eq!(view.in_flight, Some((2, ran_out)));
    assert_eq!(view.attempts.len(), 1);
    assert_eq!((view.attempts[0].number, view.attempts[0].outcome), (1, Outcome::Unknown));
    assert_eq!((view.attempts[0].started_at, view.attempts[0].duration), (at(11), None));

    f.record(record(&second, Outcome::WrongStatus, Decision::RetryAt(at(500)), at(80))).await?;
    let third = f.won(Job { attempts: 2, ..job }, at(500)).await?;
    assert_eq!((third.attempt, third.in_doubt), (3, true), "the doubt stays");
    Ok(())
}

async fn a_claim_holds_until_the_delivery_ends_or_is_taken_over(f: Fixture) -> Result<()> {
    f.shop().await?;
    let jobs = [f.accept_one(at(1)).await?, f.accept_one(at(2)).await?, f.accept_one(at(3)).await?];
    let ids = jobs.map(|job| job.delivery_id);
    for job in jobs {
        f.won(job, at(10)).await?;
    }
    let first = ids.map(|id| (id, 1));
    assert_eq!(f.ledger.still_claimed(&first).await?, [true; 3]);
    assert_eq!(f.ledger.still_claimed(&[(ids[0], 2), (ids[1], 1)]).await?, [false, true], "by the attempt's number");
    f.ledger.settle(ids[0], "olga", "told by phone", &actor(at(11))).await?;
    f.won(Job { attempts: 1, ..jobs[1] }, at(10) + VISIBILITY).await?;
    assert_eq!(f.ledger.still_claimed(&first).await?, [false, false, true]);
    assert_eq!(f.ledger.still_claimed(&[(ids[1], 2)]).await?, [true], "the one who took it over");
    assert!(f.ledger.still_claimed(&[]).await?.is_empty());
    Ok(())
}

async fn a_changed_endpoint_shows_in_its_version(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let (first, second) = (f.accept_one(at(10)).await?, f.accept_one(at(11)).await?);
    let before = f.won(first, at(12)).await?.endpoint_version;
    let change = paybell_store::manage::EndpointChange { concurrency_max: Some(2), ..Default::default() };
    let changed = f.ledger.change_endpoint(endpoint, &change, &actor(at(13))).await?;
    let after = f.won(second, at(14)).await?.endpoint_version;
    assert!(after > before && after == changed.version);
    Ok(())
}

async fn a_claimed_row_that_cannot_be_read_spoils_only_itself(f: Fixture) -> Result<()> {
    f.shop().await?;
    let (sound, damaged) = (f.accept_one(at(10)).await?, f.accept_one(at(11)).await?);
    let damage = format!("UPDATE payments SET currency = 'QQQ' WHERE accepted_at = {}", at(11).0);
    assert_eq!(f.execute(&damage).await?, None);
    let claims = f.ledger.claim(&[damaged, sound], at(12), VISIBILITY).await?;
    assert!(matches!(claims[..], [Claim::Lost, Claim::Won(_)]), "{claims:?}");
    Ok(())
}
