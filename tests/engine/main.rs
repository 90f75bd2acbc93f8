//! The whole path of a payment, through the real binary, in both modes: HTTP in, the database, the queue, HTTP out to a
//! real merchant, and what the API says of it.
//!
//! Cast: [`rig`]: one engine with a merchant, in either mode. [`checks`]: merchants are asked before
//! a payment. [`deliver`]: what a merchant answers and what becomes of
//! the delivery. [`health`]: a merchant that stops answering. [`intervene`]: what people do. [`panics`]: attempts that
//! make the worker panic. [`survive`]: deaths of the process and of the queue. [`abort_points`]: a death at each boundary
//! of a payment's walk. [`restore`]: the database is lost and an older copy takes its place. [`upgrade`]: the schema grows
//! and processes are exchanged under load. Both with a [`gateway`] that goes on handing in payments.

mod abort_points;
mod checks;
mod deliver;
mod dialects;
mod gateway;
mod health;
mod intervene;
mod panics;
mod restore;
mod rig;
mod survive;
mod upgrade;
