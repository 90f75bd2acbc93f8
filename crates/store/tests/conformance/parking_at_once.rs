//! What is accepted for an endpoint that takes no deliveries is parked at once.

use crate::fixture::{Fixture, VISIBILITY, actor, at};
use anyhow::{Context, Result, ensure};
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

conformance!(
    what_is_accepted_for_a_paused_endpoint_is_parked_at_once,
    what_is_accepted_for_a_failing_endpoint_is_parked_only_while_a_probe_will_find_it,
);

/// Whether what is accepted at this second is parked at once.
async fn is_parked_at_once(f: &Fixture, second: u64) -> Result<bool> {
    let job = f.accept_one(at(second)).await?;
    let delivery = f.delivery(job.delivery_id).await?;
    Ok(delivery.due_at == delivery.deadline_at)
}

async fn what_is_accepted_for_a_paused_endpoint_is_parked_at_once(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    f.ledger.pause_endpoint(endpoint, true, &actor(at(5))).await?;
    assert!(is_parked_at_once(&f, 10).await?);
    assert_eq!(f.ledger.dispatch_due(at(500), VISIBILITY, 10, &[]).await?.parked, 0, "it is not looked at");

    f.ledger.pause_endpoint(endpoint, false, &actor(at(600))).await?;
    assert!(!is_parked_at_once(&f, 601).await?, "the endpoint takes deliveries");
    assert_eq!(f.ledger.release_parked(at(602), VISIBILITY, 10, &[]).await?.len(), 1);

    let shop = f.ledger.endpoint(endpoint).await?.context("it was just made")?.merchant_id;
    f.ledger.pause_merchant(&shop, true, &actor(at(603))).await?;
    assert!(is_parked_at_once(&f, 604).await?);
    f.ledger.pause_merchant(&shop, false, &actor(at(605))).await?;
    assert_eq!(f.ledger.release_parked(at(606), VISIBILITY, 10, &[]).await?.len(), 1);
    Ok(())
}

async fn what_is_accepted_for_a_failing_endpoint_is_parked_only_while_a_probe_will_find_it(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let first = f.accept_one(at(10)).await?;
    f.ledger.mark_failing(endpoint, at(20), "10 attempts failed", &actor(at(30))).await?;
    assert_eq!(f.ledger.dispatch_due(at(50), VISIBILITY, 10, &[]).await?.parked, 1);
    f.ledger.settle(first.delivery_id, "olga", "by hand", &actor(at(51))).await?;
    assert_eq!(f.ledger.take_probes(at(52), VISIBILITY, 10).await?, [], "nothing to probe with, so it is left alone");
    assert!(!is_parked_at_once(&f, 60).await?);
    assert_eq!(f.ledger.dispatch_due(at(100), VISIBILITY, 10, &[]).await?.parked, 1);
    assert!(is_parked_at_once(&f, 101).await?);
    let probe = f.ledger.take_probes(at(102), VISIBILITY, 10).await?;
    assert_eq!(probe.len(), 1);
    assert!(is_parked_at_once(&f, 103).await?, "while the probe is under way");
    f.ledger.reopen(endpoint, &actor(at(104))).await?;
    assert!(!is_parked_at_once(&f, 105).await?);
    assert_eq!(f.ledger.release_parked(at(106), VISIBILITY, 10, &[]).await?.len(), 2);
    Ok(())
}

/// Makes the next commit of a delivery wait until the connection lets it go.
const WAIT_AT_COMMIT: &str = "
CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER wait_at_commit AFTER INSERT ON deliveries DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION wait_at_commit();
SELECT pg_advisory_lock(1)";

const LET_GO: &str = "SELECT pg_advisory_unlock(1)";

/// A payment that is parked as it is accepted, and whose commit waits.
async fn held_at_commit(f: &Arc<Fixture>, second: u64) -> Result<(PgConnection, JoinHandle<Result<bool>>)> {
    let mut holder = PgConnection::connect(f.postgres_url()?).await?;
    sqlx::raw_sql(WAIT_AT_COMMIT).execute(&mut holder).await?;
    let accepting = tokio::spawn({
        let f = f.clone();
        async move { is_parked_at_once(&f, second).await }
    });
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    for _ in 0..1_000 {
        if sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut holder).await? > 0 {
            return Ok((holder, accepting));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    accepting.abort();
    Err(anyhow::anyhow!("the payment's commit does not wait"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn release_does_not_miss_what_is_parked_by_a_commit_that_takes_its_time() -> Result<()> {
    let f = Arc::new(Fixture::postgres().await?);
    let endpoint = f.shop().await?;
    f.ledger.pause_endpoint(endpoint, true, &actor(at(5))).await?;
    f.accept_one(at(10)).await?;

    let (mut holder, accepting) = held_at_commit(&f, 60).await?;
    f.ledger.pause_endpoint(endpoint, false, &actor(at(61))).await?;
    assert_eq!(f.ledger.release_parked(at(62), VISIBILITY, 10, &[]).await?.len(), 1, "it waits for nobody");
    assert_eq!(f.ledger.release_parked(at(62), VISIBILITY, 10, &[]).await?, []);
    sqlx::raw_sql(LET_GO).execute(&mut holder).await?;
    ensure!(accepting.await??, "it is parked at once");
    assert_eq!(f.ledger.release_parked(at(63), VISIBILITY, 10, &[]).await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoint_is_not_left_alone_while_something_is_parked_for_it() -> Result<()> {
    let f = Arc::new(Fixture::postgres().await?);
    let endpoint = f.shop().await?;
    f.ledger.mark_failing(endpoint, at(20), "10 attempts failed", &actor(at(30))).await?;
    let first = f.accept_one(at(40)).await?;

    let (mut holder, accepting) = held_at_commit(&f, 60).await?;
    f.ledger.settle(first.delivery_id, "olga", "by hand", &actor(at(61))).await?;
    assert_eq!(f.ledger.take_probes(at(62), VISIBILITY, 10).await?, [], "it waits for nobody");
    sqlx::raw_sql(LET_GO).execute(&mut holder).await?;
    ensure!(accepting.await??, "it is parked at once");
    let probes = f.ledger.take_probes(at(64), VISIBILITY, 10).await?;
    probes.first().context("it is probed with what was parked meanwhile")?;
    Ok(())
}
