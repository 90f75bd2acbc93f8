//! What the whole-path tests cannot bring about: a worker that is held up after its claim, and a damaged row.

use crate::attempt_delivery::{attempt_claimed, record_attempt};
use crate::claim_batch::claim_batch;
use crate::{DispatchSettings, EndpointCache, Engine, WorkerSettings, keep_attempts, place_lease, run_dispatcher};
use anyhow::{Context, Result, bail, ensure};
use paybell_delivery::{
    Attempt, Decision, DeliveryId, EndpointId, EndpointOptions, Job, LIFETIME_MAX, MerchantId, Money, Outcome, Payment,
    PaymentId, Schedule, State, Timestamp,
};
use paybell_outbound::{Outbound, OutboundSettings};
use paybell_queue::{InProcessQueue, QueueSettings, Taken};
use paybell_store::engine::{AcceptTerms, Accepted, Claim, ClaimedDelivery, RecordAttempt, Recorded};
use paybell_store::manage::{Actor, NewEndpoint, Secret};
use paybell_store::{Clock, CoalesceSettings, Coalesced, Ledger, Sealer, SqliteLedger, id_at};
use paybell_testkit::{Receiver, Reply};
use sqlx::{Connection, SqliteConnection};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

mod dispatching;
mod handing_on;
mod places;
mod taking_back;

const VISIBILITY: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(30);

struct Rig {
    engine: Engine,
    receiver: Receiver,
    folder: TempDir,
}

impl Rig {
    /// The engine as its attempts share it.
    fn shared_engine(&self) -> Arc<Engine> {
        Arc::new(self.engine.clone())
    }

    /// An engine on SQLite with the merchant `shop`, whose server acknowledges.
    async fn start() -> Result<Rig> {
        let (folder, receiver) = (TempDir::new()?, Receiver::start(vec![Reply::ok()])?);
        let ledger = SqliteLedger::open(&folder.path().join("ledger.db"), Sealer::new(&[7; 32])).await?;
        ledger.migrate().await?;
        let engine = engine(Arc::new(ledger))?;
        let rig = Rig { engine, receiver, folder };
        rig.make_shop().await?;
        Ok(rig)
    }

    fn now(&self) -> Timestamp {
        self.engine.clock.now()
    }

    async fn make_shop(&self) -> Result<()> {
        let actor = Actor { name: "olga".to_owned(), now: self.now() };
        self.engine.ledger.create_merchant(&shop(), "The shop", &actor).await?;
        let new = NewEndpoint {
            id: EndpointId(Uuid::now_v7()),
            merchant_id: shop(),
            url: self.receiver.url("/hook"),
            check_url: None,
            dialect: "standard".to_owned(),
            parameters: [].into(),
            options: EndpointOptions::default(),
            concurrency_max: 8,
            time_limit: None,
            lifetime: None,
        };
        let value = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".into();
        let secret = Secret { value, created_at: self.now(), ends_at: None };
        self.engine.ledger.create_endpoint(&new, &secret, &actor).await?;
        Ok(())
    }

    async fn accept(&self, now: Timestamp, lifetime: Duration) -> Result<Job> {
        let accepted = self.engine.ledger.accept(&[payment(now)], &AcceptTerms { now, grace: GRACE, lifetime }).await?;
        let Some(Accepted::New { jobs, .. }) = accepted.into_iter().next() else { bail!("not accepted") };
        jobs.into_iter().next().context("a job")
    }

    async fn claim(&self, job: Job, now: Timestamp) -> Result<ClaimedDelivery> {
        match self.engine.ledger.claim(&[job], now, VISIBILITY).await?.pop() {
            Some(Claim::Won(claimed)) => Ok(*claimed),
            other => bail!("{other:?}"),
        }
    }

    /// What the worker does with a job.
    async fn attempt(&self, taken: Taken) {
        for claimed in claim_batch(&self.engine, &[taken]).await.into_iter().flatten() {
            attempt_and_record(&self.engine, &claimed, taken.taken_at).await;
        }
    }

    /// The delivery's state and the outcomes of its attempts.
    async fn standing(&self, id: DeliveryId) -> Result<(State, Vec<Outcome>)> {
        let view = self.engine.ledger.delivery(id, self.now()).await?.context("a delivery")?;
        Ok((view.delivery.state, view.attempts.iter().map(|attempt| attempt.outcome).collect()))
    }
}

fn engine(ledger: Arc<dyn Ledger>) -> Result<Engine> {
    let clock = Arc::new(Clock::default());
    let batches = CoalesceSettings { batch_max: 10, grace: GRACE, lifetime: LIFETIME_MAX };
    let outbound = Outbound::new(OutboundSettings {
        allow_non_public_addresses: true,
        allow_plain_http: true,
        own_port: None,
        response_body_max: 1_000,
        user_agent: "Paybell".to_owned(),
    });
    let settings = WorkerSettings {
        schedule: Schedule::default(),
        time_limit: Duration::from_secs(15),
        visibility: VISIBILITY,
        in_flight_max: 8,
        batch_max: 10,
        claims_ahead: true,
        drain: Duration::from_secs(1),
        failing_after: Duration::from_secs(10),
    };
    let lanes = QueueSettings { lane_max: 100, depth_max: 1_000, lease: place_lease(VISIBILITY) };
    Ok(Engine {
        coalesced: Coalesced::start(ledger.clone(), clock.clone(), batches),
        ledger,
        queue: Arc::new(InProcessQueue::new(lanes)),
        outbound: outbound.map_err(anyhow::Error::from_boxed)?,
        clock,
        endpoints: Arc::new(EndpointCache::default()),
        health: Arc::default(),
        unrecorded: Arc::new(Semaphore::new(settings.in_flight_max)),
        taking_back: Arc::default(),
        settings,
    })
}

async fn attempt_and_record(engine: &Engine, claimed: &ClaimedDelivery, taken_at: Instant) {
    if let Some(attempted) = attempt_claimed(engine, claimed, taken_at).await {
        record_attempt(engine, claimed, attempted).await;
    }
}

fn shop() -> MerchantId {
    MerchantId::new("shop").expect("a valid id")
}

fn payment(now: Timestamp) -> Payment {
    let id = Uuid::now_v7();
    Payment {
        id: PaymentId(id),
        merchant_id: shop(),
        gateway_payment_id: id.to_string(),
        kind: "payment.confirmed".to_owned(),
        pay_for: None,
        amount: Money { amount_minor: 100, currency: "EUR".parse().expect("a currency") },
        balance: None,
        method: None,
        description: None,
        payer_email: None,
        payer_phone: None,
        data: None,
        confirmed_at: now,
        accepted_at: now,
        test: false,
    }
}

#[tokio::test]
async fn a_claim_that_holds_is_attempted() -> Result<()> {
    let rig = Rig::start().await?;
    let job = rig.accept(rig.now(), LIFETIME_MAX).await?;
    let claimed = rig.claim(job, rig.now()).await?;
    attempt_and_record(&rig.engine, &claimed, Instant::now()).await;
    assert_eq!(rig.standing(job.delivery_id).await?, (State::Delivered, vec![Outcome::Acknowledged]));
    assert_eq!(rig.receiver.requests().len(), 1);
    Ok(())
}

#[tokio::test]
async fn nothing_is_sent_when_a_person_settled_it_between_claim_and_attempt() -> Result<()> {
    let rig = Rig::start().await?;
    let job = rig.accept(rig.now(), LIFETIME_MAX).await?;
    let held_up = rig.claim(job, rig.now().before(Duration::from_secs(1))).await?;
    let actor = Actor { name: "olga".to_owned(), now: rig.now() };
    rig.engine.ledger.settle(job.delivery_id, "olga", "told by phone", &actor).await?;
    attempt_and_record(&rig.engine, &held_up, Instant::now()).await;
    assert_eq!(rig.receiver.requests().len(), 0);
    assert_eq!(
        rig.standing(job.delivery_id).await?,
        (State::Settled, vec![Outcome::Blocked]),
        "and that is written down"
    );
    Ok(())
}

#[tokio::test]
async fn nothing_is_sent_when_the_claim_has_run_out_meanwhile() -> Result<()> {
    let rig = Rig::start().await?;
    let long_ago = rig.now().before(VISIBILITY * 2);
    let job = rig.accept(long_ago, LIFETIME_MAX).await?;
    let held_up = rig.claim(job, long_ago).await?;
    let second = rig.claim(Job { attempts: 1, ..job }, rig.now()).await?;
    attempt_and_record(&rig.engine, &second, Instant::now()).await;
    attempt_and_record(&rig.engine, &held_up, Instant::now()).await;
    assert_eq!(rig.receiver.requests().len(), 1, "only by the second claim");
    let outcomes = vec![Outcome::Blocked, Outcome::Acknowledged];
    assert_eq!(rig.standing(job.delivery_id).await?, (State::Delivered, outcomes));
    Ok(())
}

#[tokio::test]
async fn job_whose_place_has_run_out_is_dropped_before_its_claim() -> Result<()> {
    let rig = Rig::start().await?;
    let job = rig.accept(rig.now(), LIFETIME_MAX).await?;
    let place = place_lease(VISIBILITY) - WorkerSettings::RECORD_MARGIN;
    rig.attempt(taken(job, place)?).await;
    assert_eq!(rig.standing(job.delivery_id).await?, (State::Pending, vec![]));
    assert_eq!(rig.receiver.requests().len(), 0);
    rig.attempt(taken(job, Duration::ZERO)?).await;
    assert_eq!(
        rig.standing(job.delivery_id).await?,
        (State::Delivered, vec![Outcome::Acknowledged]),
        "not even claimed"
    );
    Ok(())
}

#[tokio::test]
async fn request_ends_with_its_jobs_place_however_late_the_claim_was() -> Result<()> {
    let rig = Rig::start().await?;
    rig.receiver.script("/hook", vec![Reply::Hang]);
    let job = rig.accept(rig.now(), LIFETIME_MAX).await?;
    let left = Duration::from_secs(2);
    let taken = taken(job, place_lease(VISIBILITY) - WorkerSettings::RECORD_MARGIN - left)?;
    rig.attempt(taken).await;
    let view = rig.engine.ledger.delivery(job.delivery_id, rig.now()).await?.context("a delivery")?;
    let outcomes: Vec<Outcome> = view.attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [Outcome::TimedOut]);
    assert!(taken.taken_at.elapsed() < place_lease(VISIBILITY), "it ran on: {:?}", view.attempts[0].duration);
    Ok(())
}

/// A job as a worker has it that took it so long ago.
fn taken(job: Job, age: Duration) -> Result<Taken> {
    let taken_at = Instant::now().checked_sub(age).context("a monotonic clock that has run for a while")?;
    Ok(Taken { job, ticket: 1, taken_at })
}

#[tokio::test]
async fn nothing_is_sent_when_the_deadline_has_passed_meanwhile() -> Result<()> {
    let rig = Rig::start().await?;
    let just_now = rig.now().before(Duration::from_secs(3));
    let job = rig.accept(just_now, Duration::from_secs(2)).await?;
    let claimed = rig.claim(job, just_now + Duration::from_secs(1)).await?;
    attempt_and_record(&rig.engine, &claimed, Instant::now()).await;
    assert_eq!(rig.receiver.requests().len(), 0);
    assert_eq!(rig.standing(job.delivery_id).await?, (State::Undelivered, vec![Outcome::Blocked]));
    let view = rig.engine.ledger.delivery(job.delivery_id, rig.now()).await?.context("a delivery")?;
    assert!(view.attempts[0].started_at < view.delivery.deadline_at);
    Ok(())
}

#[tokio::test]
async fn a_bulk_act_that_cannot_be_read_keeps_nothing_from_being_dispatched() -> Result<()> {
    let rig = Rig::start().await?;
    let url = format!("sqlite://{}", rig.folder.path().join("ledger.db").display());
    let damaged = "INSERT INTO bulk_acts (id, kind, filter, actor, total, done, skipped, newest_id, created_at)
        VALUES (randomblob(16), 'resend', 'no filter', 'olga', 1, 0, 0, randomblob(16), 1)";
    sqlx::raw_sql(damaged).execute(&mut SqliteConnection::connect(&url).await?).await?;
    let due = rig.accept(rig.now().before(GRACE * 2), LIFETIME_MAX).await?;
    let settings = DispatchSettings { limit: 10, grace: GRACE, lifetime: LIFETIME_MAX };
    let stop = CancellationToken::new();
    let dispatcher = tokio::spawn(run_dispatcher(rig.engine.clone(), settings, stop.clone()));
    let patience = tokio::time::Instant::now() + Duration::from_secs(10);
    let mut taken = Vec::new();
    while taken.is_empty() && tokio::time::Instant::now() < patience {
        rig.engine.queue.ready().await;
        taken = rig.engine.queue.turn(&[], 10, 10).await?;
    }
    assert_eq!(taken.iter().map(|taken| taken.job).collect::<Vec<_>>(), [due]);
    stop.cancel();
    Ok(dispatcher.await?)
}

#[tokio::test]
async fn old_attempts_go_without_being_waited_for() -> Result<()> {
    const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 3600);
    let rig = Rig::start().await?;
    let old = attempted(&rig, rig.now().before(KEPT_FOR + KEPT_FOR)).await?;
    let young = attempted(&rig, rig.now().before(KEPT_FOR / 2)).await?;
    let stop = CancellationToken::new();
    let retention = tokio::spawn(keep_attempts(rig.engine.clone(), KEPT_FOR, stop.clone()));
    let patience = Instant::now() + Duration::from_secs(10);
    while !rig.standing(old).await?.1.is_empty() && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(rig.standing(old).await?, (State::Delivered, vec![]));
    assert_eq!(rig.standing(young).await?, (State::Delivered, vec![Outcome::Acknowledged]));
    stop.cancel();
    Ok(retention.await?)
}

/// A delivery that was acknowledged at that moment.
async fn attempted(rig: &Rig, then: Timestamp) -> Result<DeliveryId> {
    let mut payment = payment(then);
    payment.id = PaymentId(id_at(then));
    let terms = AcceptTerms { now: then, grace: GRACE, lifetime: LIFETIME_MAX };
    let accepted = rig.engine.ledger.accept(&[payment], &terms).await?;
    let Some(Accepted::New { jobs, .. }) = accepted.into_iter().next() else { bail!("not accepted") };
    let claimed = rig.claim(jobs[0], then).await?;
    let attempt = Attempt {
        delivery_id: claimed.delivery_id,
        number: claimed.attempt,
        started_at: then,
        duration: Some(Duration::from_millis(100)),
        outcome: Outcome::Acknowledged,
        detail: "200, a 2xx status".to_owned(),
        status: Some(200),
        response_head: None,
        response_body: None,
    };
    let record = RecordAttempt { attempt, decision: Decision::Delivered, now: then };
    ensure!(rig.engine.ledger.record(&[record]).await? == [Recorded::Applied]);
    Ok(claimed.delivery_id)
}
