//! Our signatures, checked by verifiers that others wrote: the Standard Webhooks libraries for Rust and Python.

use anyhow::{Context, Result, ensure};
use paybell_testkit::{Engine, Receiver, Reply, Request};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Sends one payment before and one after the endpoint's secret was rotated with an overlap; answers both requests with
/// the old and the new secret.
async fn requests_around_a_rotation() -> Result<(Vec<Request>, String, String)> {
    let data = TempDir::new()?;
    let engine = Engine::embedded(data.path()).start().await?;
    let receiver = Receiver::start(vec![Reply::ok()])?;
    let api = engine.api();
    api.create_merchant("shop").await?;
    let (endpoint, old) = api.create_endpoint("shop", &receiver.url("/"), "standard", Value::Null).await?;
    api.pay("shop", "before", json!({ "description": "naïve “quotes”, 100 % ☂", "data": { "n": 1.50 } })).await?;
    receiver.wait_for(1, Duration::from_secs(20)).await?;
    let rotated = api.post(&format!("/v1/endpoints/{endpoint}/rotate-secret"), &json!({ "overlap_s": 3600 })).await?;
    let new = rotated.expect_success()?["secret"].as_str().context("the new secret is shown")?.to_owned();
    ensure!(new != old, "rotation makes another secret");
    api.pay("shop", "after", Value::Null).await?;
    let requests = receiver.wait_for(2, Duration::from_secs(20)).await?;
    Ok((requests, old, new))
}

/// Which request is signed by which secret: (request, secret, whether it must verify).
fn expectations<'a>(requests: &'a [Request], old: &'a str, new: &'a str) -> [(&'a Request, &'a str, bool); 4] {
    [(&requests[0], old, true), (&requests[0], new, false), (&requests[1], old, true), (&requests[1], new, true)]
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_library_verifies_our_requests_during_rotation() -> Result<()> {
    let (requests, old, new) = requests_around_a_rotation().await?;
    for (request, secret, verifies) in expectations(&requests, &old, &new) {
        let verifier = standardwebhooks::Webhook::new(secret)?;
        let result = verifier.verify(&request.body, &request.headers);
        assert_eq!(result.is_ok(), verifies, "{result:?}");
        let mut forged = request.body.to_vec();
        forged[0] ^= 1;
        assert!(verifier.verify(&forged, &request.headers).is_err(), "a changed body must not verify");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn python_library_verifies_our_requests_during_rotation() -> Result<()> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/verifiers/bin/python");
    ensure!(python.exists(), "the Python verifier is not installed: ./tests/run installs it");
    let (requests, old, new) = requests_around_a_rotation().await?;
    for (request, secret, verifies) in expectations(&requests, &old, &new) {
        assert_eq!(verified_by_python(&python, request, secret)?, verifies);
    }
    Ok(())
}

fn verified_by_python(python: &Path, request: &Request, secret: &str) -> Result<bool> {
    let program = "import json, sys\n\
                   from standardwebhooks import Webhook, WebhookVerificationError\n\
                   given = json.load(sys.stdin)\n\
                   try:\n    Webhook(given['secret']).verify(given['body'], given['headers'])\n    print('verified')\n\
                   except WebhookVerificationError:\n    print('refused')\n";
    let headers: serde_json::Map<String, Value> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), Value::from(String::from_utf8_lossy(value.as_bytes()).into_owned())))
        .collect();
    let given = json!({ "secret": secret, "body": request.text(), "headers": headers });
    let mut child = Command::new(python).args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().context("a pipe")?.write_all(given.to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    match String::from_utf8_lossy(&output.stdout).trim() {
        "verified" => Ok(true),
        "refused" => Ok(false),
        other => anyhow::bail!("the verifier failed: {other:?}"),
    }
}
