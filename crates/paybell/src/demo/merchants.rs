//! The five merchants of the demo.

use super::client::Client;
use super::receiver::{Behaviour, Receiver};
use anyhow::{Context, Result};
use serde_json::json;
use std::time::Duration;

/// How long the merchant that was down stays down.
const DOWN_FOR: Duration = Duration::from_secs(3);
/// How long the merchant that never recovers is tried.
const SHORT_LIFETIME_S: u64 = 8;

/// What a merchant plays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Its id.
    pub(crate) id: &'static str,
    /// What it does, for people.
    pub(crate) words: &'static str,
    dialect: &'static str,
    behaviour: Behaviour,
    lifetime_s: Option<u64>,
}

const PARTS: &[Part] = &[
    Part { id: "bakery", words: "is healthy", dialect: "standard", behaviour: Behaviour::Healthy, lifetime_s: None },
    Part {
        id: "bookshop",
        words: "answers 503 twice, then 200",
        dialect: "standard",
        behaviour: Behaviour::UnavailableAtFirst(2),
        lifetime_s: None,
    },
    Part {
        id: "cinema",
        words: "answers 200 with an error page, then \"ok\"",
        dialect: "ok-body",
        behaviour: Behaviour::WrongBodyAtFirst(2),
        lifetime_s: None,
    },
    Part {
        id: "florist",
        words: "is down for the first 3 seconds",
        dialect: "standard",
        behaviour: Behaviour::DownFor(DOWN_FOR),
        lifetime_s: None,
    },
    Part {
        id: "gym",
        words: "never recovers; its deadline is 8 seconds",
        dialect: "standard",
        behaviour: Behaviour::Broken,
        lifetime_s: Some(SHORT_LIFETIME_S),
    },
];

/// A merchant at work.
pub(crate) struct Merchant {
    /// What it plays.
    pub(crate) part: Part,
    /// Its server.
    pub(crate) receiver: Receiver,
}

/// Starts the receivers and makes merchants and endpoints through the API.
///
/// # Errors
/// When a receiver cannot start or the API refuses.
pub(crate) async fn open(client: &Client) -> Result<Vec<Merchant>> {
    let mut merchants = Vec::new();
    for part in PARTS {
        let receiver = Receiver::start(part.behaviour).context("cannot start a receiver")?;
        let merchant = json!({ "id": part.id, "name": part.id });
        client.post("/v1/merchants", &merchant).await?.expect_success("making a merchant")?;
        let mut endpoint = json!({ "merchant": part.id, "url": receiver.url, "dialect": part.dialect });
        if let Some(lifetime_s) = part.lifetime_s {
            endpoint["lifetime_s"] = lifetime_s.into();
        }
        client.post("/v1/endpoints", &endpoint).await?.expect_success("making an endpoint")?;
        merchants.push(Merchant { part: *part, receiver });
    }
    Ok(merchants)
}
