//! One world from beginning to end, and many of them.

use crate::dice::mix;
use crate::invariants::Violation;
use crate::plan::{Fault, Plan};
use crate::world::World;
use crate::{Bug, draw_plan, shrink};
use std::ops::AddAssign;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// About how many lives a world has.
const LIVES_OF_A_WORLD: u32 = 40;

/// What happened, in figures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Deliveries.
    pub lives: u64,
    /// Claims that were won.
    pub attempts: u64,
    /// Claims that were lost, as the queue repeats and keeps jobs.
    pub lost_claims: u64,
    /// Records that came when the claim was lost.
    pub fenced_records: u64,
    /// Jobs that found no room in the queue.
    pub refused_jobs: u64,
    /// Deliveries that people settled, resent one by one, and resent in bulk; endpoints that they paused.
    pub settled: u64,
    /// See [`Tally::settled`].
    pub resent: u64,
    /// See [`Tally::settled`].
    pub resent_in_bulk: u64,
    /// See [`Tally::settled`].
    pub paused: u64,
    /// Endpoints that were marked as failing, probes of such, and how many were reopened.
    pub marked: u64,
    /// See [`Tally::marked`].
    pub probes: u64,
    /// See [`Tally::marked`].
    pub reopened: u64,
    /// Deliveries that were parked as their endpoint was crowded, and such as were released, for whatever reason parked.
    pub crowded: u64,
    /// See [`Tally::crowded`].
    pub released: u64,
    /// Mishaps, by their kind ([`Fault::KINDS`]).
    pub mishaps: [u64; Fault::KINDS.len()],
}

impl Tally {
    /// All mishaps.
    pub fn faults(&self) -> u64 {
        self.mishaps.iter().sum()
    }

    /// A mishap took place.
    pub(crate) fn note(&mut self, fault: &Fault) {
        self.mishaps[fault.kind()] += 1;
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.lives += other.lives;
        self.attempts += other.attempts;
        self.lost_claims += other.lost_claims;
        self.fenced_records += other.fenced_records;
        self.refused_jobs += other.refused_jobs;
        self.settled += other.settled;
        self.resent += other.resent;
        self.resent_in_bulk += other.resent_in_bulk;
        self.paused += other.paused;
        self.marked += other.marked;
        self.probes += other.probes;
        self.reopened += other.reopened;
        self.crowded += other.crowded;
        self.released += other.released;
        self.mishaps.iter_mut().zip(other.mishaps).for_each(|(sum, more)| *sum += more);
    }
}

/// How a world went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The first thing wrong, if anything.
    pub violation: Option<Violation>,
    /// What happened, in figures.
    pub tally: Tally,
    /// A number that two runs share when the same happened in them.
    pub digest: u64,
    /// What happened, line by line, when it was to be told.
    pub story: Vec<String>,
}

/// Runs one world.
pub fn simulate(plan: &Plan, bug: Option<Bug>, telling: bool) -> Outcome {
    let mut world = World::new(plan, bug, telling);
    let violation = world.run().err();
    let (tally, digest) = (world.tally, world.digest);
    Outcome { violation, tally, digest, story: world.story.unwrap_or_default() }
}

/// A world in which something went wrong, cut down to what is needed for it.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed of the world.
    pub seed: u64,
    /// What is wrong.
    pub violation: Violation,
    /// How it came to that.
    pub story: Vec<String>,
}

/// How many worlds went.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// How many worlds.
    pub worlds: u64,
    /// What happened in all of them.
    pub tally: Tally,
    /// The worlds' digests, combined.
    pub digest: u64,
    /// In how many worlds something went wrong.
    pub violations: u64,
    /// The first of them.
    pub failure: Option<Failure>,
}

/// Runs worlds until so many lives were lived, on all processors; `progress` is called now and then with the lives so
/// far. Which worlds they are depends on the seed and the number alone.
pub fn simulate_many(seed: u64, lives: u64, bug: Option<Bug>, progress: impl Fn(u64) + Sync) -> Summary {
    let worlds = lives.div_ceil(u64::from(LIVES_OF_A_WORLD));
    let (next, summary) = (AtomicU64::new(0), Mutex::new(Summary::default()));
    let first_wrong = AtomicU64::new(u64::MAX);
    let work = || {
        loop {
            let world = next.fetch_add(1, Ordering::Relaxed);
            // A planted bug needs to be noticed only once.
            let noticed = bug.is_some() && first_wrong.load(Ordering::Relaxed) < world;
            if world >= worlds || noticed {
                return;
            }
            let outcome = simulate(&draw_plan(mix(seed ^ mix(world)), LIVES_OF_A_WORLD), bug, false);
            if outcome.violation.is_some() {
                first_wrong.fetch_min(world, Ordering::Relaxed);
            }
            let mut summary = summary.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            summary.worlds += 1;
            summary.tally += outcome.tally;
            summary.violations += u64::from(outcome.violation.is_some());
            summary.digest = summary.digest.wrapping_add(mix(outcome.digest ^ world));
            if summary.worlds.is_multiple_of(256) {
                progress(summary.tally.lives);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let mut summary = summary.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    summary.failure = match first_wrong.into_inner() {
        u64::MAX => None,
        world => explain(mix(seed ^ mix(world)), bug),
    };
    summary
}

fn explain(seed: u64, bug: Option<Bug>) -> Option<Failure> {
    let plan = shrink(draw_plan(seed, LIVES_OF_A_WORLD), bug);
    let told = simulate(&plan, bug, true);
    Some(Failure { seed, violation: told.violation?, story: shorten(told.story) })
}

/// How many lines of a story's beginning and of its end are told.
const BEGINNING: usize = 20;
const ENDING: usize = 60;

/// Leaves out the middle of a long story: attempt after attempt at a merchant that is away.
fn shorten(mut story: Vec<String>) -> Vec<String> {
    if story.len() > BEGINNING + ENDING {
        let left_out = BEGINNING..story.len() - ENDING;
        let (count, at) = (left_out.len(), story[left_out.start].split(' ').next().unwrap_or_default().to_owned());
        story.splice(left_out, [format!("{at} … and so on, {count} lines …")]);
    }
    story
}
