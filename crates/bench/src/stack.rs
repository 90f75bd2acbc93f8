//! What is measured: the real binary, in one or several processes, with private servers.

use crate::account::{Measured, Pids};
use crate::database::Database;
use crate::options::Setting;
use crate::send_payments::Intake;
use anyhow::{Context, Result, ensure};
use paybell_testkit::{Api, Engine, EngineBuilder, Postgres, Redis};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// A private PostgreSQL with durable settings, and a private Redis.
pub(crate) struct Servers {
    pub(crate) postgres: Postgres,
    pub(crate) redis: Redis,
}

/// Keeps files of the write-ahead log to be written again, as many as it may have, and lets it grow before the next checkpoint,
/// as docs/OPERATIONS.md tells operators to. The command line's settings come later and win.
const WAL: [&str; 2] = ["min_wal_size=4GB", "max_wal_size=4GB"];

/// Keeps checkpoints from giving files to be written again before all are there.
const HOLD_WAL: &str = "SELECT pg_create_physical_replication_slot('paybell_bench', true)";
const LET_WAL_GO: &str = "SELECT pg_drop_replication_slot('paybell_bench')";
/// Fills more of the log than it keeps, file by file.
const FILL_WAL: &str = "DO $$ BEGIN FOR i IN 1..260 LOOP
    PERFORM pg_logical_emit_message(false, 'paybell-bench', 'fills a file of the log'); PERFORM pg_switch_wal();
END LOOP; END $$";

impl Servers {
    /// Starts both; PostgreSQL with these settings besides its defaults, and with files for its log as a server has that
    /// has run for a while: a new one makes each of them as it is needed, and all commits wait for that, some 25 ms for
    /// every 16 MB.
    pub(crate) async fn start(settings: &[&str]) -> Result<Arc<Self>> {
        eprintln!("starting PostgreSQL and Redis");
        let postgres = Postgres::start_with(&[&WAL, settings].concat())?;
        let database = Database::connect(&postgres.url("postgres")).await?;
        for statement in [HOLD_WAL, FILL_WAL, LET_WAL_GO, "CHECKPOINT"] {
            database.run(statement).await?;
        }
        database.pool.close().await;
        Ok(Arc::new(Self { postgres, redis: Redis::start()? }))
    }
}

/// Which processes there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Layout {
    /// One process with every role.
    One,
    /// Processes with the API only, and processes that work and dispatch.
    Split {
        /// How many with the API.
        apis: usize,
        /// How many that work.
        workers: usize,
    },
}

/// A running engine with its database.
pub(crate) struct Stack {
    /// Of an embedded engine, there are none.
    pub(crate) servers: Option<Arc<Servers>>,
    /// In PostgreSQL.
    pub(crate) database_url: String,
    engines: Vec<Engine>,
    apis: usize,
    /// The logs and, when it is embedded, the data.
    _dir: TempDir,
}

impl Stack {
    /// One in production mode with a database of its own.
    pub(crate) async fn production(servers: &Arc<Servers>, layout: Layout, settings: &[Setting]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let database_url = servers.postgres.create_database().await?;
        let first = with_settings(Engine::production(&database_url, &servers.redis.fresh_url()), settings);
        let (apis, workers, roles) = match layout {
            Layout::One => (1, 0, "api,worker,dispatcher,dashboard"),
            Layout::Split { apis, workers } => (apis, workers, "api"),
        };
        let log = |number: usize| dir.path().join(format!("log-{number}"));
        let mut engines = vec![first.setting("PAYBELL_ROLES", roles).log_to(&log(0)).start().await?];
        for number in 1..apis + workers {
            let roles = if number < apis { "api" } else { "worker,dispatcher" };
            let sibling = engines[0].sibling().setting("PAYBELL_ROLES", roles).log_to(&log(number));
            engines.push(sibling.start().await?);
        }
        Ok(Self { servers: Some(servers.clone()), database_url, engines, apis, _dir: dir })
    }

    /// An embedded one.
    pub(crate) async fn embedded(settings: &[Setting]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let engine = with_settings(Engine::embedded(&dir.path().join("data")), settings);
        let engine = engine.log_to(&dir.path().join("log-0")).start().await?;
        Ok(Self { servers: None, database_url: String::new(), engines: vec![engine], apis: 1, _dir: dir })
    }

    /// Its API.
    pub(crate) fn api(&self) -> &Api {
        self.engines[0].api()
    }

    /// A new key of an operator, by which people sign in.
    pub(crate) fn operators_key(&self) -> Result<String> {
        self.engines[0].create_key("operator")
    }

    /// Where the gateway sends payments.
    pub(crate) fn intake(&self) -> Result<Intake> {
        let address = |engine: &Engine| engine.api().base().trim_start_matches("http://").parse();
        let addresses = self.engines[..self.apis].iter().map(address).collect::<Result<_, _>>()?;
        Ok(Intake { addresses, key: self.api().token().to_owned(), path: "/v1/payments" })
    }

    /// The process id of the last process: of the only one, or of a worker.
    pub(crate) fn last_pid(&self) -> Option<u32> {
        self.engines.last().and_then(Engine::pid)
    }

    /// The URL of its database, which must be PostgreSQL's.
    pub(crate) fn postgres_url(&self) -> Result<&str> {
        ensure!(!self.database_url.is_empty(), "this engine has no PostgreSQL");
        Ok(&self.database_url)
    }

    /// The last lines of all logs.
    pub(crate) fn logs(&self) -> String {
        self.engines.iter().map(Engine::log).collect::<Vec<_>>().join("\n")
    }

    /// Ends the engine's processes; the data stays.
    pub(crate) fn stop(&self) -> Result<()> {
        self.engines.iter().try_for_each(|engine| engine.terminate().map(drop))
    }

    /// Starts them again after [`Stack::stop`].
    pub(crate) async fn start_again(&self) -> Result<()> {
        for engine in &self.engines {
            engine.start_again().await?;
        }
        Ok(())
    }

    /// The sum of a counter of the engine over all processes; the text is its name and the beginning of its labels.
    pub(crate) async fn counter(&self, text: &str) -> Result<f64> {
        let mut sum = 0.0;
        for engine in &self.engines {
            let answer = engine.api().get("/metrics").await?;
            sum += sum_of(answer.body.as_str().unwrap_or_default(), text);
        }
        Ok(sum)
    }
}

impl Measured for Stack {
    fn pids(&self) -> Pids {
        let servers = self.servers.as_ref();
        Pids {
            engine: self.engines.iter().filter_map(Engine::pid).collect(),
            postgres: servers.and_then(|servers| servers.postgres.pid()),
            redis: servers.and_then(|servers| servers.redis.pid()),
        }
    }

    async fn recorded(&self) -> Option<f64> {
        self.counter("paybell_deliveries_finished_total{state=\"delivered\"").await.ok()
    }
}

/// The sum of the samples whose lines begin with `text`, in the text format of Prometheus.
fn sum_of(metrics: &str, text: &str) -> f64 {
    let lines = metrics.lines().filter(|line| line.starts_with(text));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

fn with_settings(engine: EngineBuilder, settings: &[Setting]) -> EngineBuilder {
    settings.iter().fold(engine, |engine, setting| engine.setting(&setting.name, &setting.value))
}

/// Builds the binary that is measured, optimised, unless `PAYBELL_BIN` names one.
pub(crate) fn build_engine() -> Result<()> {
    if std::env::var_os("PAYBELL_BIN").is_some() {
        return Ok(());
    }
    eprintln!("building paybell");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(["build", "--release", "--quiet", "-p", "paybell"]).status();
    ensure!(status.context("run cargo")?.success(), "paybell could not be built");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_summed_over_its_labels() {
        let metrics = "# HELP a_total x\na_total{state=\"delivered\",reason=\"\"} 3\n\
            a_total{state=\"delivered\",reason=\"x\"} 4\na_total{state=\"settled\"} 5\nb_total 6\n";
        assert_eq!(sum_of(metrics, "a_total{state=\"delivered\""), 7.0);
        assert_eq!(sum_of(metrics, "a_total"), 12.0);
        assert_eq!(sum_of(metrics, "c_total"), 0.0);
    }
}
