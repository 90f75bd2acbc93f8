//! The floor: a bare handler that does for a payment only what cannot be left out. It parses the same JSON, writes the
//! same rows once in one transaction for 500 payments, answers after the commit, and POSTs once to the same receiver. It
//! has no queue, no claim and no retry, so it keeps no promise; it is the limit that the engine is compared with.

pub(crate) mod serve;
pub(crate) mod write_batch;

use crate::account::{Measured, Pids};
use crate::bench::Bench;
use crate::figures::Figures;
use crate::ledger::Group;
use crate::send_payments::{Intake, Pace, Stream};
use crate::sink::Manner;
use crate::stack::{Layout, Servers};
use anyhow::{Context, Result};
use serde_json::from_str;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Fewer requests at once would not fill one transaction of 500 while another is written.
const CONNECTIONS_MIN: u64 = 1000;

/// The bare handler, in a process of its own as the engine is. It ends when this is dropped, or when this process ends.
pub(crate) struct Floor {
    servers: Arc<Servers>,
    pub(crate) database_url: String,
    address: SocketAddr,
    child: Child,
}

impl Floor {
    /// Starts it with a database of its own that has the engine's schema.
    pub(crate) async fn start(bench: &mut Bench) -> Result<Self> {
        let stack = bench.production(Layout::One, &[]).await?;
        stack.stop()?;
        let (servers, database_url) = (bench.servers().await?, stack.postgres_url()?.to_owned());
        let sink = format!("http://{}{}", bench.sink.address, Manner::AtOnce.path("floor", 0));
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve-floor", "--database", &database_url, "--sink", &sink]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("start the bare handler")?;
        let mut line = String::new();
        let output = child.stdout.take().context("the bare handler has no output")?;
        BufReader::new(output).read_line(&mut line).await?;
        let address = line.trim().parse().context("the bare handler says no address")?;
        Ok(Self { servers, database_url, address, child })
    }

    /// Where the gateway sends: what does everything, or what answers at once.
    fn intake(&self, path: &'static str) -> Intake {
        Intake { addresses: vec![self.address], key: "none".to_owned(), path }
    }

    /// Measures it under the engine's load. The figures are reported under `name`.
    pub(crate) async fn run(&self, bench: &mut Bench, name: &str) -> Result<Figures> {
        let under_way = usize::try_from(bench.options.under_way)?;
        self.load(bench, name, "/v1/payments", Group::Healthy, under_way).await
    }

    /// Measures bare HTTP exchanges: the figures' rate of 202s is what counts. Answers exchanges a second.
    pub(crate) async fn run_bare(&self, bench: &mut Bench) -> Result<f64> {
        let accepted = |bench: &Bench| bench.ledger.of(Group::Troubled).accepted.load(Relaxed);
        let before = (accepted(bench), bench.ledger.now_us());
        // Nothing arrives at the sink, so nothing is held back.
        self.load(bench, "bare exchanges", "/bare", Group::Troubled, usize::MAX >> 4).await?;
        bench.report.runs.pop();
        Ok((accepted(bench) - before.0) as f64 * 1e6 / (bench.ledger.now_us() - before.1) as f64)
    }

    async fn load(
        &self,
        bench: &mut Bench,
        name: &str,
        path: &'static str,
        group: Group,
        under_way: usize,
    ) -> Result<Figures> {
        let connections = usize::try_from(bench.options.connections.max(CONNECTIONS_MIN))?;
        let merchants = Arc::new((0..bench.options.merchants).map(|number| format!("floor-{number}")).collect());
        let stream = Stream { group, merchants, pace: Pace::Held { under_way }, connections };
        let traffic = bench.send(&self.intake(path), &stream);
        bench.warm_up(name).await;
        let figures = bench.measure(name, self, bench.options.seconds, &[&traffic]).await;
        traffic.stop().await?;
        if group == Group::Healthy {
            bench.drain(group).await;
        }
        Ok(figures)
    }
}

impl Measured for Floor {
    fn pids(&self) -> Pids {
        let servers = &self.servers;
        Pids {
            engine: self.child.id().into_iter().collect(),
            postgres: servers.postgres.pid(),
            redis: servers.redis.pid(),
        }
    }

    async fn recorded(&self) -> Option<f64> {
        None
    }
}

/// A payment as it is parsed: the fields of the intake API.
#[derive(serde::Deserialize)]
pub(crate) struct Parsed<'a> {
    pub(crate) merchant: &'a str,
    pub(crate) id: &'a str,
    pub(crate) pay_for: Option<&'a str>,
    pub(crate) amount: i64,
    pub(crate) currency: &'a str,
    #[expect(dead_code, reason = "it is parsed as the engine does; the row takes the present")]
    pub(crate) confirmed_at: &'a str,
    pub(crate) method: Option<&'a str>,
    pub(crate) description: Option<&'a str>,
    pub(crate) payer_email: Option<&'a str>,
    pub(crate) payer_phone: Option<&'a str>,
    #[serde(borrow)]
    pub(crate) data: Option<&'a serde_json::value::RawValue>,
}

/// Parses a payment; the generator's own have no escapes.
pub(crate) fn parse(body: &str) -> Result<Parsed<'_>> {
    Ok(from_str(body)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_gateway_sends_can_be_parsed() {
        let body = crate::payment::payment(7, "floor-1");
        let parsed = parse(&body).expect("it is a payment");
        assert_eq!((parsed.merchant, parsed.id, parsed.amount), ("floor-1", "bench-7", 107));
        assert!(parsed.data.is_some_and(|data| data.get().starts_with("{\"channel\"")));
        assert!(parse("{}").is_err());
    }
}
