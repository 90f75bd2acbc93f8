//! What the tests run against: real servers, real processes, a real merchant. Nothing here outlives the test process,
//! even when that is killed.
//!
//! Cast:
//! - [`Postgres`], [`Redis`]: private servers on free ports, one [`Postgres::shared`] per test process or one's own,
//!   which can be killed and started again.
//! - [`Chromedriver`]: the driver of a real browser.
//! - [`Receiver`]: a merchant's HTTP server with a script of [`Reply`]s; it records every request.
//! - [`Engine`]: the real `paybell` binary, embedded or in production mode. [`Api`]: its HTTP API as a gateway calls it.

mod chromedriver;
mod client;
mod engine;
mod ports;
mod postgres;
mod receiver;
mod redis;
mod script;
mod server;
mod wait;
mod watchdog;

pub use chromedriver::Chromedriver;
pub use client::{Accepted, Answer, Api};
pub use engine::{Engine, EngineBuilder, paybell_binary};
pub use ports::free_port;
pub use postgres::Postgres;
pub use receiver::Receiver;
pub use redis::Redis;
pub use script::{CountBy, Reply, Request};
pub use wait::eventually;
