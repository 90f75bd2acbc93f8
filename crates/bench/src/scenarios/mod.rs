//! One file for each benchmark.

pub(crate) mod backlog;
pub(crate) mod checks;
pub(crate) mod compare;
mod due;
pub(crate) mod fan_out;
pub(crate) mod floor;
pub(crate) mod growth;
pub(crate) mod idle;
pub(crate) mod in_flight;
pub(crate) mod latency;
pub(crate) mod noisy;
pub(crate) mod pages;
pub(crate) mod recovery;
mod slow;
pub(crate) mod throughput;
mod time_pages;
