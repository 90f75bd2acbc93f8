//! Endpoints at a glance.

use crate::fixture::{Fixture, actor, at, record};
use anyhow::Result;
use paybell_delivery::{Decision, EndpointId, Outcome};

conformance!(endpoints_in_trouble_come_in_the_order_of_their_trouble, activity_shows_each_deliverys_last_attempt);

async fn endpoints_in_trouble_come_in_the_order_of_their_trouble(f: Fixture) -> Result<()> {
    let mut ids: Vec<EndpointId> = vec![f.shop().await?];
    for _ in 0..6 {
        ids.push(f.endpoint().await?);
    }
    for (n, since) in [(0, 30), (1, 20), (2, 10)] {
        f.ledger.mark_failing(ids[n], at(since), "no answer", &actor(at(since))).await?;
    }
    for (n, since) in [(3, 50), (4, 40), (5, 5), (1, 60)] {
        f.ledger.pause_endpoint(ids[n], true, &actor(at(since))).await?;
    }
    f.ledger.reopen(ids[2], &actor(at(70))).await?;
    f.ledger.delete_endpoint(ids[5], &actor(at(70))).await?;
    let found = f.ledger.troubled_endpoints(10).await?;
    let found: Vec<EndpointId> = found.iter().map(|endpoint| endpoint.id).collect();
    assert_eq!(found, [ids[1], ids[0], ids[4], ids[3]], "first those that fail, then those that are paused");
    let first = f.ledger.troubled_endpoints(3).await?;
    assert_eq!(first.iter().map(|endpoint| endpoint.id).collect::<Vec<_>>(), found[..3]);
    Ok(())
}

async fn activity_shows_each_deliverys_last_attempt(f: Fixture) -> Result<()> {
    let (endpoint, _) = (f.shop().await?, f.endpoint().await?);
    let mut jobs = Vec::new();
    for n in 0..5 {
        let all = f.accept(&format!("p{n}"), at(n)).await?;
        jobs.extend(all.into_iter().filter(|job| job.endpoint_id == endpoint));
    }
    f.retry(jobs[1], at(10), at(20)).await?;
    f.deliver(paybell_delivery::Job { attempts: 1, ..jobs[1] }, at(20)).await?;
    f.retry(jobs[2], at(10), at(20)).await?;
    f.won(paybell_delivery::Job { attempts: 1, ..jobs[2] }, at(20)).await?;
    f.won(jobs[3], at(20)).await?;
    let claimed = f.won(jobs[4], at(20)).await?;
    f.record(record(&claimed, Outcome::TimedOut, Decision::RetryAt(at(90)), at(21))).await?;
    let activity = f.ledger.endpoint_activity(endpoint, 10).await?;
    let found: Vec<_> = activity
        .iter()
        .map(|it| (it.row.delivery.id, it.last.as_ref().map(|last| (last.number, last.outcome))))
        .collect();
    let expected = [
        (jobs[4].delivery_id, Some((1, Outcome::TimedOut))),
        (jobs[3].delivery_id, None),
        (jobs[2].delivery_id, Some((1, Outcome::WrongStatus))),
        (jobs[1].delivery_id, Some((2, Outcome::Acknowledged))),
        (jobs[0].delivery_id, None),
    ];
    assert_eq!(found, expected);
    let two = f.ledger.endpoint_activity(endpoint, 2).await?;
    assert_eq!(two, activity[..2]);
    assert_eq!(two[0].last.as_ref().and_then(|last| last.response_body.as_deref()), Some(&b"ok"[..]));
    assert_eq!(f.ledger.endpoint_activity(EndpointId(crate::fixture::id_at(at(0))), 10).await?, []);
    Ok(())
}
