//! Every short scenario, and random runs of three fixed seeds, against the binary that stands beside the tests.

use anyhow::{Context, Result, ensure};
use paybell_faults::report::Report;
use paybell_faults::run::{Keeping, run_random, run_scenario};
use paybell_faults::scenarios::{Length, SCENARIOS, by_name};
use std::time::Duration;

fn is_good(report: &Report) -> Result<()> {
    println!("{report:?}");
    let first: Vec<String> = report.violations.iter().take(10).map(ToString::to_string).collect();
    ensure!(report.violations.is_empty(), "{}: {} violations: {first:#?}", report.name, report.violations.len());
    Ok(())
}

macro_rules! scenarios {
    ($($test:ident $name:literal),+ $(,)?) => {
        const TESTED: &[&str] = &[$($name),+];
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() -> Result<()> {
            let scenario = by_name($name).context("there is no such scenario")?;
            is_good(&run_scenario(scenario, &Keeping::quiet()).await?)
        })+
    };
}

scenarios! {
    api_that_dies_before_its_commit_stores_nothing "F1",
    api_that_dies_after_its_commit_has_stored_what_it_never_answered "F2",
    api_that_dies_before_its_enqueue_leaves_it_to_the_dispatcher "F3",
    api_that_dies_after_its_enqueue_loses_nothing "F3-queued",
    dispatcher_that_dies_before_its_pass_is_not_missed "F3-dispatch",
    dispatcher_that_dies_with_what_it_moved_delays_it "F3-moved",
    killed_api_loses_nothing_it_accepted "F1-F3-chance",
    killed_embedded_engine_loses_nothing_it_accepted "F1-F3-embedded",
    killed_postgres_loses_nothing_it_committed "F4",
    attempts_outlive_a_killed_postgres "F5",
    commit_without_its_answer_is_refused_and_found_again "F7",
    intake_that_never_reached_postgres_is_refused_and_not_stored "F7-before",
    link_that_is_reset_anywhere_gives_no_false_2xx "F7-chance",
    cut_link_is_refused_and_recovers "F7-cut",
    unsafe_settings_are_refused_at_start "F9",
    killed_redis_delays_and_loses_nothing "F10",
    flushed_redis_delays_and_loses_nothing "F11",
    full_redis_does_not_stop_the_intake "F12-full",
    silent_redis_does_not_stop_the_intake "F12-hole",
    stale_jobs_are_harmless "F13",
    worker_that_dies_before_its_claim_loses_nothing "F14-fetched",
    worker_that_dies_between_claim_and_post_shows_it_as_unknown "F14",
    killed_workers_leave_no_gap "F14-chance",
    worker_that_dies_after_the_answer_repeats_it "F15",
    worker_that_dies_before_the_record_repeats_it "F15-record",
    worker_that_dies_after_the_record_delays_nothing "F15-recorded",
    killed_worker_after_the_answer_repeats_it "F15-chance",
    frozen_worker_does_no_harm_when_it_wakes "F16",
    frozen_worker_begins_nothing_that_is_over "F16-claim",
    repeated_jobs_are_attempted_once_at_a_time "F17",
    terminated_worker_drains "F18",
    clock_that_is_two_hours_off_is_no_matter "F21",
    nothing_is_sent_after_the_deadline "F22",
    late_acknowledgement_ends_in_one_state "F23",
    broken_protocol_is_no_acknowledgement "F24",
    broken_protocol_is_no_acknowledgement_embedded "F24-embedded",
    retry_after_of_a_year_is_clamped "F25",
    unknown_name_harms_nobody_else "F26",
    job_that_makes_its_handler_panic_is_given_up_and_shown "F28",
    acts_of_people_are_audited_under_faults "I13",
}

macro_rules! seeds {
    ($($test:ident $seed:literal),+ $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() -> Result<()> {
            let report = run_random($seed, Duration::from_secs(25), &Keeping::quiet()).await?;
            ensure!(report.seed == Some($seed) && report.kills > 0, "{report:?}");
            is_good(&report)
        })+
    };
}

seeds! {
    random_faults_of_seed_1_break_nothing 1,
    random_faults_of_seed_2_break_nothing 2,
    random_faults_of_seed_3_break_nothing 3,
}

#[test]
fn every_short_scenario_is_tested() {
    let short = SCENARIOS.iter().filter(|scenario| scenario.length == Length::Short);
    let missing: Vec<&str> = short.map(|scenario| scenario.name).filter(|name| !TESTED.contains(name)).collect();
    assert!(missing.is_empty(), "not tested: {missing:?}");
}
