//! Fault injection: the real engine under faults, and a checker of what it promises.
//!
//! Cast:
//! - [`cluster`]: the engine's processes by a [`layout`], and the servers behind a [`proxy`] each that can be made to misbehave;
//!   `pg_watch` tells it the moment of a commit, `make_trouble` notes what was done to whom. `dns`: a name server that fails.
//! - [`sender`]: the gateway; [`receiver`]: the merchants with a [`behaviour`] each. Both note all on disk before they go on ([`evidence`]).
//! - [`dump`]: reads the database past the engine. [`asked`]: what the engine says of itself at the end.
//! - [`checker`], `invariants`: set algebra over what was noted. [`troubles`], `leeway`: what was in trouble when, and how
//!   much later than promised that lets something be.
//! - [`stage`], `end_stage`: all of it for one scenario; [`scenarios`]: those with a name; [`plan`], [`random`]: those by a seed.
//! - [`planted`]: the checker on trial against bugs that are planted in the engine.
//! - [`room`]: where each run keeps its logs. [`run`]: runs them and says how far they are; [`report`]: what came of one.

mod ask_engine;
pub mod asked;
pub mod behaviour;
pub mod checker;
pub mod cluster;
mod dns;
pub mod dump;
mod end_stage;
pub mod evidence;
mod invariants;
pub mod layout;
mod leeway;
mod make_trouble;
mod pg_watch;
pub mod plan;
pub mod planted;
mod planted_scene;
pub mod planted_table;
pub mod proxy;
pub mod random;
pub mod receiver;
pub mod report;
pub mod room;
pub mod run;
pub mod scenarios;
pub mod sender;
pub mod stage;
pub mod troubles;
mod verify;
