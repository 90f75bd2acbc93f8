//! The checker, checked: each planted bug turns its invariant red, and the story of it is short.

use paybell_simulation::{Bug, simulate_many};

/// The most lives in which a bug must show.
const LIVES: u64 = 20_000;
/// The longest story, in lines.
const LINES_MAX: usize = 81;

fn turns_red(bug: Bug, invariants: &[&str]) {
    let summary = simulate_many(1, LIVES, Some(bug), |_| ());
    let failure = summary.failure.unwrap_or_else(|| panic!("{bug:?} was not noticed in {LIVES} lives"));
    let story = failure.story.join("\n");
    println!("{bug:?}, noticed after {} lives: {}\n{story}\n", summary.tally.lives, failure.violation);
    assert!(invariants.contains(&failure.violation.invariant), "{}\n{story}", failure.violation);
    assert!(failure.story.len() <= LINES_MAX, "{} lines:\n{story}", failure.story.len());
    assert!(failure.story.iter().all(|line| line.starts_with("t=+")), "{story}");
}

macro_rules! planted_bugs {
    ($($name:ident: $bug:ident => $invariants:expr;)+) => {
        $(#[test]
        fn $name() {
            turns_red(Bug::$bug, &$invariants);
        })+

        #[test]
        fn every_bug_has_its_test() {
            // The last one shows only where payments come in faster than a merchant answers: see `backlogs`.
            let tested = [$(Bug::$bug,)+ Bug::ProbedTooLate];
            assert!(Bug::ALL.iter().all(|bug| tested.contains(bug)));
        }
    };
}

planted_bugs! {
    dropped_due_at_is_noticed: DueAtDropped => ["I1"];
    claim_without_fence_is_noticed: ClaimWithoutFence => ["I10"];
    unguarded_claim_is_noticed: ClaimUnguarded => ["I3", "I10"];
    claim_after_the_deadline_is_noticed: ClaimAfterDeadline => ["I2"];
    record_without_fence_is_noticed: RecordWithoutFence => ["I1", "I3", "I10"];
    lost_unknown_attempt_is_noticed: UnknownAttemptLost => ["I4"];
    expiry_of_a_live_claim_is_noticed: ExpiryOfLiveClaim => ["I3"];
    dropped_acknowledgement_is_noticed: AcknowledgementDropped => ["I1", "I3"];
    early_retry_is_noticed: RetryEarly => ["I10"];
    payment_accepted_twice_is_noticed: AcceptedTwice => ["I8"];
    post_after_a_stop_is_noticed: PostAfterStop => ["I3"];
    limit_past_the_deadline_is_noticed: LimitPastDeadline => ["I2"];
    invented_acknowledgement_is_noticed: AnyAnswerAcknowledges => ["I11"];
    parked_forever_is_noticed: ParkedForever => ["I9"];
    job_handed_out_only_once_is_noticed: HandedOutOnce => ["I9"];
    unheeded_cap_is_noticed: CapNotHeeded => ["I10"];
    place_known_by_the_job_alone_is_noticed: PlaceByJob => ["I10"];
    unheeded_lease_is_noticed: LeaseNotHeeded => ["I10"];
    lease_that_never_ends_is_noticed: LeaseNeverEnds => ["I9"];
    resend_while_pending_is_noticed: ResentWhilePending => ["I8"];
    resend_with_the_old_deadline_is_noticed: ResentWithOldDeadline => ["I1"];
    lost_progress_of_a_bulk_resend_is_noticed: BulkProgressLost => ["I8"];
    bulk_resend_that_passes_over_is_noticed: BulkPassesOver => ["I1"];
    attempt_lost_by_a_settlement_is_noticed: SettledAttemptLost => ["I4"];
    uncounted_panics_are_noticed: PanicsNotCounted => ["I14"];
    unfollowed_clock_is_noticed: ClockNotFollowed => ["I1", "I2", "I9"];
    clock_that_goes_only_forward_is_noticed: ClockOnlyForward => ["I1", "I2", "I9"];
    attempt_at_a_failing_endpoint_is_noticed: FailingNotHeeded => ["I15"];
    probe_that_never_comes_is_noticed: NeverProbed => ["I16"];
    missing_second_probe_is_noticed: ProbedOnce => ["I16"];
    two_probes_at_a_time_are_noticed: ProbeNotAwaited => ["I15"];
    unheard_answer_to_a_probe_is_noticed: AnswerNotHeard => ["I16"];
    release_forgotten_after_an_answer_is_noticed: ReopenedWithoutRelease => ["I9"];
    what_is_parked_in_a_crowd_and_forgotten_is_noticed: CrowdedForever => ["I9"];
    forgotten_ramp_is_noticed: RampForgotten => ["I10"];
    ramp_without_pauses_is_noticed: RampNotPaced => ["I10"];
    failures_that_are_not_in_a_row_are_noticed: StreakNotBroken => ["I15"];
}
