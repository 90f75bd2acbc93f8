//! The same random histories run on the model and on the real ledgers, and every act must answer the same and leave
//! the same behind; so what holds for the model in the simulation holds for the code that runs.

mod act;
mod compare;
mod health;
mod pair;
mod resend;

use anyhow::{Context, Result, ensure};
use pair::Pair;
use paybell_simulation::Bug;
use paybell_store::{Ledger, PostgresLedger, Sealer, SqliteLedger};
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

const ACTS: u64 = 60;
/// The most histories in which a bug of the model must show.
const HISTORIES_MAX: u64 = 200;

async fn history(ledger: &Arc<dyn Ledger>, seed: u64, bug: Option<Bug>) -> Result<BTreeSet<&'static str>> {
    let mut pair = Pair::new(Arc::clone(ledger), seed, bug).await?;
    let mut seen = BTreeSet::new();
    for _ in 0..ACTS {
        let act = pair.draw();
        seen.insert(act.name());
        pair.story.push(format!("{act:?}"));
        let ran = pair.run(act).await;
        ran.with_context(|| format!("seed {seed}, at the last of:\n{}", pair.story.join("\n")))?;
    }
    pair.end().await.with_context(|| format!("seed {seed}, at the end of:\n{}", pair.story.join("\n")))?;
    Ok(seen)
}

async fn histories(ledger: Arc<dyn Ledger>, seeds: Range<u64>) -> Result<()> {
    ledger.migrate().await?;
    let mut seen = BTreeSet::new();
    for seed in seeds {
        seen.extend(history(&ledger, seed, None).await?);
    }
    ensure!(seen.len() == act::KINDS, "not every kind of act was drawn: {seen:?}");
    Ok(())
}

/// A ledger in a file, with the folder that it lives in.
async fn sqlite() -> Result<(tempfile::TempDir, Arc<dyn Ledger>)> {
    let folder = tempfile::TempDir::new()?;
    let ledger = SqliteLedger::open(&folder.path().join("ledger.sqlite"), Sealer::new(&[7; 32])).await?;
    Ok((folder, Arc::new(ledger)))
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_does_what_the_model_does() -> Result<()> {
    let mut runs = Vec::new();
    for part in 0..3 {
        runs.push(tokio::spawn(async move {
            let (_folder, ledger) = sqlite().await?;
            histories(ledger, part * 1_000..part * 1_000 + 80).await
        }));
    }
    for run in runs {
        run.await??;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_does_what_the_model_does() -> Result<()> {
    let url = paybell_testkit::Postgres::shared().await?.create_database().await?;
    let ledger = PostgresLedger::connect(&SecretString::from(url), 4, Sealer::new(&[7; 32])).await?;
    histories(Arc::new(ledger), 10_000..10_100).await
}

/// The comparison, checked: a model with a defect does not pass for the ledger.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_with_a_bug_differs_from_the_ledger() -> Result<()> {
    let bugs = [
        Bug::ClaimWithoutFence,
        Bug::ClaimUnguarded,
        Bug::ClaimAfterDeadline,
        Bug::RecordWithoutFence,
        Bug::UnknownAttemptLost,
        Bug::ExpiryOfLiveClaim,
        Bug::AcknowledgementDropped,
        Bug::RetryEarly,
        Bug::AcceptedTwice,
        Bug::ParkedForever,
        Bug::HandedOutOnce,
        Bug::ResentWhilePending,
        Bug::ResentWithOldDeadline,
        Bug::SettledAttemptLost,
        Bug::FailingNotHeeded,
        Bug::NeverProbed,
        Bug::ProbedOnce,
        Bug::ProbeNotAwaited,
        Bug::ReopenedWithoutRelease,
        Bug::CrowdedForever,
        Bug::RampForgotten,
        Bug::RampNotPaced,
        Bug::ProbedTooLate,
    ];
    for bug in bugs {
        let (_folder, ledger) = sqlite().await?;
        ledger.migrate().await?;
        let mut differs = false;
        for seed in 0..HISTORIES_MAX {
            differs = history(&ledger, seed, Some(bug)).await.is_err();
            if differs {
                break;
            }
        }
        ensure!(differs, "{bug:?} was not noticed in {HISTORIES_MAX} histories");
    }
    Ok(())
}
