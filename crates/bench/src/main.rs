//! Measures Paybell on one machine: the real binary, private PostgreSQL and Redis, a load generator and a sink.
//!
//! Cast:
//! - [`load`]: sends payments over keep-alive connections, held back so that no backlog grows.
//! - [`sink`]: the merchants' receiver: answers 200 at once and counts.
//! - [`processor_time`]: what each process spent, from the kernel's accounting.
//! - [`throughput`]: puts them together and reports.

mod load;
mod processor_time;
mod sink;
mod throughput;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(version, about = "Measures Paybell on this machine; traffic stays on loopback, and it stops by itself.")]
struct Arguments {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Subcommand)]
enum Benchmark {
    /// Sustained deliveries per second, from the gateway's request to the merchant's recorded acknowledgement.
    Throughput(throughput::Options),
}

#[tokio::main]
async fn main() -> Result<()> {
    match Arguments::parse().benchmark {
        Benchmark::Throughput(options) => throughput::run(options).await,
    }
}
