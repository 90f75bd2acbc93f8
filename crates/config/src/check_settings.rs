//! The rules that settings obey on their own and together.

use crate::duration::text;
use crate::{ConfigError, Loaded, Mode, Problem};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use paybell_delivery::{ATTEMPTS_KEPT_MIN, LIFETIME_MAX, ScheduleError};
use secrecy::ExposeSecret;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// How much longer than an attempt a claim must hold, so that its record finds the claim still standing.
const VISIBILITY_MARGIN: Duration = Duration::from_secs(5);

/// The most that attempts are kept for: a partition a day, so some thousands of tables.
const ATTEMPTS_KEPT_MAX: Duration = Duration::from_secs(3650 * 24 * 3600);

/// Checks all rules.
///
/// # Errors
/// All the problems at once.
pub(crate) fn check(loaded: &Loaded) -> Result<(), ConfigError> {
    let mut checker = Checker { loaded, problems: Vec::new() };
    checker.check_connections();
    checker.check_times();
    checker.check_counts();
    checker.check_portal();
    if checker.problems.is_empty() { Ok(()) } else { Err(ConfigError::Problems(checker.problems)) }
}

struct Checker<'a> {
    loaded: &'a Loaded,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn check_connections(&mut self) {
        let s = &self.loaded.settings;
        let is_address = |url: &String| {
            let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(['?', '#', '@', ' ']))
        };
        self.require("public_url", s.public_url.as_ref().is_none_or(is_address), || {
            "it must begin with https:// or http://, such as https://paybell.example, without a query".to_owned()
        });
        self.require("roles", !s.roles.is_empty(), || "it must name at least one role".to_owned());
        let database = s.database_url.as_ref().map(|url| url.expose_secret());
        let is_postgres = database.is_none_or(|url| url.starts_with("postgres://") || url.starts_with("postgresql://"));
        self.require("database_url", is_postgres, || {
            "it must begin with postgres:// (leave it out to run embedded, on SQLite)".to_owned()
        });
        let redis = s.redis_url.as_ref().map(|url| url.expose_secret());
        let redis_schemes = ["redis://", "rediss://", "unix://", "redis+unix://"];
        let is_redis = redis.is_none_or(|url| redis_schemes.iter().any(|scheme| url.starts_with(scheme)));
        self.require("redis_url", is_redis, || "it must begin with redis://".to_owned());
        let queue_needed = s.mode() == Mode::Production;
        self.require("redis_url", redis.is_some() || !queue_needed, || "it is needed with database_url".to_owned());
        self.require("redis_url", redis.is_none() || database.is_some(), || {
            "it has no use without database_url: an embedded Paybell keeps its queue in process".to_owned()
        });
        let prefix_ok = !s.redis_prefix.is_empty() && !s.redis_prefix.contains(['{', '}', ' ']);
        self.require("redis_prefix", prefix_ok, || "it must not be empty nor hold spaces or braces".to_owned());
        self.check_master_key();
    }

    fn check_master_key(&mut self) {
        let s = &self.loaded.settings;
        let key = s.master_key.as_ref().map(|key| STANDARD.decode(key.expose_secret().trim()));
        let is_key = key.is_none_or(|bytes| bytes.is_ok_and(|bytes| bytes.len() == 32));
        self.require("master_key", is_key, || {
            "it must be 32 bytes in base64; make one with: head -c 32 /dev/urandom | base64".to_owned()
        });
        self.require("master_key_file", s.master_key.is_none() || s.master_key_file.is_none(), || {
            "it must not be given together with master_key".to_owned()
        });
    }

    fn check_times(&mut self) {
        let s = &self.loaded.settings;
        let second = Duration::from_secs(1);
        self.require("lifetime", (second..=LIFETIME_MAX).contains(&s.lifetime), || {
            format!("it is {}, it must be from 1s to {}", text(s.lifetime), text(LIFETIME_MAX))
        });
        if let Err(error) = s.schedule().validate() {
            let key = match error {
                ScheduleError::Initial(_) => "retry_initial",
                ScheduleError::Factor(_) => "retry_factor",
                ScheduleError::Cap { .. } => "retry_cap",
                ScheduleError::Jitter(_) => "retry_jitter",
            };
            self.require(key, false, || error.to_string());
        }
        let limits = Duration::from_millis(100)..=Duration::from_secs(300);
        self.require("time_limit", limits.contains(&s.time_limit), || {
            format!("it is {}, it must be from 100ms to 5m", text(s.time_limit))
        });
        let visibility_min = s.time_limit + VISIBILITY_MARGIN;
        self.require("visibility", s.visibility >= visibility_min, || {
            let is = text(s.visibility);
            format!("it is {is}, it must be at least time_limit + 5s, which is {}", text(visibility_min))
        });
        let patience = Duration::from_millis(100)..=Duration::from_secs(3600);
        self.require("failing_after", patience.contains(&s.failing_after), || {
            format!("it is {}, it must be from 100ms to 1h", text(s.failing_after))
        });
        let graces = Duration::from_millis(100)..=Duration::from_secs(3600);
        self.require("grace", graces.contains(&s.grace), || {
            format!("it is {}, it must be from 100ms to 1h", text(s.grace))
        });
        let answers = Duration::from_secs(1)..=Duration::from_secs(30);
        self.require("check_time_limit", answers.contains(&s.check_time_limit), || {
            format!("it is {}, it must be from 1s to 30s", text(s.check_time_limit))
        });
        let keys = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
        self.require("check_key_kept_for", keys.contains(&s.check_key_kept_for), || {
            format!("it is {}, it must be from 1s to 1d", text(s.check_key_kept_for))
        });
        let keeps = ATTEMPTS_KEPT_MIN..=ATTEMPTS_KEPT_MAX;
        self.require("attempts_kept_for", keeps.contains(&s.attempts_kept_for), || {
            format!("it is {}, it must be from 7 to 3650 days, such as 90d", text(s.attempts_kept_for))
        });
    }

    fn check_portal(&mut self) {
        let s = &self.loaded.settings;
        let name_fits = |name: &String| (1..=64).contains(&name.chars().count()) && !name.contains(char::is_control);
        self.require("portal_name", s.portal_name.as_ref().is_none_or(name_fits), || {
            "it must have 1 to 64 characters".to_owned()
        });
        let is_colour = |colour: &String| {
            let digits = colour.strip_prefix('#').unwrap_or_default();
            digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        };
        self.require("portal_colour", s.portal_colour.as_ref().is_none_or(is_colour), || {
            "it must be a colour such as #0b5cad".to_owned()
        });
        let kinds = ["png", "svg", "jpg", "jpeg", "webp"];
        let is_picture = |file: &PathBuf| {
            let kind = file.extension().and_then(|kind| kind.to_str()).map(str::to_ascii_lowercase);
            kind.is_some_and(|kind| kinds.contains(&kind.as_str()))
        };
        self.require("portal_logo", s.portal_logo.as_ref().is_none_or(is_picture), || {
            format!("it must be a file that ends in one of .{}", kinds.join(", ."))
        });
        self.require(
            "portal_frame_ancestors",
            s.portal_frame_ancestors.iter().all(|site| is_https_origin(site)),
            || {
                "each must be https:// and a host, such as https://cabinet.example or https://cabinet.example:8443"
                    .to_owned()
            },
        );
        // A browser keeps the cookie of a framed page only where that came by HTTPS.
        let is_https = s.public_url.as_ref().is_some_and(|url| url.starts_with("https://"));
        self.require("portal_frame_ancestors", s.portal_frame_ancestors.is_empty() || is_https, || {
            "it needs a public_url that begins with https://".to_owned()
        });
    }

    fn check_counts(&mut self) {
        let s = &self.loaded.settings;
        self.require_in("response_body_max", s.response_body_max, 64..=64 * 1024);
        self.require_in("in_flight_max", s.in_flight_max, 1..=100_000);
        self.require_in("checks_in_flight_max", s.checks_in_flight_max, 1..=100_000);
        self.require_in("checks_per_endpoint_max", s.checks_per_endpoint_max, 1..=s.checks_in_flight_max.max(1));
        self.require_in("lane_max", s.lane_max, 1..=s.depth_max.max(1));
        self.require_in("depth_max", s.depth_max, 1..=10_000_000);
        self.require_in("database_connections", s.database_connections as usize, 4..=1_000);
        self.require_in("batch_max", s.batch_max, 1..=5_000);
        self.require_in("dispatch_limit", s.dispatch_limit as usize, 1..=100_000);
    }

    fn require_in(&mut self, key: &'static str, is: usize, range: RangeInclusive<usize>) {
        let (least, most) = (*range.start(), *range.end());
        self.require(key, range.contains(&is), || format!("it is {is}, it must be from {least} to {most}"));
    }

    fn require(&mut self, key: &'static str, holds: bool, rule: impl FnOnce() -> String) {
        if !holds {
            let origin = self.loaded.origins.get(key).cloned().unwrap_or_default();
            self.problems.push(Problem { key: key.to_owned(), origin, rule: rule() });
        }
    }
}

/// `https://host` or `https://host:port`, and nothing that would mean more in a header.
fn is_https_origin(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
    let is_name = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    host.split('.').all(is_name) && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

#[cfg(test)]
mod tests {
    use super::is_https_origin;

    #[test]
    fn only_the_origins_of_https_sites_may_frame_the_portal() {
        for origin in ["https://cabinet.example", "https://a-b.example:8443", "https://localhost"] {
            assert!(is_https_origin(origin), "{origin}");
        }
        for other in [
            "http://cabinet.example",
            "https://",
            "https://*",
            "https://*.example",
            "https://a.example/",
            "https://a.example; script-src *",
            "https://a.example https://b.example",
            "https://a..example",
            "https://a.example:0",
            "https://a.example:port",
            "'self'",
            "*",
            "",
        ] {
            assert!(!is_https_origin(other), "{other}");
        }
    }
}
