//! `paybell doctor`: is everything there that Paybell needs, and what is to be done where not.
//!
//! Cast:
//! - [`Check`]: one line: what was looked at, how it stands, and the cure.
//! - [`check_database`], [`check_redis`], [`check_machine`]: where the lines come from.

mod check_database;
mod check_machine;
mod check_redis;

use anyhow::Result;
use paybell_config::{Loaded, Mode};
use serde::Serialize;
use serde_json::json;
use std::process::ExitCode;

/// How something stands.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// As it should be.
    Ok,
    /// It works, but not as it should.
    Warn,
    /// Paybell does not start, or may lose payments.
    Fail,
}

/// One thing that was looked at.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Check {
    name: &'static str,
    status: Status,
    /// What was found.
    found: String,
    /// What to do about it; empty when all is well.
    cure: String,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, found: found.into(), cure: String::new() }
    }

    fn warn(name: &'static str, found: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { name, status: Status::Warn, found: found.into(), cure: cure.into() }
    }

    fn fail(name: &'static str, found: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { name, status: Status::Fail, found: found.into(), cure: cure.into() }
    }
}

/// Looks at everything and prints what it found. Exits with 1 when something fails.
///
/// # Errors
/// None so far: what cannot be looked at is a failed check.
pub(crate) async fn doctor(loaded: &Loaded, as_json: bool) -> Result<ExitCode> {
    let checks = look(loaded).await;
    let failed = checks.iter().any(|check| check.status == Status::Fail);
    if as_json {
        println!("{}", json!({ "ok": !failed, "mode": loaded.settings.mode().as_str(), "checks": checks }));
    } else {
        println!("Paybell, {}:", loaded.settings.mode().as_str());
        checks.iter().for_each(|check| print!("{}", lines(check)));
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn look(loaded: &Loaded) -> Vec<Check> {
    let settings = &loaded.settings;
    let file = loaded.file.as_ref().map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
    let mut checks = vec![Check::ok("configuration", format!("sound ({file}, environment, flags)"))];
    if settings.mode() == Mode::Embedded {
        checks.push(check_machine::data_folder(settings));
    }
    checks.push(check_machine::master_key(settings));
    checks.extend(check_database::checks(settings).await);
    checks.extend(check_redis::checks(settings).await);
    checks.push(check_machine::open_files(settings));
    checks.push(check_machine::address_guard(settings));
    checks
}

fn lines(check: &Check) -> String {
    let word = match check.status {
        Status::Ok => "ok  ",
        Status::Warn => "WARN",
        Status::Fail => "FAIL",
    };
    let cure = if check.cure.is_empty() { String::new() } else { format!("        → {}\n", check.cure) };
    format!("  {word}  {}: {}\n{cure}", check.name, check.found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_shown_with_its_cure() {
        let check = Check::fail("redis", "it does not answer", "start it");
        assert_eq!(lines(&check), "  FAIL  redis: it does not answer\n        → start it\n");
        assert_eq!(lines(&Check::ok("redis", "7.0")), "  ok    redis: 7.0\n");
    }
}
