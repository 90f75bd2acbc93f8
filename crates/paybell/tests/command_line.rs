//! The binary as people and scripts call it.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The binary in an empty working folder and without any setting of the environment.
fn paybell(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paybell"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PAYBELL_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder).args(arguments);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json_of(output: &Output) -> Result<Value> {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    serde_json::from_str(&out).with_context(|| format!("{}: {out}{err}", output.status))
}

#[test]
fn every_command_explains_itself() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (command, word) in [
        (&[][..], "paybell demo"),
        (&["serve"], "paybell serve --roles worker,dispatcher"),
        (&["migrate"], "Running it again changes nothing"),
        (&["config"], "paybell config --reference"),
        (&["doctor"], "Exits with 1 when a check fails"),
        (&["operators"], "paybell operators add olga"),
        (&["operators", "add"], "at least 12 characters"),
        (&["keys"], "paybell keys list"),
        (&["keys", "create"], "--role <ROLE>"),
        (&["dialects"], "paybell dialects show onpay-1"),
        (&["dialects", "try"], "--answer-body <BODY>"),
        (&["demo"], "paybell demo --payments 500 --json"),
    ] {
        let output = paybell(folder.path(), &[command, &["--help"]].concat()).output()?;
        let help = text(&output.stdout);
        ensure!(output.status.success() && help.contains(word), "{command:?}: {word:?} is missing in\n{help}");
    }
    Ok(())
}

#[test]
fn a_bad_setting_stops_every_start_and_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for command in [&["serve"][..], &["migrate"], &["config"], &["doctor"], &["keys", "list"]] {
        let output = paybell(folder.path(), command).env("PAYBELL_GRACE", "soon").output()?;
        let error = text(&output.stderr);
        ensure!(output.status.code() == Some(2), "{command:?}: {}", output.status);
        ensure!(error.starts_with("error: grace (the environment variable PAYBELL_GRACE): it is \"soon\""), "{error}");
    }
    ensure!(std::fs::read_dir(folder.path())?.count() == 0, "nothing is made with bad settings");
    Ok(())
}

#[test]
fn the_effective_configuration_is_a_file_that_can_be_used() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let reference = paybell(folder.path(), &["config", "--reference"]).output()?.stdout;
    std::fs::write(folder.path().join("paybell.toml"), reference)?;
    let shown = text(&paybell(folder.path(), &["config", "--set", "lane_max=7"]).output()?.stdout);
    ensure!(shown.contains("lane_max = 7  # the flag --set"), "{shown}");
    ensure!(shown.contains("grace = \"15s\"  # the file paybell.toml"), "{shown}");
    Ok(())
}

#[test]
fn keys_are_made_listed_and_revoked_and_shown_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let run = |arguments: &[&str]| paybell(folder.path(), arguments).output();
    let made = json_of(&run(&["keys", "create", "--role", "operator", "--name", "desk", "--json"])?)?;
    let (id, key) = (made["id"].as_str().context("id")?, made["key"].as_str().context("key")?);
    ensure!(key.starts_with("pb_operator_"), "{made}");
    let list = run(&["keys", "list", "--json"])?;
    ensure!(!text(&list.stdout).contains(key), "a key is shown once");
    let listed = json_of(&list)?;
    ensure!(listed[0]["name"] == "desk" && listed[0]["revoked_at"].is_null(), "{listed}");
    ensure!(run(&["keys", "revoke", id])?.status.success(), "revoking");
    ensure!(json_of(&run(&["keys", "list", "--json"])?)?[0]["revoked_at"].is_string(), "it is revoked");
    let unknown = run(&["keys", "revoke", "00000000-0000-7000-8000-000000000000"])?;
    ensure!(unknown.status.code() == Some(1), "{}", unknown.status);
    Ok(())
}

#[test]
fn an_embedded_database_is_for_its_owner_alone_wherever_it_lies() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("paybell-data");
    std::fs::create_dir(&data)?;
    std::fs::set_permissions(&data, Permissions::from_mode(0o755))?;
    ensure!(paybell(folder.path(), &["keys", "create", "--role", "gateway"]).output()?.status.success(), "a key");
    for file in std::fs::read_dir(&data)? {
        let file = file?;
        let mode = file.metadata()?.permissions().mode() & 0o777;
        ensure!(mode == 0o600, "{} has mode {mode:o}", file.path().display());
    }
    ensure!(data.join("paybell.db").exists(), "the database");
    Ok(())
}

#[test]
fn the_demo_takes_no_settings_as_it_would_ignore_them() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for flags in [["--set", "grace=1s"], ["--data-dir", "x"], ["--config", "x.toml"]] {
        let output = paybell(folder.path(), &[&["demo"][..], &flags].concat()).output()?;
        let error = text(&output.stderr);
        ensure!(output.status.code() == Some(2) && error.contains(flags[0]), "{}: {error}", output.status);
    }
    Ok(())
}

#[test]
fn production_without_a_master_key_is_told_how_to_make_one() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let arguments =
        ["serve", "--database-url", "postgres://nobody@127.0.0.1:9/none", "--redis-url", "redis://127.0.0.1:9"];
    let output = paybell(folder.path(), &arguments).output()?;
    let error = text(&output.stderr);
    ensure!(output.status.code() == Some(1) && error.contains("head -c 32 /dev/urandom | base64"), "{error}");
    Ok(())
}

#[test]
fn the_doctor_names_what_is_missing_and_its_cure() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let arguments = [
        "doctor",
        "--json",
        "--database-url",
        "postgres://nobody:hunter2@127.0.0.1:9/none",
        "--redis-url",
        "redis://:hunter2@127.0.0.1:9",
    ];
    let output = paybell(folder.path(), &arguments).output()?;
    ensure!(output.status.code() == Some(1), "{}", output.status);
    let report = json_of(&output)?;
    ensure!(report["ok"] == false && !report.to_string().contains("hunter2"), "{report}");
    let checks = report["checks"].as_array().context("checks")?;
    for name in ["database", "redis", "master key"] {
        let check = checks.iter().find(|check| check["name"] == name).context(name)?;
        ensure!(check["status"] == "fail" && check["cure"].as_str().is_some_and(|cure| !cure.is_empty()), "{check}");
    }
    let healthy = paybell(folder.path(), &["doctor", "--json"]).output()?;
    ensure!(healthy.status.success() && json_of(&healthy)?["ok"] == true, "{}", text(&healthy.stdout));
    Ok(())
}

#[test]
fn a_dialect_is_tried_and_judged_without_a_database() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let run = |arguments: &[&str]| paybell(folder.path(), &[&["dialects"], arguments].concat()).output();
    let sample = ["--secret", "test-secret-0", "--pay-for", "1", "--amount", "10000", "--currency", "RUB"];
    let answer = ["--answer-body", "<result><code>2</code><comment>sold out</comment></result>"];
    let tried = run(&[&["try", "onpay-1", "--check"], &sample[..], &answer].concat())?;
    let shown = text(&tried.stdout);
    for words in ["POST https://shop.example/pay", "md5=7D1DF16DC13BE05AA83B5C2B9AB09118", "refuse (", "sold out"] {
        ensure!(shown.contains(words), "{words} is missing in\n{shown}{}", text(&tried.stderr));
    }
    let tried = json_of(&run(&[&["try", "onpay-1", "--check", "--json"], &sample[..], &answer].concat())?)?;
    ensure!(tried["verdict"]["means"] == "refuse", "{tried}");
    let judged = json_of(&run(&["try", "ok-body", "--json", "--answer-status", "200", "--answer-body", "ok"])?)?;
    ensure!(judged["verdict"]["means"] == "acknowledged", "{judged}");
    let listed = json_of(&run(&["list", "--json"])?)?;
    ensure!(listed.as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "onpay-1")), "{listed}");
    let unknown = run(&["try", "no-such"])?;
    ensure!(!unknown.status.success() && text(&unknown.stderr).contains("paybell dialects list"));
    ensure!(std::fs::read_dir(folder.path())?.count() == 0, "nothing is made for that");
    Ok(())
}

#[test]
fn a_dialect_of_our_own_is_checked_added_shown_and_removed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let run = |arguments: &[&str]| paybell(folder.path(), &[&["dialects"], arguments].concat()).output();
    let definition = json_of(&run(&["show", "plain-200", "--json"])?)?["definition"].to_string();
    let own = definition.replace("\"name\":\"plain-200\"", "\"name\":\"own\"");
    std::fs::write(folder.path().join("own.json"), &own)?;
    std::fs::write(folder.path().join("wrong.json"), own.replace("hmac-sha256", "hmac-sha257"))?;
    ensure!(run(&["check", "own.json"])?.status.success());
    let wrong = run(&["check", "wrong.json"])?;
    ensure!(!wrong.status.success() && text(&wrong.stderr).contains("notify.signatures"), "{}", text(&wrong.stderr));
    ensure!(json_of(&run(&["add", "own.json", "--json"])?)?["version"] == 1);
    let shown = json_of(&run(&["show", "own", "--json"])?)?;
    ensure!(shown["built_in"] == false && shown["definition"]["name"] == "own", "{shown}");
    ensure!(text(&run(&["list"])?.stdout).contains("own"));
    ensure!(run(&["remove", "own"])?.status.success() && !run(&["show", "own"])?.status.success());
    ensure!(!run(&["remove", "standard"])?.status.success());
    Ok(())
}

/// Runs a command with this on its standard input.
fn with_input(folder: &Path, arguments: &[&str], input: &str) -> Result<Output> {
    let mut command = paybell(folder, arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("standard input")?.write_all(input.as_bytes())?;
    Ok(child.wait_with_output()?)
}

#[test]
fn operators_are_added_changed_listed_and_removed_and_their_passwords_never_shown() -> Result<()> {
    const PASSWORD: &str = "correct horse battery";
    let folder = tempfile::tempdir()?;
    let run = |arguments: &[&str]| paybell(folder.path(), arguments).output();
    let added = with_input(folder.path(), &["operators", "add", "olga", "--json"], &format!("{PASSWORD}\r\nmore"))?;
    let shown = json_of(&added)?;
    ensure!((&shown["name"], &shown["role"]) == (&"olga".into(), &"operator".into()), "{shown}");
    let changed = with_input(folder.path(), &["operators", "add", "olga", "--role", "viewer"], "another horse 2")?;
    ensure!(text(&changed.stdout).contains("Changed olga, viewer"), "{}", text(&changed.stderr));
    let list = run(&["operators", "list", "--json"])?;
    let listed = json_of(&list)?;
    ensure!(listed.as_array().is_some_and(|all| all.len() == 1) && listed[0]["role"] == "viewer", "{listed}");
    let said = [added.stdout, added.stderr, list.stdout, run(&["operators", "list"])?.stdout].concat();
    ensure!(!text(&said).contains(PASSWORD) && !text(&said).contains("argon2"), "{}", text(&said));
    let stored = std::fs::read(folder.path().join("paybell-data/paybell.db"))?;
    ensure!(!text(&stored).contains(PASSWORD), "only its hash is stored");

    ensure!(run(&["operators", "remove", "olga"])?.status.success(), "removing");
    ensure!(json_of(&run(&["operators", "list", "--json"])?)? == serde_json::json!([]), "nobody is left");
    ensure!(run(&["operators", "remove", "olga"])?.status.code() == Some(1), "there is no such operator");
    Ok(())
}

#[test]
fn a_short_password_and_an_odd_name_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for password in ["", "\n", "11 letters!\n"] {
        let refused = with_input(folder.path(), &["operators", "add", "olga"], password)?;
        let error = text(&refused.stderr);
        ensure!(refused.status.code() == Some(1) && error.contains("at least 12 characters"), "{error}");
    }
    for name in ["", "command line", "olga\n"] {
        let refused = with_input(folder.path(), &["operators", "add", name], "correct horse battery\n")?;
        ensure!(refused.status.code() == Some(2), "{name:?}: {}", text(&refused.stderr));
    }
    ensure!(json_of(&paybell(folder.path(), &["operators", "list", "--json"]).output()?)? == serde_json::json!([]));
    Ok(())
}
