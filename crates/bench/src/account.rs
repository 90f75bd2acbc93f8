//! Readings of all clocks and counters, and what was spent between two of them.

use crate::ledger::{Group, Ledger};
use crate::processor_time::{Machine, Processes};
use serde::Serialize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// The processes whose time is accounted for. Each is a child of this one.
pub(crate) struct Pids {
    pub(crate) engine: Vec<u32>,
    pub(crate) postgres: Option<u32>,
    pub(crate) redis: Option<u32>,
}

/// Something whose throughput is measured.
pub(crate) trait Measured {
    /// Its processes.
    fn pids(&self) -> Pids;

    /// How many acknowledgements it has recorded; nothing when only the sink can tell.
    async fn recorded(&self) -> Option<f64>;
}

/// A reading. Times are in µs.
pub(crate) struct Reading {
    at: Instant,
    /// The same in µs since the run's start.
    pub(crate) at_us: u64,
    engine: u64,
    postgres: u64,
    redis: u64,
    /// The load generator and the sink.
    bench: u64,
    machine: Machine,
    recorded: Option<f64>,
    /// What arrived of each group, and of what was generated.
    received: [u64; 2],
    stock: u64,
    /// How many payments had been sent, in all groups.
    pub(crate) sent: usize,
}

impl Reading {
    pub(crate) async fn take(measured: &impl Measured, ledger: &Ledger) -> Self {
        let recorded = measured.recorded().await;
        let processes = Processes::read();
        let pids = measured.pids();
        let engine = pids.engine.iter().map(|pid| processes.tree_us(*pid)).sum::<u64>();
        let [postgres, redis] = [pids.postgres, pids.redis].map(|pid| pid.map_or(0, |pid| processes.tree_us(pid)));
        // What is measured are children of this process, so its tree holds all of them.
        let all = processes.tree_us(std::process::id());
        Self {
            at: Instant::now(),
            at_us: ledger.now_us(),
            engine,
            postgres,
            redis,
            bench: all.saturating_sub(engine + postgres + redis),
            machine: Machine::read(),
            recorded,
            received: [Group::Healthy, Group::Troubled].map(|group| ledger.of(group).delivered.load(Relaxed)),
            stock: ledger.stock.delivered.load(Relaxed),
            sent: ledger.sent(),
        }
    }

    /// What happened from this reading to a later one.
    pub(crate) fn until(&self, later: &Reading, group: Group) -> Spent {
        let seconds = later.at.duration_since(self.at).as_secs_f64().max(1e-3);
        let arrived = |reading: &Reading| reading.received.iter().sum::<u64>() + reading.stock;
        let received_all = (arrived(later) - arrived(self)) as f64;
        let received = later.received[group as usize] - self.received[group as usize];
        let deliveries = match (self.recorded, later.recorded) {
            (Some(before), Some(after)) => after - before,
            _ => received_all,
        };
        let spent = |before: u64, after: u64| after.saturating_sub(before) as f64;
        let (engine, bench) = (spent(self.engine, later.engine), spent(self.bench, later.bench));
        let (postgres, redis) = (spent(self.postgres, later.postgres), spent(self.redis, later.redis));
        let all = engine + postgres + redis;
        let machine = spent(self.machine.busy_us, later.machine.busy_us).max(1.0);
        let stolen = spent(self.machine.stolen_us, later.machine.stolen_us);
        let each = |us: f64| us / deliveries.max(1.0);
        Spent {
            seconds,
            deliveries_per_s: deliveries / seconds,
            received_per_s: received as f64 / seconds,
            cpu_us_per_delivery: ProcessorTime {
                engine: each(engine),
                postgres: each(postgres),
                redis: each(redis),
                all: each(all),
                bench: each(bench),
            },
            engine_share: engine / (seconds * 1e6),
            all_share: all / (seconds * 1e6),
            others_share: ((machine - all - bench) / machine).max(0.0),
            stolen_share: stolen / machine,
        }
    }
}

/// What happened between two readings.
#[derive(Clone, Serialize, Default, Debug)]
pub(crate) struct Spent {
    pub(crate) seconds: f64,
    /// Acknowledgements recorded.
    pub(crate) deliveries_per_s: f64,
    /// Arrivals at the merchants of the stream that is measured.
    pub(crate) received_per_s: f64,
    pub(crate) cpu_us_per_delivery: ProcessorTime,
    /// Processor time of the engine, as a part of one core.
    pub(crate) engine_share: f64,
    /// The same with PostgreSQL and Redis.
    pub(crate) all_share: f64,
    /// Processor time spent by neither Paybell, its servers nor this benchmark, as a part of the machine's busy time.
    pub(crate) others_share: f64,
    /// What of that a virtual machine's host had.
    pub(crate) stolen_share: f64,
}

/// Processor time for each delivery, in µs.
#[derive(Clone, Serialize, Default, Debug)]
pub(crate) struct ProcessorTime {
    pub(crate) engine: f64,
    pub(crate) postgres: f64,
    pub(crate) redis: f64,
    pub(crate) all: f64,
    /// The load generator's and the sink's own, not part of `all`.
    pub(crate) bench: f64,
}
