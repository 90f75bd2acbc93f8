//! The scenarios by name. Each is bounded, asserts that its fault struck, and ends with the checker.
//!
//! Cast: `boundaries`: deaths at exactly one boundary of a payment's walk. `intake`: deaths of the API at any moment.
//! `database`: PostgreSQL and the way to it. `queue`: Redis and the way to it. `workers`: deaths and pauses of workers.
//! `backlogs`: much at once. `merchants`: what merchants do. `names`: name servers that fail. `clocks`: time that steps.
//! `panics`: handlers that panic. `upgrades`: processes that are exchanged under load.

mod backlogs;
mod boundaries;
mod clocks;
mod database;
mod intake;
mod merchants;
mod names;
mod panics;
mod queue;
mod upgrades;
mod workers;

use crate::report::Report;
use crate::room::Room;
use anyhow::Result;
use paybell_abort::AbortPoint;
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
    ($($name:literal $length:ident $run:path $([$point:ident])?: $about:literal),+ $(,)?) => {
        /// All scenarios.
        pub const SCENARIOS: &[Scenario] = &[$(Scenario {
            name: $name,
            about: $about,
            length: Length::$length,
            run: |room| Box::pin($run(room $(, AbortPoint::$point)?)),
        }),+];
    };
}

scenarios! {
    "F1" Short boundaries::dies_at [AcceptBegins]: "the API dies three times just before its commit (accept-begins)",
    "F2" Short boundaries::dies_at [AcceptCommitted]: "the API dies three times after its commit, before the answer (accept-committed)",
    "F3" Short boundaries::dies_at [EnqueueBegins]: "the API dies three times after its answer, before the enqueue (enqueue-begins)",
    "F3-queued" Short boundaries::dies_at [Enqueued]: "the API dies three times after the enqueue (enqueued)",
    "F3-dispatch" Short boundaries::dies_at [DispatchBegins]: "a dispatcher dies three times before it moves what is due (dispatch-begins)",
    "F3-moved" Short boundaries::dies_at [DispatchCommitted]: "a dispatcher dies three times after it moved what is due, before the enqueue (dispatch-committed)",
    "F1-F3-chance" Short intake::api_is_killed_again_and_again: "kill -9 of the API at random moments of its requests",
    "F1-F3-embedded" Short intake::embedded_is_killed_again_and_again: "kill -9 of an embedded engine under load",
    "F4" Short database::postgres_is_killed_in_a_burst: "kill -9 of PostgreSQL in the middle of a burst",
    "F5" Short database::postgres_is_killed_while_receivers_think: "kill -9 of PostgreSQL while workers await answers",
    "F6" Long database::postgres_is_a_black_hole: "the link to PostgreSQL swallows all for 60 s, without a reset",
    "F6-half" Long database::answers_of_postgres_are_swallowed: "only PostgreSQL's answers are swallowed, for 20 s",
    "F7" Short database::answers_to_commits_are_lost: "the link to PostgreSQL is reset while the answer to an intake's commit is in flight",
    "F7-before" Short database::commits_are_lost: "the link to PostgreSQL is reset as an intake's statement is sent; PostgreSQL never sees it",
    "F7-chance" Short database::link_is_cut_anywhere: "the link to PostgreSQL is reset at random bytes, again and again",
    "F7-cut" Short database::link_is_cut: "the link to PostgreSQL is cut for 3 s",
    "F8" Long database::disk_is_full: "PostgreSQL's disk is full, then has room again",
    "F9" Short database::unsafe_settings_are_refused: "fsync, full_page_writes or synchronous_commit off",
    "F10" Short queue::redis_is_killed_and_comes_back_empty: "kill -9 of Redis, and an empty one in its place",
    "F11" Short queue::redis_is_flushed: "FLUSHALL in the middle of a run, with a backlog",
    "F12-full" Short queue::redis_is_full: "Redis is out of memory under noeviction",
    "F12-down" Long queue::redis_is_down: "Redis is down for 120 s: 10 minutes, scaled",
    "F12-hole" Short queue::redis_is_a_black_hole: "the link to Redis swallows all for 4 s",
    "F13" Short queue::old_copy_is_restored: "an old copy of Redis is restored",
    "F14-fetched" Short boundaries::dies_at [ClaimBegins]: "a worker dies three times after its fetch, before its claim (claim-begins)",
    "F14" Short boundaries::dies_at [ClaimCommitted]: "a worker dies three times after its claim, before its POST (claim-committed)",
    "F14-chance" Short workers::workers_are_killed_in_turn: "kill -9 of workers between fetch and POST, at random moments",
    "F15" Short boundaries::dies_at [Answered]: "a worker dies three times after a receiver's 200 (answered)",
    "F15-record" Short boundaries::dies_at [RecordBegins]: "a worker dies three times just before a record (record-begins)",
    "F15-recorded" Short boundaries::dies_at [RecordCommitted]: "a worker dies three times after a record, before the queue knows (record-committed)",
    "F15-chance" Short workers::worker_is_killed_after_the_answer: "kill -9 of a worker just after receivers acknowledged",
    "F16" Short workers::worker_is_frozen: "SIGSTOP of a worker past its visibility, then SIGCONT",
    "F16-claim" Short workers::worker_is_frozen_within_its_claims: "SIGSTOP of a worker between its claims and its POSTs",
    "F17" Short queue::ids_are_repeated: "every id is again and again in Redis, with eight workers",
    "F18" Short workers::worker_drains: "SIGTERM with 100 in flight",
    "F19" Long backlogs::ten_thousand_at_once: "10,000 due at one instant, for four merchants",
    "F19-many" Long backlogs::hundred_thousand_at_once: "100,000 due at one instant",
    "F20" Long backlogs::merchant_comes_back: "100,000 waiting for one merchant that was away",
    "F21" Short clocks::clock_is_two_hours_off: "the processes' clock is 2 h off the database's",
    "F21-step" Long clocks::clock_steps: "the database's clock steps by 5 minutes",
    "F22" Short merchants::all_is_down_across_the_deadline: "everything is down across the deadline",
    "F23" Short merchants::acknowledgement_comes_too_late: "the acknowledgement comes after the deadline",
    "F24" Short merchants::receivers_break_the_protocol: "hangs, drips, resets after the headers and within the body",
    "F24-embedded" Short merchants::receivers_break_the_protocol_embedded: "the same, embedded",
    "F25" Short merchants::receivers_alternate: "wrong bodies, 500, 410, 429 with Retry-After of a year",
    "F26" Short merchants::names_do_not_resolve: "names that do not resolve; others are unaffected",
    "F26-dns" Long names::name_servers_fail: "SERVFAIL, NXDOMAIN, and name servers that never answer; others are unaffected",
    "F27" Long backlogs::one_merchant_times_out: "50,000 waiting for a merchant whose every attempt times out at 30 s; the others' p99",
    "F28" Short panics::handler_panics: "a job that makes its handler panic three times; the worker lives",
    "F29" Long upgrades::processes_are_exchanged_under_load: "a rolling restart of every process under load",
    "I13" Short merchants::people_act_under_faults: "people settle, resend, pause and resume while the link is reset",
}

/// The scenario of this name.
pub fn by_name(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name.eq_ignore_ascii_case(name))
}
