use crate::fixture::{Fixture, LIFETIME, VISIBILITY, actor, at};
use anyhow::{Context, Result};
use paybell_delivery::{Endpoint, EndpointId, Failing, Job};
use paybell_store::StoreError;
use paybell_store::engine::Gauges;
use paybell_store::manage::{AuditFilter, EndpointChange};
use std::time::Duration;

conformance!(
    a_failing_endpoint_is_attempted_by_probes_alone,
    a_probe_that_fails_is_followed_by_another,
    the_probe_is_the_delivery_whose_deadline_is_nearest,
    what_waited_is_released_in_a_ramp_once_the_endpoint_answers,
    a_probe_has_time_for_its_attempt_if_any_delivery_has,
    an_endpoint_with_nothing_parked_is_probed_once_something_is,
    a_paused_endpoint_is_not_probed,
    a_change_has_the_endpoint_probed_at_once,
    failures_from_before_it_was_reopened_do_not_count,
    a_failing_endpoint_that_is_deleted_is_forgotten,
    a_person_has_a_failing_endpoint_probed_at_once,
    what_cannot_be_probed_is_refused,
);

async fn endpoint(f: &Fixture, id: EndpointId) -> Result<Endpoint> {
    f.ledger.endpoint(id).await?.context("the endpoint is there")
}

async fn probes(f: &Fixture, second: u64) -> Result<Vec<Job>> {
    Ok(f.ledger.take_probes(at(second), VISIBILITY, 10).await?)
}

/// A shop whose endpoint fails since second 20, with so many deliveries parked at second 50.
async fn failing_shop(f: &Fixture, parked: usize) -> Result<(EndpointId, Vec<Job>)> {
    let endpoint = f.shop().await?;
    let jobs = f.accept_many(parked, at(10)).await?;
    assert!(f.ledger.mark_failing(endpoint, at(20), "10 attempts failed", &actor(at(30))).await?);
    assert_eq!(f.ledger.dispatch_due(at(50), VISIBILITY, 100, &[]).await?.parked, parked as u64);
    Ok((endpoint, jobs))
}

async fn a_failing_endpoint_is_attempted_by_probes_alone(f: Fixture) -> Result<()> {
    let (id, jobs) = failing_shop(&f, 3).await?;
    let failing = Failing { since: at(20), probes: 0, probe_at: Some(at(31)) };
    assert_eq!(endpoint(&f, id).await?.failing, Some(failing));
    assert_eq!(f.ledger.gauges(at(50), Gauges::COUNT_MAX).await?.failing_endpoints, 1);
    assert_eq!(f.ledger.release_parked(at(51), VISIBILITY, 10, &[]).await?, []);
    let probe = probes(&f, 51).await?;
    assert_eq!(probe.len(), 1);
    assert_eq!(probes(&f, 51).await?, [], "one at a time");
    for job in jobs {
        let claimed = f.claim(job, at(52)).await?;
        assert_eq!(claimed.map(|claimed| claimed.probes), (job == probe[0]).then_some(Some(0)));
    }
    assert!(!f.ledger.mark_failing(id, at(40), "again", &actor(at(60))).await?, "it fails already");
    let audit = f.ledger.audit(&AuditFilter::default(), &crate::fixture::all()).await?.items;
    let shown: Vec<_> = audit.iter().filter(|row| row.action == "endpoint.failing").map(|row| &row.detail).collect();
    assert_eq!(shown, ["10 attempts failed"]);
    Ok(())
}

async fn a_probe_that_fails_is_followed_by_another(f: Fixture) -> Result<()> {
    let (id, jobs) = failing_shop(&f, 1).await?;
    assert_eq!(probes(&f, 51).await?, jobs);
    f.ledger.postpone_probe(id, jobs[0].delivery_id, at(60)).await?;
    f.ledger.postpone_probe(id, jobs[0].delivery_id, at(90)).await?;
    let failing = endpoint(&f, id).await?.failing.context("it fails")?;
    assert_eq!((failing.probes, failing.probe_at), (1, Some(at(60))), "a probe counts once");
    assert_eq!(f.claim(jobs[0], at(52)).await?, None, "its turn is over");
    // What the queue or a worker lost comes due again, is parked again, and can be the next probe.
    assert_eq!(f.ledger.dispatch_due(at(51) + VISIBILITY, VISIBILITY, 10, &[]).await?.parked, 1);
    assert_eq!(f.ledger.take_probes(at(51) + VISIBILITY, VISIBILITY, 10).await?, jobs);
    Ok(())
}

async fn the_probe_is_the_delivery_whose_deadline_is_nearest(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let (later, sooner) = (f.accept_one(at(12)).await?, f.accept_one(at(11)).await?);
    f.ledger.mark_failing(endpoint, at(20), "", &actor(at(30))).await?;
    f.ledger.dispatch_due(at(60), VISIBILITY, 100, &[]).await?;
    assert_eq!(probes(&f, 61).await?, [sooner]);
    f.ledger.postpone_probe(endpoint, sooner.delivery_id, at(62)).await?;
    assert_eq!(probes(&f, 62).await?, [later], "the first is not parked yet");
    Ok(())
}

async fn what_waited_is_released_in_a_ramp_once_the_endpoint_answers(f: Fixture) -> Result<()> {
    let (id, _) = failing_shop(&f, 40).await?;
    assert!(f.ledger.reopen(id, &actor(at(60))).await?);
    assert!(!f.ledger.reopen(id, &actor(at(60))).await?, "it was reopened");
    assert_eq!(endpoint(&f, id).await?.failing, None);
    let released = async |second, ms, limit| -> Result<usize> {
        let now = at(second) + Duration::from_millis(ms);
        Ok(f.ledger.release_parked(now, VISIBILITY, limit, &[]).await?.len())
    };
    assert_eq!(released(60, 0, 100).await?, 1);
    assert_eq!(released(60, 99, 100).await?, 0, "each 100 ms");
    assert_eq!(released(60, 100, 100).await?, 1);
    assert_eq!(released(63, 0, 100).await?, 8, "the limit doubles each second");
    assert_eq!(released(63, 100, 3).await?, 3, "but the pass's own holds, too");
    assert_eq!(released(70, 0, 100).await?, 27, "and then it is over");
    Ok(())
}

/// A delivery that has milliseconds left would be cut at its deadline, and so never show that the endpoint answers.
async fn a_probe_has_time_for_its_attempt_if_any_delivery_has(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let (old, young) = (f.accept_one(at(10)).await?, f.accept_one(at(1_000)).await?);
    f.ledger.mark_failing(endpoint, at(1_100), "", &actor(at(1_200))).await?;
    f.ledger.dispatch_due(at(2_000), VISIBILITY, 100, &[]).await?;
    let nearly_over = at(10) + LIFETIME.saturating_sub(Duration::from_millis(5));
    assert_eq!(f.ledger.take_probes(nearly_over, VISIBILITY, 10).await?, [young]);
    f.ledger.postpone_probe(endpoint, young.delivery_id, nearly_over).await?;
    assert_eq!(f.ledger.take_probes(nearly_over, VISIBILITY, 10).await?, [old], "there is no other");
    Ok(())
}

async fn an_endpoint_with_nothing_parked_is_probed_once_something_is(f: Fixture) -> Result<()> {
    let (id, _) = failing_shop(&f, 0).await?;
    assert_eq!(probes(&f, 51).await?, []);
    assert_eq!(endpoint(&f, id).await?.failing.context("it fails")?.probe_at, None, "it is not looked at for nothing");
    let job = f.accept_one(at(100)).await?;
    assert_eq!(f.ledger.dispatch_due(at(200), VISIBILITY, 10, &[]).await?.parked, 1);
    assert_eq!(probes(&f, 200).await?, [job]);
    Ok(())
}

async fn a_paused_endpoint_is_not_probed(f: Fixture) -> Result<()> {
    let (id, jobs) = failing_shop(&f, 1).await?;
    f.ledger.pause_endpoint(id, true, &actor(at(55))).await?;
    f.accept_one(at(56)).await?;
    f.ledger.dispatch_due(at(200), VISIBILITY, 10, &[]).await?;
    assert_eq!(probes(&f, 200).await?, []);
    f.ledger.pause_endpoint(id, false, &actor(at(300))).await?;
    assert_eq!(probes(&f, 300).await?, jobs);
    Ok(())
}

async fn a_change_has_the_endpoint_probed_at_once(f: Fixture) -> Result<()> {
    let (id, jobs) = failing_shop(&f, 1).await?;
    probes(&f, 51).await?;
    f.ledger.postpone_probe(id, jobs[0].delivery_id, at(1_000)).await?;
    f.ledger.dispatch_due(at(51) + VISIBILITY, VISIBILITY, 10, &[]).await?;
    let now = 60 + VISIBILITY.as_secs();
    assert_eq!(probes(&f, now).await?, []);
    let change = EndpointChange { url: Some("https://shop.example/mended".to_owned()), ..EndpointChange::default() };
    f.ledger.change_endpoint(id, &change, &actor(at(now))).await?;
    assert_eq!(probes(&f, now).await?, jobs);
    Ok(())
}

async fn failures_from_before_it_was_reopened_do_not_count(f: Fixture) -> Result<()> {
    let (id, _) = failing_shop(&f, 1).await?;
    f.ledger.reopen(id, &actor(at(60))).await?;
    assert!(!f.ledger.mark_failing(id, at(59), "", &actor(at(61))).await?);
    assert!(f.ledger.mark_failing(id, at(61), "", &actor(at(70))).await?);
    Ok(())
}

async fn a_failing_endpoint_that_is_deleted_is_forgotten(f: Fixture) -> Result<()> {
    let (id, _) = failing_shop(&f, 1).await?;
    f.ledger.delete_endpoint(id, &actor(at(60))).await?;
    assert_eq!(probes(&f, 70).await?, []);
    assert_eq!(f.ledger.gauges(at(70), Gauges::COUNT_MAX).await?.failing_endpoints, 0);
    assert!(!f.ledger.mark_failing(id, at(61), "", &actor(at(70))).await?);
    assert!(!f.ledger.reopen(id, &actor(at(70))).await?);
    Ok(())
}

async fn a_person_has_a_failing_endpoint_probed_at_once(f: Fixture) -> Result<()> {
    let (id, jobs) = failing_shop(&f, 2).await?;
    let first = probes(&f, 51).await?;
    f.ledger.postpone_probe(id, first[0].delivery_id, at(900)).await?;
    assert_eq!(probes(&f, 100).await?, [], "the next one is far");
    f.ledger.probe_now(id, &actor(at(100))).await?;
    let second = probes(&f, 100).await?;
    assert!(second.len() == 1 && second != first && jobs.contains(&second[0]), "{second:?}");
    assert_eq!(probes(&f, 100).await?, [], "one for each time it is asked for");
    assert_eq!(f.won(second[0], at(101)).await?.probes, Some(1));
    assert_eq!(f.actions().await?[0], "endpoint.probe");
    Ok(())
}

async fn what_cannot_be_probed_is_refused(f: Fixture) -> Result<()> {
    let (id, _) = failing_shop(&f, 1).await?;
    let idle = f.endpoint().await?;
    let refused = async |id, why: &str| {
        let error = f.ledger.probe_now(id, &actor(at(100))).await.expect_err(why);
        assert!(matches!(&error, StoreError::Refused(text) if text.contains(why)), "{error}");
    };
    refused(idle, "does not fail").await;
    f.ledger.pause_endpoint(id, true, &actor(at(60))).await?;
    refused(id, "is paused").await;
    f.ledger.pause_endpoint(id, false, &actor(at(61))).await?;
    assert_eq!(probes(&f, 61).await?.len(), 1);
    refused(id, "nothing waits").await;
    let unknown = f.ledger.probe_now(EndpointId(crate::fixture::id_at(at(1))), &actor(at(100))).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { what: "endpoint", .. })));
    assert!(!f.actions().await?.contains(&"endpoint.probe".to_owned()), "what was refused is no act");
    Ok(())
}
