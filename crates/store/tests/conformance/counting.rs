//! The figures of charts.

use crate::fixture::{Fixture, GRACE, LIFETIME, VISIBILITY, actor, at, payment, record};
use anyhow::{Context, Result, bail};
use paybell_delivery::{Decision, Job, Outcome, Reason, Timestamp};
use paybell_store::engine::{Accepted, Recorded};
use paybell_store::manage::{FigureSpan, Figures};
use paybell_store::{Clock, CoalesceSettings, Coalesced};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

conformance!(
    figures_add_up_in_their_minute_and_their_quarter_of_an_hour,
    several_processes_add_to_the_same_figures,
    old_figures_go_and_young_ones_stay,
    what_is_accepted_and_recorded_is_counted,
    figures_that_could_not_be_written_are_written_later,
);

fn accepted(count: u64) -> Figures {
    Figures { accepted: count, ..Figures::default() }
}

async fn figures_add_up_in_their_minute_and_their_quarter_of_an_hour(f: Fixture) -> Result<()> {
    let mut first = Figures { accepted: 3, expired: 1, attempts: 7, ..Figures::default() };
    (first.acknowledged_within[0], first.acknowledged_within[Figures::BUCKETS - 1]) = (5, 1);
    f.ledger.add_figures(at(0), &first).await?;
    f.ledger.add_figures(at(59), &accepted(1)).await?;
    f.ledger.add_figures(at(899), &accepted(10)).await?;
    f.ledger.add_figures(at(900), &accepted(100)).await?;
    f.ledger.add_figures(at(900), &Figures::default()).await?;
    let both = Figures { accepted: 4, ..first.clone() };
    let minutes = [(at(0), both), (at(840), accepted(10)), (at(900), accepted(100))];
    assert_eq!(f.ledger.figures(FigureSpan::Minute, at(0)).await?, minutes);
    assert_eq!(f.ledger.figures(FigureSpan::Minute, at(841)).await?, minutes[2..]);
    let quarters = [(at(0), Figures { accepted: 14, ..first }), (at(900), accepted(100))];
    assert_eq!(f.ledger.figures(FigureSpan::QuarterHour, at(0)).await?, quarters);
    assert_eq!(f.ledger.figures(FigureSpan::QuarterHour, at(901)).await?, []);
    Ok(())
}

async fn several_processes_add_to_the_same_figures(f: Fixture) -> Result<()> {
    let mut calls = Vec::new();
    for n in 0..20 {
        let ledger = if n % 2 == 0 { f.ledger.clone() } else { f.another().await? };
        let figures = Figures { accepted: 1, attempts: n, ..Figures::default() };
        calls.push(tokio::spawn(async move { ledger.add_figures(at(n), &figures).await }));
    }
    for call in calls {
        call.await??;
    }
    let sum = Figures { accepted: 20, attempts: 190, ..Figures::default() };
    for span in FigureSpan::ALL {
        assert_eq!(f.ledger.figures(span, at(0)).await?, [(at(0), sum.clone())], "{span:?}");
    }
    Ok(())
}

async fn old_figures_go_and_young_ones_stay(f: Fixture) -> Result<()> {
    for day in 0..3 {
        f.ledger.add_figures(at(0) + DAY * day, &accepted(1)).await?;
    }
    let left = async |span| anyhow::Ok(f.ledger.figures(span, at(0)).await?.len());
    let keep = async |now| anyhow::Ok(f.ledger.keep_attempts(now, LIFETIME).await?.figures_deleted);
    assert_eq!(keep(at(0) + DAY * 2).await?, 0, "each is kept for its whole time");
    assert_eq!(keep(at(1) + DAY * 2).await?, 1);
    assert_eq!((left(FigureSpan::Minute).await?, left(FigureSpan::QuarterHour).await?), (2, 3));
    assert_eq!(keep(at(1) + DAY * 31).await?, 4, "two minutes and two quarters");
    assert_eq!((left(FigureSpan::Minute).await?, left(FigureSpan::QuarterHour).await?), (0, 1));
    Ok(())
}

struct Rig {
    coalesced: Coalesced,
    /// Before anything was counted.
    begun_at: Timestamp,
}

impl Rig {
    async fn start(f: &Fixture) -> Result<Self> {
        let clock = Arc::new(Clock::default());
        clock.sync(&*f.ledger).await?;
        let begun_at = clock.now();
        let settings = CoalesceSettings { batch_max: 100, grace: GRACE, lifetime: LIFETIME };
        Ok(Self { coalesced: Coalesced::start(f.ledger.clone(), clock, settings), begun_at })
    }

    async fn accept(&self, name: &str) -> Result<Accepted> {
        Ok(self.coalesced.accept(payment(name, self.begun_at)).await?)
    }

    async fn accept_new(&self, name: &str) -> Result<Job> {
        let Accepted::New { jobs, .. } = self.accept(name).await? else { bail!("{name} is not new") };
        jobs.into_iter().next().context("a job")
    }

    /// Records an attempt so many seconds after the delivery's id was made.
    async fn record(&self, f: &Fixture, job: Job, outcome: Outcome, decision: Decision) -> Result<Recorded> {
        let claimed = f.won(job, self.begun_at).await?;
        let now = self.begun_at + Duration::from_secs(5);
        Ok(self.coalesced.record(record(&claimed, outcome, decision, now)).await?)
    }

    /// All that was written.
    async fn written(&self, f: &Fixture) -> Result<Figures> {
        let mut sum = Figures::default();
        for (_, figures) in f.ledger.figures(FigureSpan::QuarterHour, self.begun_at.before(DAY)).await? {
            sum.accepted += figures.accepted;
            sum.delivered += figures.delivered;
            sum.undelivered += figures.undelivered;
            sum.expired += figures.expired;
            sum.attempts += figures.attempts;
            sum.first_attempts += figures.first_attempts;
            sum.first_acknowledged += figures.first_acknowledged;
            sum.acknowledged_within.iter_mut().zip(figures.acknowledged_within).for_each(|(sum, n)| *sum += n);
        }
        Ok(sum)
    }
}

async fn what_is_accepted_and_recorded_is_counted(f: Fixture) -> Result<()> {
    f.shop().await?;
    let rig = Rig::start(&f).await?;
    let jobs = [rig.accept_new("p0").await?, rig.accept_new("p1").await?, rig.accept_new("p2").await?];
    let last = rig.accept_new("p3").await?;
    anyhow::ensure!(matches!(rig.accept("p0").await?, Accepted::Same { .. }), "the same payment again");
    rig.record(&f, jobs[0], Outcome::Acknowledged, Decision::Delivered).await?;
    rig.record(&f, jobs[1], Outcome::Refused, Decision::Undelivered(Reason::Refused)).await?;
    let retry = Decision::RetryAt(rig.begun_at + VISIBILITY);
    rig.record(&f, jobs[2], Outcome::TimedOut, retry).await?;
    let again = Job { attempts: 1, ..jobs[2] };
    rig.record(&f, again, Outcome::WrongStatus, Decision::Undelivered(Reason::Expired)).await?;
    // A claim that was lost meanwhile: the attempt counts, its delivery does not.
    let claimed = f.won(last, rig.begun_at).await?;
    f.ledger.settle(last.delivery_id, "Olga", "by phone", &actor(rig.begun_at)).await?;
    let late = record(&claimed, Outcome::Refused, Decision::Undelivered(Reason::Refused), rig.begun_at);
    assert_eq!(rig.coalesced.record(late).await?, Recorded::Fenced);
    rig.coalesced.note_expired(2);
    rig.coalesced.flush_figures().await;
    rig.coalesced.flush_figures().await;

    let mut within = vec![0; Figures::BUCKETS];
    within[Figures::bucket_of(Duration::from_secs(5))] = 1;
    let expected = Figures {
        accepted: 4,
        delivered: 1,
        undelivered: 1,
        expired: 3,
        attempts: 5,
        first_attempts: 4,
        first_acknowledged: 1,
        acknowledged_within: within,
    };
    assert_eq!(rig.written(&f).await?, expected);
    Ok(())
}

async fn figures_that_could_not_be_written_are_written_later(f: Fixture) -> Result<()> {
    let rig = Rig::start(&f).await?;
    rig.coalesced.note_expired(2);
    assert_eq!(f.execute("ALTER TABLE figures RENAME TO away").await?, None);
    rig.coalesced.flush_figures().await;
    assert_eq!(f.execute("ALTER TABLE away RENAME TO figures").await?, None);
    rig.coalesced.note_expired(1);
    rig.coalesced.flush_figures().await;
    assert_eq!(rig.written(&f).await?.expired, 3);
    Ok(())
}
