//! Measures Paybell on one machine: the real binary, private PostgreSQL and Redis, a load generator and a sink. The
//! README says how to run each benchmark and what its figures mean.
//!
//! Cast:
//! - [`mod@bench`]: what all benchmarks share: set-up, traffic, measuring, settling, reporting. [`options`]: their options.
//! - [`stack`]: the engine's processes and their servers. [`database`]: what is asked of PostgreSQL besides.
//! - [`send_payments`]: the gateway. [`pace`]: when it sends. [`ask_checks`]: its questions before payments. [`sink`]: the merchants. [`ledger`]: what was sent and arrived, and when.
//!   [`payment`]: the body. [`create_merchants`]: makes the merchants through the API.
//! - [`processor_time`], [`account`]: what each process spent, from the kernel's accounting. [`disturbances`]: when what
//!   the machine did says nothing of it: [`stolen_time`], [`slow_processors`], [`stalled_disk`].
//! - [`figures`], [`page_times`], [`to_alone`], [`report`]: what comes out. [`generate`], [`generate_history`]: millions of deliveries
//!   straight into the database.
//! - [`alternate`]: spans in turn, with and without something. [`visit_pages`], [`look_on`]: people at the pages.
//! - [`mod@floor`]: the bare handler that the engine is compared with. [`scenarios`]: one file for each benchmark.

mod account;
mod alternate;
mod ask_checks;
mod bench;
mod create_merchants;
mod database;
mod disturbances;
mod figures;
mod floor;
mod generate;
mod generate_history;
mod ledger;
mod look_on;
mod options;
mod pace;
mod page_times;
mod paired;
mod paused_processors;
mod payment;
mod processor_time;
mod report;
mod scenarios;
mod send_payments;
mod sink;
mod slow_processors;
mod stack;
mod stalled_disk;
mod stolen_time;
mod to_alone;
mod visit_pages;
mod watch_dispatch;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use options::Options;
use scenarios::{
    backlog, checks, compare, fan_out, floor as floor_scenario, growth, idle, in_flight, latency, noisy, pages,
    recovery, throughput,
};
use std::time::Duration;

#[derive(Parser)]
#[command(version, about = "Measures Paybell on this machine; traffic stays on loopback, and it stops by itself.")]
struct Arguments {
    #[command(subcommand)]
    benchmark: Benchmark,
}

/// Defines the subcommands with the functions that run them.
macro_rules! benchmarks {
    ($($(#[doc = $words:literal])+ $variant:ident => $module:ident,)+) => {
        #[derive(Subcommand)]
        enum Benchmark {
            $($(#[doc = $words])+ $variant($module::Arguments),)+
            /// The bare handler; `floor` starts it as a process of its own.
            #[command(hide = true)]
            ServeFloor(floor::serve::Arguments),
        }

        impl Benchmark {
            fn options(&self) -> Option<&Options> {
                match self {
                    $(Benchmark::$variant(arguments) => Some(&arguments.options),)+
                    Benchmark::ServeFloor(_) => None,
                }
            }

            async fn run(self) -> Result<()> {
                match self {
                    $(Benchmark::$variant(arguments) => $module::run(arguments).await,)+
                    Benchmark::ServeFloor(arguments) => floor::serve::serve(arguments).await,
                }
            }
        }
    };
}

benchmarks! {
    /// Sustained deliveries a second, from the gateway's request to the recorded acknowledgement.
    Throughput => throughput,
    /// Accept to receiver at fixed rates, open loop.
    Latency => latency,
    /// Half of the traffic goes to receivers that hang, or one endpoint is slow (--slow).
    Noisy => noisy,
    /// Millions of deliveries wait for later retries, or a hundred thousand come due at one instant (--due).
    Backlog => backlog,
    /// A merchant is back after an outage with a hundred thousand deliveries waiting.
    Recovery => recovery,
    /// The limit to compare with: a bare handler that does only what cannot be left out.
    Floor => floor_scenario,
    /// One payment to ten endpoints, a hundred thousand endpoints in all.
    FanOut => fan_out,
    /// Receivers that take their time: how much is in flight in one worker, and what it costs in memory.
    InFlight => in_flight,
    /// Questions before payments, a tenth of the merchants hanging, beside deliveries.
    Checks => checks,
    /// Pages with ten million deliveries stored: how long each takes, and what people who look cost the deliveries.
    Pages => pages,
    /// Nothing to do: what that costs, and how soon a single payment is picked up.
    Idle => idle,
    /// The cost of a delivery at first, and after millions were delivered.
    Growth => growth,
    /// Production, embedded, and several processes, with the floor, in one run.
    Compare => compare,
}

#[tokio::main]
async fn main() -> Result<()> {
    let benchmark = Arguments::parse().benchmark;
    let minutes = benchmark.options().map_or(24 * 60, |options| options.give_up_minutes);
    let limit = Duration::from_secs(minutes * 60);
    tokio::time::timeout(limit, benchmark.run()).await.context("the benchmark took too long and was given up")?
}
