//! The delivery engine's domain: what a payment, a delivery and an attempt are, when the next attempt is due, and
//! what an attempt's outcome means. No clock, no input or output, no async: `now` and the jitter are arguments.
//!
//! Cast:
//! - [`Payment`]: what the gateway confirmed; immutable. [`Money`]: minor units and a [`Currency`].
//! - [`Endpoint`]: a merchant's URL with its dialect, cap and limits.
//! - [`Delivery`]: the promise to tell one endpoint of one payment by a deadline, and its [`State`].
//! - [`Attempt`]: one POST and its [`Outcome`]. [`Job`]: the little that travels through the queue.
//! - [`Check`]: the question before a payment, with the merchant's answer.
//! - [`Seen`], [`Streak`]: failures in a row, by which an endpoint counts as [`Failing`]; [`probe_after`], [`release_limit`]: how it
//!   is let back in.
//! - [`Schedule`]: the delays between attempts, clamped by the deadline. [`decide`]: outcome → [`Decision`].
//!
//! ```text
//!               ┌────────── retry: due_at moves forward ──────────┐
//!  accept ──► pending ──attempt──► acknowledged ──► delivered     │
//!               │  │  └──attempt──► not acknowledged ─────────────┘
//!               │  └──attempt──► refused ──────────► undelivered (refused | refused after an unknown outcome)
//!               ├─────deadline passes──────────────► undelivered (expired)      │
//!               └─────a person settles─────────────► settled ◄──a person settles┘
//! ```

mod attempt;
mod check;
mod decide;
mod delivery;
mod endpoint;
mod health;
mod ids;
mod money;
mod payment;
mod schedule;
mod time;

pub use attempt::{Attempt, Outcome};
pub use check::{Check, CheckAnswer, CheckQuestion};
pub use decide::{Decision, PANICS_MAX, Situation, decide};
pub use delivery::{Delivery, Job, Reason, State};
pub use endpoint::{Endpoint, EndpointOptions, Pause, ReplySignature};
pub use health::{Failing, RELEASE_EVERY, Seen, Sign, Streak, probe_after, release_limit};
pub use ids::{CheckId, DeliveryId, EndpointId, MerchantId, PaymentId, UnknownWord};
pub use money::{Currency, Money, UnknownCurrency};
pub use payment::Payment;
pub use schedule::{ATTEMPTS_KEPT_MIN, LIFETIME_MAX, Schedule, ScheduleError};
pub use time::Timestamp;
