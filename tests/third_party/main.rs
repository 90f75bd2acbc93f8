//! Our signatures, checked by verifiers that others wrote: the Standard Webhooks libraries for Rust, Python and
//! JavaScript, and OpenSSL.

use anyhow::{Context, Result, ensure};
use paybell_testkit::{Engine, Receiver, Reply, Request};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
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
    const PROGRAM: &str = "import json, sys\n\
        from standardwebhooks import Webhook, WebhookVerificationError\n\
        given = json.load(sys.stdin)\n\
        try:\n    Webhook(given['secret']).verify(given['body'], given['headers'])\n    print('verified')\n\
        except WebhookVerificationError:\n    print('refused')\n";
    let python = installed("bin/python")?;
    let (requests, old, new) = requests_around_a_rotation().await?;
    for (request, secret, verifies) in expectations(&requests, &old, &new) {
        assert_eq!(verified(Command::new(&python).args(["-c", PROGRAM]), request, secret)?, verifies);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript_library_verifies_our_requests_during_rotation() -> Result<()> {
    const PROGRAM: &str = "const { Webhook, WebhookVerificationError } = require('standardwebhooks');\
        const given = JSON.parse(require('fs').readFileSync(0));\
        try { new Webhook(given.secret).verify(given.body, given.headers); console.log('verified'); }\
        catch (error) { if (!(error instanceof WebhookVerificationError)) throw error; console.log('refused'); }";
    let modules = installed("js/node_modules")?;
    let (requests, old, new) = requests_around_a_rotation().await?;
    for (request, secret, verifies) in expectations(&requests, &old, &new) {
        let mut node = Command::new("node");
        node.env("NODE_PATH", &modules).args(["-e", PROGRAM]);
        assert_eq!(verified(&mut node, request, secret)?, verifies);
    }
    Ok(())
}

/// None of the libraries verifies ed25519; Node.js does, by OpenSSL. The key is that of RFC 8032, section 7.1, test 1.
#[tokio::test(flavor = "multi_thread")]
async fn openssl_verifies_our_ed25519_signatures() -> Result<()> {
    const SEED: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const OTHER: &str = "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw";
    const PROGRAM: &str = "const crypto = require('crypto');\
        const { secret, body, headers } = JSON.parse(require('fs').readFileSync(0));\
        const key = crypto.createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: secret }, format: 'jwk' });\
        const told = Buffer.from(headers['webhook-id'] + '.' + headers['webhook-timestamp'] + '.' + body);\
        const [version, signature] = headers['webhook-signature'].split(',');\
        if (version !== 'v1a') throw new Error(version);\
        console.log(crypto.verify(null, told, key, Buffer.from(signature, 'base64')) ? 'verified' : 'refused');";
    let data = TempDir::new()?;
    let engine = Engine::embedded(data.path()).start().await?;
    let receiver = Receiver::start(vec![Reply::ok()])?;
    let api = engine.api();
    api.create_merchant("shop").await?;
    api.create_endpoint("shop", &receiver.url("/"), "standard", json!({ "secret": SEED })).await?;
    api.pay("shop", "p1", json!({ "description": "naïve “quotes”, 100 % ☂" })).await?;
    let requests = receiver.wait_for(1, Duration::from_secs(20)).await?;
    for (public, verifies) in [(PUBLIC, true), (OTHER, false)] {
        assert_eq!(verified(Command::new("node").args(["-e", PROGRAM]), &requests[0], public)?, verifies);
    }
    Ok(())
}

/// What `./tests/run` installed.
fn installed(path: &str) -> Result<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/verifiers").join(path);
    ensure!(installed.exists(), "the verifiers of other languages are not installed: ./tests/run installs them");
    Ok(installed)
}

/// Whether a program that others wrote verifies a request with a secret or key.
fn verified(program: &mut Command, request: &Request, secret: &str) -> Result<bool> {
    let headers: serde_json::Map<String, Value> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), Value::from(String::from_utf8_lossy(value.as_bytes()).into_owned())))
        .collect();
    let given = json!({ "secret": secret, "body": request.text(), "headers": headers });
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("start the verifier")?;
    child.stdin.take().context("a pipe")?.write_all(given.to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    match String::from_utf8_lossy(&output.stdout).trim() {
        "verified" => Ok(true),
        "refused" => Ok(false),
        other => anyhow::bail!("the verifier failed: {other:?}"),
    }
}
