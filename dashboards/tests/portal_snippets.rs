//! The programs that the portal gives to merchants, run as they are on a request that the real dialect signed.

use anyhow::{Context, Result, bail};
use paybell_dialects::{Amount, Dialect, Notification, Parameters, Signing};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

const OLD: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
const NEW: &str = "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4";
const OTHER: &str = "whsec_eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4";

/// A request signed by both secrets at a moment: headers and body.
fn request(unix_seconds: i64) -> Result<(Map<String, Value>, String)> {
    let notification = Notification {
        payment_id: "01a1fb67-1800-7000-8000-000000000001",
        gateway_payment_id: "p-1",
        merchant: "shop",
        kind: "payment.confirmed",
        pay_for: Some("caf\u{e9} \u{201c}7\u{201d}"),
        amount: Amount { minor: 1_050, currency: "EUR", exponent: 2 },
        balance: None,
        method: None,
        description: None,
        payer_email: None,
        payer_phone: None,
        data: None,
        confirmed_at: "2026-11-21T09:30:00Z",
        test: false,
    };
    let signing = Signing { secrets: &[NEW, OLD], parameters: &Parameters::new(), unix_seconds };
    let rendered = Dialect::named("standard").context("built in")?.render(&notification, &signing)?;
    let headers = rendered.headers.iter().map(|(name, value)| (name.to_string(), json!(value))).collect();
    Ok((headers, String::from_utf8(rendered.body)?))
}

fn snippet(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("snippets").join(file)
}

/// Runs a program that reads `{secret, headers, body}` and says `true` or `false`.
fn verified(program: &mut Command, secret: &str, headers: &Map<String, Value>, body: &str) -> Result<bool> {
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("start the program")?;
    let given = json!({ "secret": secret, "headers": headers, "body": body }).to_string();
    child.stdin.take().context("a pipe")?.write_all(given.as_bytes())?;
    let output = child.wait_with_output()?;
    match String::from_utf8_lossy(&output.stdout).trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        other => bail!("the program failed: {other:?}"),
    }
}

/// What must verify does, and what must not does not.
fn try_snippet(mut program: impl FnMut() -> Command) -> Result<()> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let (headers, body) = request(now)?;
    for (secret, expected) in [(OLD, true), (NEW, true), (OTHER, false)] {
        assert_eq!(verified(&mut program(), secret, &headers, &body)?, expected, "{secret}");
    }
    assert!(!verified(&mut program(), NEW, &headers, &format!("{body} "))?, "a changed body");
    assert!(!verified(&mut program(), NEW, &Map::new(), &body)?, "no headers");
    for (at, expected) in [(now - 3_600, false), (now + 3_600, false), (now - 200, true)] {
        let (headers, body) = request(at)?;
        assert_eq!(verified(&mut program(), NEW, &headers, &body)?, expected, "{} s", at - now);
    }
    Ok(())
}

#[test]
fn the_program_in_python_verifies() -> Result<()> {
    const MAIN: &str = "import json, sys; exec(open(sys.argv[1]).read()); given = json.load(sys.stdin); \
                        print(verify(given['secret'], given['headers'], given['body'].encode()))";
    try_snippet(|| {
        let mut python = Command::new("python3");
        python.args(["-c", MAIN]).arg(snippet("verify.py"));
        python
    })
}

#[test]
fn the_program_in_javascript_verifies() -> Result<()> {
    const MAIN: &str = "const fs = require('fs'); const given = JSON.parse(fs.readFileSync(0)); \
                        const verify = new Function('require', fs.readFileSync(process.argv[1], 'utf8') + '; return verify')(require); \
                        console.log(verify(given.secret, given.headers, Buffer.from(given.body)))";
    try_snippet(|| {
        let mut node = Command::new("node");
        node.args(["-e", MAIN]).arg(snippet("verify.js"));
        node
    })
}
