//! Every bug that the binary can be built with turns the checker red, by the invariant that the bug breaks. The binary is
//! the one that stands beside the tests, built with the features `abort-points` and `planted-bugs`.

use anyhow::{Context, Result, ensure};
use paybell_faults::planted::{Mode, PLANTED, by_name, known_to_binary, run_planted, run_unplanted};
use paybell_faults::run::Keeping;

async fn is_caught(name: &str) -> Result<()> {
    let bug = by_name(name).context("there is no such bug")?;
    let trial = run_planted(bug, &Keeping::quiet()).await?;
    println!("{name}: must be caught by {}, found: {:?} in {:.1} s", bug.caught_by, trial.offences, trial.seconds);
    ensure!(trial.is_caught(), "{name} was not caught by {}; found: {:?}", bug.caught_by, trial.offences);
    Ok(())
}

async fn is_green(mode: Mode) -> Result<()> {
    let report = run_unplanted(mode, &Keeping::quiet()).await?;
    println!("{report:?}");
    let first: Vec<String> = report.violations.iter().take(10).map(ToString::to_string).collect();
    ensure!(first.is_empty(), "{} violations: {first:#?}", report.violations.len());
    ensure!(report.counts.undisturbed, "nothing disturbs it, so the metrics must equal the ledger");
    ensure!(report.counts.views > 10 && report.counts.scrapes > 0, "it was asked: {:?}", report.counts);
    Ok(())
}

macro_rules! bugs {
    ($($test:ident $name:literal),+ $(,)?) => {
        const TESTED: &[&str] = &[$($name),+];
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() -> Result<()> {
            is_caught($name).await
        })+
    };
}

bugs! {
    payment_that_is_answered_and_never_written_is_caught "accept-forgets-every-seventh",
    delivery_that_is_given_up_too_early_is_caught "delivery-is-given-up-at-the-first-failure",
    forgotten_deadline_is_caught "deadline-is-forgotten",
    attempt_after_the_end_is_caught "finished-delivery-is-attempted-again",
    skipped_number_of_an_attempt_is_caught "claim-skips-a-number",
    attempt_under_a_wrong_number_is_caught "attempt-is-recorded-under-the-next-number",
    attempt_without_a_claim_is_caught "lost-claim-is-taken-for-won",
    changed_body_is_caught "second-attempt-has-another-body",
    wrong_secret_is_caught "requests-are-signed-by-another-secret",
    request_to_another_merchant_is_caught "request-goes-to-another-merchant",
    list_of_all_merchants_is_caught "list-forgets-its-merchant",
    second_payment_for_a_known_id_is_caught "known-id-is-accepted-as-new",
    other_content_under_a_known_id_is_caught "other-content-is-taken-for-the-same",
    dropped_enqueue_is_caught "dispatch-drops-every-job",
    hammering_is_caught "retry-is-due-at-once",
    overrun_cap_is_caught "cap-of-requests-is-lost",
    invented_acknowledgement_is_caught "wrong-body-counts-as-acknowledgement",
    attempt_that_counts_twice_is_caught "attempt-counts-twice-in-metrics",
    blind_gauge_is_caught "gauge-sees-nothing-undelivered",
    settling_that_is_only_said_is_caught "settle-is-only-said",
    resend_that_acts_twice_is_caught "resend-acts-twice",
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_engine_without_a_bug_is_green() -> Result<()> {
    is_green(Mode::Embedded).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn production_engine_without_a_bug_is_green() -> Result<()> {
    is_green(Mode::Production).await
}

#[test]
fn every_bug_of_the_binary_is_tested() -> Result<()> {
    let listed: Vec<&str> = PLANTED.iter().map(|bug| bug.name).collect();
    assert_eq!(listed, TESTED, "the list and the tests");
    let mut known = known_to_binary()?;
    let mut tested: Vec<String> = TESTED.iter().map(|&name| name.to_owned()).collect();
    known.sort();
    tested.sort();
    assert_eq!(known, tested, "the binary and the tests");
    Ok(())
}
