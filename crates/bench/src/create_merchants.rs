//! Makes the merchants of a benchmark through the API.

use crate::sink::Manner;
use crate::stack::Stack;
use anyhow::{Context, Result};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinSet;

/// How many are made at once.
const AT_ONCE: usize = 16;

/// Merchants that are alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Merchants {
    /// How their names begin.
    pub(crate) name: &'static str,
    /// How they answer.
    pub(crate) manner: Manner,
    pub(crate) count: u64,
    /// How many endpoints each has.
    pub(crate) endpoints: u16,
    /// How many attempts each endpoint takes at once.
    pub(crate) cap: u64,
    /// Where they are.
    pub(crate) sink: SocketAddr,
}

impl Merchants {
    /// Makes them. Answers their names.
    pub(crate) async fn create(self, stack: &Stack) -> Result<Arc<Vec<String>>> {
        let names: Vec<String> = (0..self.count).map(|number| format!("{}-{number}", self.name)).collect();
        let mut making = JoinSet::new();
        for (made, name) in names.iter().cloned().enumerate() {
            if making.len() >= AT_ONCE {
                making.join_next().await.context("nothing is made")???;
            }
            if made > 0 && made % 1000 == 0 {
                eprintln!("{made} of {} merchants are made", self.count);
            }
            let api = stack.api().clone();
            making.spawn(async move {
                api.create_merchant(&name).await?;
                for copy in 0..self.endpoints {
                    let url = format!("http://{}{}", self.sink, self.manner.path(&name, copy));
                    api.create_endpoint(&name, &url, "standard", json!({ "concurrency_max": self.cap })).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(made) = making.join_next().await {
            made??;
        }
        Ok(Arc::new(names))
    }
}

/// How many merchants are asked before payments.
const ASKED: u64 = 100;

/// Makes merchants that are asked before a payment; so many of a hundred hang, the others answer in this manner. Answers
/// their names, those that hang spread among the others.
pub(crate) async fn make_asked(
    stack: &Stack,
    sink: SocketAddr,
    hanging: u64,
    manner: Manner,
) -> Result<Arc<Vec<String>>> {
    let mut names = Vec::new();
    for number in 0..ASKED {
        let name = format!("asked-{number}");
        let hangs = (number + 1) * hanging / 100 > number * hanging / 100;
        let manner = if hangs { Manner::Hangs } else { manner };
        let url = |manner: Manner| format!("http://{sink}{}", manner.path(&name, 0));
        let check_url = json!({ "check_url": url(manner) });
        stack.api().create_merchant(&name).await?;
        stack.api().create_endpoint(&name, &url(Manner::AtOnce), "cloudpayments", check_url).await?;
        names.push(name);
    }
    Ok(Arc::new(names))
}
