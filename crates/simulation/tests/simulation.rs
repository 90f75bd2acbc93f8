//! What the simulation shows of the engine's rules: three seeds of some thousand lives, and that a seed is a world.

use paybell_simulation::{draw_plan, simulate, simulate_many};

fn lives_of(seed: u64) {
    let summary = simulate_many(seed, 2_000, None, |_| ());
    if let Some(failure) = summary.failure {
        panic!("{}\n{}", failure.violation, failure.story.join("\n"));
    }
    let tally = summary.tally;
    assert!(tally.lives >= 2_000, "{tally:?}");
    // A world in which nothing went wrong would show nothing.
    assert!(tally.attempts > tally.lives && tally.faults() > 50, "{tally:?}");
    assert!(tally.lost_claims > 10 && tally.fenced_records > 0 && tally.refused_jobs > 10, "{tally:?}");
    let health = [tally.marked, tally.probes, tally.reopened, tally.crowded, tally.released];
    assert!(health.iter().all(|count| *count > 10), "{tally:?}");
    let people = [tally.settled, tally.resent, tally.resent_in_bulk, tally.paused];
    assert!(people.iter().all(|count| *count > 0) && tally.mishaps.iter().all(|count| *count > 0), "{tally:?}");
}

#[test]
fn no_invariant_is_violated_in_the_lives_of_seed_1() {
    lives_of(1);
}

#[test]
fn no_invariant_is_violated_in_the_lives_of_seed_2() {
    lives_of(2);
}

#[test]
fn no_invariant_is_violated_in_the_lives_of_seed_3() {
    lives_of(3);
}

#[test]
fn the_same_seed_gives_the_same_worlds_and_another_seed_others() {
    let digest = |seed| simulate_many(seed, 400, None, |_| ()).digest;
    assert_eq!(digest(7), digest(7));
    assert_ne!(digest(7), digest(8));
}

#[test]
fn telling_the_story_changes_nothing() {
    let plan = draw_plan(11, 40);
    let (silent, told) = (simulate(&plan, None, false), simulate(&plan, None, true));
    assert_eq!((silent.digest, silent.tally), (told.digest, told.tally));
    assert!(silent.story.is_empty() && !told.story.is_empty());
}

#[test]
fn leaving_a_payment_out_changes_nothing_about_the_others() {
    let plan = draw_plan(5, 40);
    let mut without = plan.clone();
    without.payments.pop();
    let lives = |plan| simulate(plan, None, false).tally.lives;
    assert!(lives(&without) < lives(&plan));
    assert!(simulate(&without, None, false).violation.is_none());
}
