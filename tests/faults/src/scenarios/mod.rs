//! The scenarios by name. Each is bounded, asserts that its fault struck, and ends with the checker.
//!
//! Cast: `intake`: deaths of the API. `database`: PostgreSQL and the way to it. `queue`: Redis and the way to it.
//! `workers`: deaths and pauses of workers. `backlogs`: much at once. `merchants`: what merchants do. `clocks`:
//! time that steps. `upgrades`: processes that are exchanged under load.

mod backlogs;
mod clocks;
mod database;
mod intake;
mod merchants;
mod queue;
mod upgrades;
mod workers;

use crate::report::Report;
use crate::stage::Room;
use anyhow::Result;
use serde::Serialize;
use std::pin::Pin;

/// How long a scenario takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Length {
    /// About 15 s.
    Short,
    /// A minute or more.
    Long,
}

/// It stays on the thread that runs it.
type Running = Pin<Box<dyn Future<Output = Result<Report>>>>;

/// A scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name: `F4`.
    pub name: &'static str,
    /// What happens in it.
    pub about: &'static str,
    /// How long it takes.
    pub length: Length,
    /// Runs it.
    pub run: fn(Room) -> Running,
}

macro_rules! scenarios {
    ($($name:literal $length:ident $run:path: $about:literal),+ $(,)?) => {
        /// All scenarios.
        pub const SCENARIOS: &[Scenario] = &[$(Scenario {
            name: $name,
            about: $about,
            length: Length::$length,
            run: |room| Box::pin($run(room)),
        }),+];
    };
}

scenarios! {
    "F1-F3" Short intake::api_is_killed_again_and_again: "kill -9 of the API at random moments of its requests",
    "F1-F3-embedded" Short intake::embedded_is_killed_again_and_again: "kill -9 of an embedded engine under load",
    "F4" Short database::postgres_is_killed_in_a_burst: "kill -9 of PostgreSQL in the middle of a burst",
    "F5" Short database::postgres_is_killed_while_receivers_think: "kill -9 of PostgreSQL while workers await answers",
    "F6" Long database::postgres_is_a_black_hole: "the link to PostgreSQL swallows all for 20 s, without a reset",
    "F6-half" Long database::answers_of_postgres_are_swallowed: "only PostgreSQL's answers are swallowed, for 20 s",
    "F7" Short database::link_is_cut_during_commits: "the link to PostgreSQL is reset within its answers, again and again",
    "F7-cut" Short database::link_is_cut: "the link to PostgreSQL is cut for 3 s",
    "F8" Long database::disk_is_full: "PostgreSQL's disk is full, then has room again",
    "F9" Short database::unsafe_settings_are_refused: "fsync, full_page_writes or synchronous_commit off",
    "F10" Short queue::redis_is_killed_and_comes_back_empty: "kill -9 of Redis, and an empty one in its place",
    "F11" Short queue::redis_is_flushed: "FLUSHALL in the middle of a run, with a backlog",
    "F12-full" Short queue::redis_is_full: "Redis is out of memory under noeviction",
    "F12-down" Long queue::redis_is_down: "Redis is down for 60 s",
    "F12-hole" Short queue::redis_is_a_black_hole: "the link to Redis swallows all for 4 s",
    "F13" Short queue::old_copy_is_restored: "an old copy of Redis is restored",
    "F14" Short workers::workers_are_killed_in_turn: "kill -9 of workers between fetch and POST, at random moments",
    "F15" Short workers::worker_is_killed_after_the_answer: "kill -9 of a worker just after receivers acknowledged",
    "F16" Short workers::worker_is_frozen: "SIGSTOP of a worker past its visibility, then SIGCONT",
    "F16-claim" Short workers::worker_is_frozen_within_its_claims: "SIGSTOP of a worker between its claims and its POSTs",
    "F17" Short queue::ids_are_repeated: "every id is again and again in Redis, with eight workers",
    "F18" Short workers::worker_drains: "SIGTERM with 100 in flight",
    "F19" Long backlogs::ten_thousand_at_once: "10,000 due at one instant, for four merchants",
    "F19-many" Long backlogs::hundred_thousand_at_once: "100,000 due at one instant",
    "F20" Long backlogs::merchant_comes_back: "5,000 waiting for one merchant that was away",
    "F21" Short clocks::clock_is_two_hours_off: "the processes' clock is 2 h off the database's",
    "F21-step" Long clocks::clock_steps: "the database's clock steps by 5 minutes",
    "F22" Short merchants::all_is_down_across_the_deadline: "everything is down across the deadline",
    "F23" Short merchants::acknowledgement_comes_too_late: "the acknowledgement comes after the deadline",
    "F24" Short merchants::receivers_break_the_protocol: "hangs, drips, resets after the headers and within the body",
    "F24-embedded" Short merchants::receivers_break_the_protocol_embedded: "the same, embedded",
    "F25" Short merchants::receivers_alternate: "wrong bodies, 500, 410, 429 with Retry-After of a year",
    "F26" Short merchants::names_do_not_resolve: "names that do not resolve; others are unaffected",
    "F27" Long backlogs::one_merchant_times_out: "3,000 waiting for a merchant whose every attempt times out",
    "F29" Long upgrades::processes_are_exchanged_under_load: "a rolling restart of every process under load",
    "I13" Short merchants::people_act_under_faults: "people settle, resend, pause and resume while the link is reset",
}

/// The scenario of this name.
pub fn by_name(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name.eq_ignore_ascii_case(name))
}
