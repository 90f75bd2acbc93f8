//! Fault injection: the real engine under faults, and a checker of what it promises.
//!
//! Cast:
//! - [`cluster`]: the engine's processes by a [`layout`], and the servers behind a [`proxy`] each that can be made to misbehave.
//! - [`sender`]: the gateway; [`receiver`]: the merchants with a [`behaviour`] each. Both note all on disk before they go on ([`evidence`]).
//! - [`dump`]: reads the database past the engine.
//! - [`checker`], `invariants`: set algebra over what was noted.
//! - [`stage`]: all of it for one scenario; [`scenarios`]: those with a name; [`plan`], [`random`]: those by a seed.
//! - [`run`]: runs them and says how far they are; [`report`]: what came of one.

pub mod behaviour;
pub mod checker;
pub mod cluster;
pub mod dump;
pub mod evidence;
mod invariants;
pub mod layout;
pub mod plan;
pub mod proxy;
pub mod random;
pub mod receiver;
pub mod report;
pub mod run;
pub mod scenarios;
pub mod sender;
pub mod stage;
mod verify;
