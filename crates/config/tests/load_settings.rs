//! Precedence of the sources, and the words of the errors.

use anyhow::{Context, Result};
use paybell_config::{ConfigError, Inputs, Mode, Role, SETTINGS, Settings, reference};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

fn file(text: &str) -> Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("paybell.toml");
    std::fs::write(&path, text)?;
    Ok((folder, path))
}

#[test]
fn later_sources_win_over_earlier_ones() -> Result<()> {
    let (_folder, path) = file("grace = \"11s\"\nlane_max = 11\nretry_factor = 3\nlog = \"warn\"\n")?;
    let inputs = Inputs::default()
        .file(&path)
        .variable("PAYBELL_LANE_MAX", "22")
        .variable("PAYBELL_RETRY_FACTOR", "4.5")
        .flag("retry_factor", "5", "--set")
        .flag("retry_factor", "6", "--set");
    let loaded = inputs.load()?;
    let s = &loaded.settings;
    assert_eq!((s.grace, s.lane_max, s.retry_factor), (Duration::from_secs(11), 22, 6.0));
    assert_eq!(s.time_limit, Settings::default().time_limit);
    let origin = |key| loaded.origins.get(key).cloned().unwrap_or_default();
    assert_eq!(origin("grace"), format!("the file {}", path.display()));
    assert_eq!(origin("lane_max"), "the environment variable PAYBELL_LANE_MAX");
    assert_eq!(origin("retry_factor"), "the flag --set");
    assert_eq!(origin("time_limit"), "the default");
    Ok(())
}

#[test]
fn text_is_read_as_the_kind_of_its_setting() -> Result<()> {
    let loaded = Inputs::default()
        .variable("PAYBELL_ROLES", "api, worker")
        .variable("PAYBELL_ALLOW_PLAIN_HTTP", "true")
        .variable("PAYBELL_REDIS_PREFIX", "42")
        .variable("PAYBELL_REQUESTS_PER_KEY_MAX", "42")
        .variable("PAYBELL_DATABASE_URL", "postgres://db/pay")
        .variable("PAYBELL_REDIS_URL", "redis://cache")
        .load()?;
    assert_eq!(loaded.settings.roles, [Role::Api, Role::Worker]);
    assert!(loaded.settings.allow_plain_http);
    assert_eq!(loaded.settings.redis_prefix, "42");
    assert_eq!(loaded.settings.requests_per_key_max, 42);
    assert_eq!(loaded.settings.mode(), Mode::Production);
    Ok(())
}

#[test]
fn the_defaults_obey_the_rules_and_are_embedded() -> Result<()> {
    for least_and_most in ["7d", "3650d"] {
        Inputs::default().variable("PAYBELL_ATTEMPTS_KEPT_FOR", least_and_most).load()?;
    }
    assert_eq!(Inputs::default().load()?.settings.mode(), Mode::Embedded);
    Ok(())
}

#[test]
fn each_broken_rule_is_named_with_its_key_and_source() {
    let table: &[(&[(&str, &str)], &str)] = &[
        (
            &[("PAYBELL_GRACE", "10")],
            "grace (the environment variable PAYBELL_GRACE): it is \"10\", it must be a duration with its unit, such as 300ms, 15s, 10m or 72h",
        ),
        (
            &[("PAYBELL_LANE_MAX", "many")],
            "lane_max (the environment variable PAYBELL_LANE_MAX): it is \"many\", it must be a whole number, not negative",
        ),
        (
            &[("PAYBELL_LANE_MAX", "-1")],
            "lane_max (the environment variable PAYBELL_LANE_MAX): it is \"-1\", it must be a whole number",
        ),
        (
            &[("PAYBELL_GRASE", "10s")],
            "grase (the environment variable PAYBELL_GRASE): there is no such setting; did you mean grace?",
        ),
        (
            &[("PAYBELL_XYZZY", "1")],
            "xyzzy (the environment variable PAYBELL_XYZZY): there is no such setting; `paybell config --reference` lists them all",
        ),
        (
            &[("PAYBELL_ROLES", "api,cook")],
            "roles (the environment variable PAYBELL_ROLES): it is \"cook\", it must be one of api, worker, dispatcher, dashboard",
        ),
        (&[("PAYBELL_ROLES", "")], "roles (the environment variable PAYBELL_ROLES): it must name at least one role"),
        (
            &[("PAYBELL_LIFETIME", "73h")],
            "lifetime (the environment variable PAYBELL_LIFETIME): it is 73h, it must be from 1s to 72h",
        ),
        (
            &[("PAYBELL_ATTEMPTS_KEPT_FOR", "6d")],
            "attempts_kept_for (the environment variable PAYBELL_ATTEMPTS_KEPT_FOR): it is 144h, it must be from 7 to 3650 days, such as 90d",
        ),
        (
            &[("PAYBELL_RETRY_JITTER", "0.7")],
            "retry_jitter (the environment variable PAYBELL_RETRY_JITTER): the jitter is 0.7, it must be from 0 to 0.5",
        ),
        (
            &[("PAYBELL_VISIBILITY", "16s")],
            "visibility (the environment variable PAYBELL_VISIBILITY): it is 16s, it must be at least time_limit + 5s, which is 20s",
        ),
        (
            &[("PAYBELL_PORTAL_COLOUR", "blue")],
            "portal_colour (the environment variable PAYBELL_PORTAL_COLOUR): it must be a colour such as #0b5cad",
        ),
        (
            &[("PAYBELL_PORTAL_LOGO", "logo.gif")],
            "portal_logo (the environment variable PAYBELL_PORTAL_LOGO): it must be a file that ends in one of .png, .svg, .jpg, .jpeg, .webp",
        ),
        (
            &[("PAYBELL_PUBLIC_URL", "https://a.example"), ("PAYBELL_PORTAL_FRAME_ANCESTORS", "https://b.example, *")],
            "portal_frame_ancestors (the environment variable PAYBELL_PORTAL_FRAME_ANCESTORS): each must be https:// and a host",
        ),
        (
            &[("PAYBELL_PORTAL_FRAME_ANCESTORS", "https://b.example")],
            "portal_frame_ancestors (the environment variable PAYBELL_PORTAL_FRAME_ANCESTORS): it needs a public_url that begins with https://",
        ),
        (&[("PAYBELL_DATABASE_URL", "postgres://db/pay")], "redis_url (the default): it is needed with database_url"),
        (
            &[("PAYBELL_REDIS_URL", "redis://cache")],
            "redis_url (the environment variable PAYBELL_REDIS_URL): it has no use without database_url",
        ),
        (
            &[("PAYBELL_DATABASE_URL", "mysql://db/pay"), ("PAYBELL_REDIS_URL", "redis://cache")],
            "database_url (the environment variable PAYBELL_DATABASE_URL): it must begin with postgres://",
        ),
        (
            &[("PAYBELL_MASTER_KEY", "c2hvcnQ=")],
            "master_key (the environment variable PAYBELL_MASTER_KEY): it must be 32 bytes in base64",
        ),
        (
            &[("PAYBELL_LANE_MAX", "200"), ("PAYBELL_DEPTH_MAX", "100")],
            "lane_max (the environment variable PAYBELL_LANE_MAX): it is 200, it must be from 1 to 100",
        ),
        (
            &[("PAYBELL_LISTEN", "8080")],
            "listen (the environment variable PAYBELL_LISTEN): it must be an address with a port, such as 127.0.0.1:8080",
        ),
    ];
    for (variables, expected) in table {
        let inputs = variables.iter().fold(Inputs::default(), |inputs, (name, value)| inputs.variable(name, value));
        let error = inputs.load().expect_err(expected).to_string();
        assert!(error.starts_with(expected), "expected {expected:?}, got {error:?}");
    }
}

#[test]
fn all_broken_rules_are_told_at_once() {
    let inputs = Inputs::default().flag("lifetime", "0s", "--set").flag("batch_max", "0", "--set");
    let Err(ConfigError::Problems(problems)) = inputs.load() else { panic!("the settings must be refused") };
    let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["lifetime", "batch_max"]);
}

#[test]
fn a_file_with_an_unknown_key_or_bad_syntax_is_refused_by_name_and_line() -> Result<()> {
    let (_folder, path) = file("grace = \"10s\"\ntime_limits = \"5s\"\n")?;
    let error = Inputs::default().file(&path).load().expect_err("unknown key").to_string();
    let expected =
        format!("time_limits (the file {}): there is no such setting; did you mean time_limit?", path.display());
    assert_eq!(error, expected);
    let (_folder, path) = file("grace = \"10s\"\nlisten = = 3\n")?;
    let error = Inputs::default().file(&path).load().expect_err("bad syntax").to_string();
    assert!(error.contains("is not valid TOML, line 2"), "{error}");
    let error = Inputs::default().file("/nowhere/paybell.toml").load().expect_err("no file").to_string();
    assert_eq!(error, "the configuration file /nowhere/paybell.toml cannot be read");
    Ok(())
}

#[test]
fn variables_that_are_no_settings_are_let_pass() -> Result<()> {
    let inputs = Inputs::default().variable("PAYBELL_BIN", "x").variable("PAYBELL_TEST_POSTGRES", "x");
    inputs.variable("PAYBELL_CONFIG", "").load().context("none of these is a setting")?;
    Ok(())
}

#[test]
fn the_effective_configuration_hides_secrets_and_tells_sources() -> Result<()> {
    let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let loaded = Inputs::default()
        .variable("PAYBELL_DATABASE_URL", "postgres://pay:hunter2@db/pay")
        .variable("PAYBELL_REDIS_URL", "redis://:hunter2@cache")
        .flag("master_key", key, "--set")
        .load()?;
    let shown = loaded.to_toml();
    for line in [
        "database_url = \"postgres://pay:***@db/pay\"  # the environment variable PAYBELL_DATABASE_URL",
        "redis_url = \"redis://:***@cache\"  # the environment variable PAYBELL_REDIS_URL",
        "master_key = \"***\"  # the flag --set",
        "# master_key_file is not set",
        "lifetime = \"72h\"",
        "roles = [\"api\", \"worker\", \"dispatcher\", \"dashboard\"]",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line:?} is missing in\n{shown}");
    }
    for text in [shown, format!("{loaded:?}")] {
        assert!(!text.contains("hunter2") && !text.contains(key), "a secret is shown: {text}");
    }
    Ok(())
}

#[test]
fn a_secret_of_the_wrong_kind_is_not_repeated_in_the_error() -> Result<()> {
    let (_folder, path) = file("master_key = 123456789\n")?;
    let error = Inputs::default().file(&path).load().expect_err("a number").to_string();
    assert!(error.contains("master_key") && !error.contains("123456789"), "{error}");
    Ok(())
}

#[test]
fn the_reference_is_a_file_that_says_the_defaults() -> Result<()> {
    let (_folder, path) = file(&reference())?;
    let loaded = Inputs::default().file(&path).load()?;
    assert_eq!(format!("{:?}", loaded.settings), format!("{:?}", Settings::default()));
    assert!(SETTINGS.iter().all(|setting| reference().contains(setting.key)));
    Ok(())
}

#[test]
fn what_was_handed_in_shows_no_value_when_it_is_debugged() {
    let url = "postgres://pay:hunter2@db/pay";
    let inputs =
        Inputs::default().variable("PAYBELL_MASTER_KEY", "hunter2").flag("database_url", url, "--database-url");
    let shown = format!("{inputs:?}");
    assert!(shown.contains("PAYBELL_MASTER_KEY") && shown.contains("database_url"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn the_public_url_is_an_address_of_the_web() -> Result<()> {
    for good in ["https://paybell.example", "http://10.0.0.7:8080", "https://gate.example/paybell/"] {
        let loaded = Inputs::default().variable("PAYBELL_PUBLIC_URL", good).load()?;
        assert_eq!(loaded.settings.public_url.as_deref(), Some(good));
    }
    for bad in
        ["paybell.example", "https://", "https:///x", "ftp://x", "https://x/?a=b", "https://a:b@x", "https://x y"]
    {
        let error = Inputs::default().variable("PAYBELL_PUBLIC_URL", bad).load().err().context(bad)?.to_string();
        assert!(error.contains("public_url") && error.contains("must begin with https://"), "{error}");
    }
    assert_eq!(Inputs::default().load()?.settings.public_url, None);
    Ok(())
}
