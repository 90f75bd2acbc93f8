//! Whole lives of deliveries, simulated by the hundred thousand: accept, dispatch, claim, attempt, record, crash and
//! expiry, over the pure domain and a model of the ledger, with virtual time and from a seed. The same seed gives the
//! same worlds on every machine.
//!
//! Cast:
//! - [`model`]: what the ledger promises. The same random histories run on it and on the real ledgers, so that the
//!   simulation is of the code that runs.
//! - [`plan`]: what goes wrong, and when; [`draw_plan`] draws it from a seed, [`shrink`] cuts it down.
//! - `world`: gateways, queue, workers, dispatchers, merchants and people. `invariants`: watches them.
//! - [`simulate`]: one world from beginning to end. [`simulate_many`]: worlds until so many lives were lived.
//! - [`Bug`]: planted defects, for tests of the checker.

mod bug;
mod dice;
mod draw_plan;
mod invariants;
pub mod model;
pub mod plan;
mod shrink;
mod simulate;
mod world;

pub use bug::Bug;
pub use dice::Dice;
pub use draw_plan::draw_plan;
pub use invariants::Violation;
pub use shrink::shrink;
pub use simulate::{Failure, Outcome, Summary, Tally, simulate, simulate_many};
