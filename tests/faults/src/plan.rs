//! A random run's plan: the seed decides what strikes when, and how much load there is.

use crate::proxy::Fault;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::fmt;
use std::time::Duration;

/// What strikes, and where. Faults of one place never overlap; those of different places do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Strike {
    /// A process is killed; it is started again at the end.
    Kill(String),
    /// A process is stopped without its knowledge; it goes on at the end.
    Freeze(String),
    /// A process is asked to end; it is started again at the end.
    Terminate(String),
    /// PostgreSQL is killed; it is started again at the end.
    KillPostgres,
    /// Redis is killed; an empty one is started at the end.
    KillRedis,
    /// Redis loses everything.
    FlushRedis,
    /// The link to PostgreSQL misbehaves.
    LinkToPostgres(Fault),
    /// The link to Redis misbehaves.
    LinkToRedis(Fault),
    /// The merchants break in all ways in turn.
    SickMerchants,
}

/// A fault with its time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// When it strikes.
    pub at: Duration,
    /// For how long.
    pub lasts: Duration,
    /// What.
    pub strike: Strike,
}

/// A plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The seed that made it.
    pub seed: u64,
    /// For how long there are faults.
    pub length: Duration,
    /// Payments a second.
    pub per_second: u32,
    /// How many merchants there are.
    pub merchants: u32,
    /// What strikes, in the order of time.
    pub steps: Vec<Step>,
}

/// The places where something can strike; faults of one place follow each other.
const PLACES: [&str; 9] =
    ["api-1", "api-2", "worker-1", "worker-2", "dispatcher-1", "dispatcher-2", "postgres", "redis", "merchants"];

impl Plan {
    /// The plan of a seed: the same seed and length give the same plan.
    pub fn new(seed: u64, length: Duration) -> Plan {
        let mut chance = StdRng::seed_from_u64(seed);
        let (per_second, merchants) = (chance.random_range(30..=150), chance.random_range(1..=6));
        let mut steps = Vec::new();
        for place in PLACES {
            let mut at = Duration::from_millis(chance.random_range(0..12_000));
            while at < length {
                let (strike, lasts_ms) = strike(place, &mut chance);
                let lasts = Duration::from_millis(lasts_ms);
                if at + lasts <= length {
                    steps.push(Step { at, lasts, strike });
                }
                at += lasts + Duration::from_millis(chance.random_range(2_000..20_000));
            }
        }
        steps.sort_by_key(|step| step.at);
        Plan { seed, length, per_second, merchants, steps }
    }
}

/// One fault of a place, and how long it lasts, in ms.
fn strike(place: &str, chance: &mut StdRng) -> (Strike, u64) {
    let bytes = chance.random_range(200..6_000);
    // Redis says little to one connection: so few bytes pass also while most processes are down.
    let bytes = if place == "redis" { bytes / 20 } else { bytes };
    let delay = Duration::from_millis(chance.random_range(5..300));
    let kind: u32 = chance.random_range(0..100);
    let link = match kind % 6 {
        0 => Fault::Cut,
        1 => Fault::Delay(delay),
        2 => Fault::Blackhole,
        3 => Fault::HalfOpen,
        4 => Fault::ResetAfterReply(bytes),
        _ => Fault::ResetAfterRequest(bytes),
    };
    let strike = match (place, kind) {
        ("postgres", 0..25) => Strike::KillPostgres,
        ("postgres", _) => Strike::LinkToPostgres(link),
        ("redis", 0..20) => Strike::KillRedis,
        ("redis", 20..40) => Strike::FlushRedis,
        ("redis", _) => Strike::LinkToRedis(link),
        ("merchants", _) => Strike::SickMerchants,
        (_, 0..60) => Strike::Kill(place.to_owned()),
        (_, 60..80) => Strike::Terminate(place.to_owned()),
        _ => Strike::Freeze(place.to_owned()),
    };
    let lasts_ms = match strike {
        Strike::FlushRedis => 0,
        Strike::Freeze(_) => chance.random_range(500..12_000),
        // Long enough that something passes over the link, even at rest.
        Strike::LinkToPostgres(_) | Strike::LinkToRedis(_) => chance.random_range(2_500..9_000),
        _ => chance.random_range(0..4_000),
    };
    (strike, lasts_ms)
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, merchants) = (self.length.as_secs(), self.merchants);
        writeln!(f, "seed {}: {seconds} s, {} payments/s, {merchants} merchants", self.seed, self.per_second)?;
        for step in &self.steps {
            writeln!(
                f,
                "  {:7.1} s  for {:4.1} s  {:?}",
                step.at.as_secs_f64(),
                step.lasts.as_secs_f64(),
                step.strike
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(300);

    #[test]
    fn same_seed_gives_the_same_plan_and_another_another() {
        assert_eq!(Plan::new(7, LENGTH), Plan::new(7, LENGTH));
        assert_ne!(Plan::new(7, LENGTH).steps, Plan::new(8, LENGTH).steps);
    }

    #[test]
    fn faults_come_in_the_order_of_time_and_end_within_the_run() {
        for seed in 0..50 {
            let plan = Plan::new(seed, LENGTH);
            assert!(plan.steps.is_sorted_by_key(|step| step.at));
            assert!(plan.steps.iter().all(|step| step.at + step.lasts <= LENGTH));
            assert!(plan.steps.len() > 50, "{plan}");
        }
    }

    #[test]
    fn every_kind_of_fault_is_planned_by_some_seed() {
        let plans: Vec<Plan> = (0..20).map(|seed| Plan::new(seed, LENGTH)).collect();
        let words: String = plans.iter().map(ToString::to_string).collect();
        for kind in ["Kill(", "Freeze", "Terminate", "KillPostgres", "KillRedis", "FlushRedis", "SickMerchants"] {
            assert!(words.contains(kind), "{kind}");
        }
        for kind in ["Cut", "Delay", "Blackhole", "HalfOpen", "ResetAfterReply", "ResetAfterRequest"] {
            assert!(words.contains(&format!("LinkToPostgres({kind}")), "{kind}");
        }
    }
}
