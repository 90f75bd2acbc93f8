//! Redis: does it answer, is it new enough, and does it keep what it was given.

use super::Check;
use anyhow::anyhow;
use paybell_config::Settings;
use paybell_queue::{RedisFacts, inspect_redis};
use secrecy::ExposeSecret;

const VERSION_MIN: u32 = 7;
const POLICY: &str = "noeviction";

/// All checks of the queue.
pub(crate) async fn checks(settings: &Settings) -> Vec<Check> {
    match &settings.redis_url {
        None => vec![Check::ok("queue", "in process")],
        Some(url) => match inspect_redis(url.expose_secret()).await {
            Ok(facts) => vec![version(&facts), eviction(&facts)],
            Err(error) => vec![Check::fail(
                "redis",
                format!("{:#}", anyhow!(error)),
                "check that Redis runs, and address and password in redis_url; deliveries wait meanwhile",
            )],
        },
    }
}

fn version(facts: &RedisFacts) -> Check {
    let found = format!("version {}", facts.version);
    if facts.major_version() >= VERSION_MIN {
        Check::ok("redis", found)
    } else {
        Check::fail("redis", found, "upgrade it to Redis 7 or Valkey")
    }
}

fn eviction(facts: &RedisFacts) -> Check {
    let limit = if facts.memory_max == 0 { "no limit".to_owned() } else { format!("{} bytes", facts.memory_max) };
    let found = format!("{}, memory: {limit}", facts.eviction_policy);
    if facts.eviction_policy == POLICY {
        Check::ok("redis policy", found)
    } else {
        let cure = "set maxmemory-policy noeviction: what Redis throws away is delivered later than it could be";
        Check::warn("redis policy", found, cure)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn old_servers_fail_and_evicting_ones_warn() {
        let facts = |version: &str, policy: &str| RedisFacts {
            version: version.to_owned(),
            eviction_policy: policy.to_owned(),
            memory_max: 0,
        };
        for (redis, policy, expected) in [
            ("7.0.15", "noeviction", [Status::Ok, Status::Ok]),
            ("6.2.1", "noeviction", [Status::Fail, Status::Ok]),
            ("8.0.0", "allkeys-lru", [Status::Ok, Status::Warn]),
            ("", "", [Status::Fail, Status::Warn]),
        ] {
            let facts = facts(redis, policy);
            assert_eq!([version(&facts).status, eviction(&facts).status], expected, "{redis} {policy}");
        }
    }
}
