//! Chromium's own commands: its logs, its window, its colours, pictures.

use anyhow::{Context, Result};
use fantoccini::Client;
use fantoccini::wd::WebDriverCompatibleCommand;
use serde_json::{Value, json};

/// A command that is chromedriver's own.
#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

/// Runs a command of the DevTools protocol.
pub(crate) async fn devtools(client: &Client, command: &str, parameters: Value) -> Result<Value> {
    let vendor = Vendor { path: "goog/cdp/execute", body: json!({ "cmd": command, "params": parameters }) };
    client.issue_cmd(vendor).await.with_context(|| command.to_owned())
}

/// Takes the lines of a log, `browser` or `performance`, since it was read last.
async fn take_log(client: &Client, kind: &str) -> Result<Vec<Value>> {
    let lines = client.issue_cmd(Vendor { path: "se/log", body: json!({ "type": kind }) }).await?;
    Ok(lines.as_array().cloned().unwrap_or_default())
}

/// What the console complained of since it was read last.
pub(crate) async fn complaints(client: &Client) -> Result<Vec<String>> {
    let lines = take_log(client, "browser").await?;
    let complaint = |line: &Value| {
        let level = line["level"].as_str().unwrap_or_default();
        ["SEVERE", "WARNING"].contains(&level).then(|| format!("{level}: {}", line["message"]))
    };
    Ok(lines.iter().filter_map(complaint).collect())
}

/// The addresses that were asked for since this was read last.
pub(crate) async fn requested(client: &Client) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for line in take_log(client, "performance").await? {
        let event: Value = serde_json::from_str(line["message"].as_str().unwrap_or_default())?;
        let (method, told) = (&event["message"]["method"], &event["message"]["params"]);
        let url = match method.as_str() {
            Some("Network.requestWillBeSent") => told["request"]["url"].as_str(),
            Some("Network.webSocketCreated") => told["url"].as_str(),
            _ => None,
        };
        found.extend(url.map(str::to_owned));
    }
    Ok(found)
}

/// A screen's size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Screen {
    /// 1280×900.
    Wide,
    /// 390×844, touched by fingers.
    Phone,
}

/// Gives the page a screen of this size, in dots of CSS.
pub(crate) async fn use_screen(client: &Client, screen: Screen) -> Result<()> {
    let (width, height, is_phone) = match screen {
        Screen::Wide => (1280, 900, false),
        Screen::Phone => (390, 844, true),
    };
    let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
    devtools(client, "Emulation.setDeviceMetricsOverride", metrics).await.map(drop)
}

/// Lets the person prefer dark or light colours, and that nothing moves.
pub(crate) async fn prefer_dark(client: &Client, is_dark: bool) -> Result<()> {
    let scheme = if is_dark { "dark" } else { "light" };
    let features = json!({ "features": [
        { "name": "prefers-color-scheme", "value": scheme },
        { "name": "prefers-reduced-motion", "value": "reduce" },
    ] });
    devtools(client, "Emulation.setEmulatedMedia", features).await.map(drop)
}

/// A picture of what the screen shows, as WebP.
pub(crate) async fn picture(client: &Client) -> Result<Vec<u8>> {
    use base64::Engine as _;
    let taken = devtools(client, "Page.captureScreenshot", json!({ "format": "webp", "quality": 70 })).await?;
    let data = taken["data"].as_str().context("a picture has data")?;
    Ok(base64::prelude::BASE64_STANDARD.decode(data)?)
}
