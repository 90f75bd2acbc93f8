//! The engine under test: several real processes of different roles behind the proxies, or one embedded.

use crate::dump::Source;
use crate::layout::Layout;
use crate::proxy::Proxy;
use crate::troubles::Troubles;
use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use paybell_testkit::{Api, Engine, EngineBuilder, Postgres, Redis, eventually};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::sleep;

/// The servers of a production cluster, each behind its proxy.
pub struct Servers {
    /// The database.
    pub postgres: Postgres,
    /// What stands before it.
    pub to_postgres: Proxy,
    /// The queue.
    pub redis: Redis,
    /// What stands before it.
    pub to_redis: Proxy,
    /// The database's name.
    pub database: String,
}

/// The processes, and what they run on.
pub struct Cluster {
    // The processes end before their servers.
    nodes: BTreeMap<String, Engine>,
    servers: Option<Servers>,
    source: Source,
    kills: AtomicU64,
    /// The processes that are not to run now.
    down: Mutex<HashSet<String>>,
    pub(crate) troubles: Mutex<Troubles>,
    logs: PathBuf,
    _data: TempDir,
}

/// What only the statement that accepts payments says.
const ACCEPTS: &str = "INTO payments";

/// The name of an embedded process.
pub const EMBEDDED: &str = "embedded";

impl Cluster {
    /// Starts all of it; the processes' logs go to `logs`.
    ///
    /// # Errors
    /// When any of it does not start.
    pub async fn start(layout: Layout, logs: &Path) -> Result<Cluster> {
        let data = TempDir::with_prefix("paybell-faults-")?;
        if layout.is_embedded() {
            let builder = set(Engine::embedded(data.path()), &layout.settings).log_to(&logs.join("embedded.log"));
            let nodes = BTreeMap::from([(EMBEDDED.to_owned(), builder.start().await?)]);
            let source = Source::sqlite(&data.path().join("paybell.db"));
            return Ok(Cluster {
                nodes,
                servers: None,
                source,
                kills: AtomicU64::new(0),
                down: Mutex::default(),
                troubles: Mutex::default(),
                logs: logs.into(),
                _data: data,
            });
        }
        let postgres = layout.postgres.map_or_else(|| tokio::task::block_in_place(Postgres::start), Ok)?;
        let redis = tokio::task::block_in_place(Redis::start)?;
        let url = postgres.create_database().await?;
        let database = url.rsplit('/').next().unwrap_or_default().to_owned();
        let source = Source::postgres(&url)?;
        for statements in layout.statements {
            source.execute(statements).await?;
        }
        let to_postgres = Proxy::before_postgres(postgres.port(), ACCEPTS).await?;
        let to_redis = Proxy::start(redis.port()).await?;
        let url = format!("postgres://postgres@127.0.0.1:{}/{database}", to_postgres.port());
        let builder = Engine::production(&url, &format!("redis://127.0.0.1:{}", to_redis.port()));
        let builder = layout.program.iter().fold(builder, |builder, program| builder.run_by(program));
        let nodes = start_nodes(set(builder, &layout.settings), &layout.nodes, logs).await?;
        let servers = Some(Servers { postgres, to_postgres, redis, to_redis, database });
        Ok(Cluster {
            nodes,
            servers,
            source,
            kills: AtomicU64::new(0),
            down: Mutex::default(),
            troubles: Mutex::default(),
            logs: logs.into(),
            _data: data,
        })
    }

    /// A process by its name.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn node(&self, name: &str) -> Result<&Engine> {
        self.nodes.get(name).with_context(|| format!("there is no process {name}"))
    }

    /// The names of the processes that have this word in their name.
    pub fn names(&self, word: &str) -> Vec<String> {
        self.nodes.keys().filter(|name| name.contains(word)).cloned().collect()
    }

    /// The servers.
    ///
    /// # Errors
    /// When it is embedded.
    pub fn servers(&self) -> Result<&Servers> {
        self.servers.as_ref().context("an embedded engine has no servers")
    }

    /// The APIs, by the gateway's key.
    pub fn apis(&self) -> Vec<Api> {
        let serve = |name: &&String| name.contains("api") || *name == EMBEDDED;
        self.nodes.iter().filter(|(name, _)| serve(name)).map(|(_, engine)| engine.api().clone()).collect()
    }

    /// The way into the database past the proxies.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Kills a process by `kill -9`.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn kill(&self, name: &str) -> Result<()> {
        let engine = self.node(name)?;
        self.down().insert(name.to_owned());
        tokio::task::block_in_place(|| engine.kill9());
        self.kills.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Ends a process as an operator would. One that has ended by itself is left.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn terminate(&self, name: &str) -> Result<()> {
        let engine = self.node(name)?;
        self.down().insert(name.to_owned());
        let _ = tokio::task::block_in_place(|| engine.terminate());
        Ok(())
    }

    /// Starts a process again, and does not wait until it is ready.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn launch(&self, name: &str) -> Result<()> {
        self.down().remove(name);
        self.node(name)?.launch()
    }

    /// Starts again what ended by itself, as a supervisor does.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn revive(&self) -> Result<()> {
        let down = self.down().clone();
        for (name, engine) in self.nodes.iter().filter(|(name, _)| !down.contains(*name)) {
            if engine.ended().is_some() {
                engine.kill9();
                engine.launch().with_context(|| format!("start {name} again"))?;
            }
        }
        Ok(())
    }

    /// Starts again what ended by itself, until all are ready.
    ///
    /// # Errors
    /// When one does not become ready.
    pub async fn revive_all(&self) -> Result<()> {
        let revive = eventually("all processes are ready", Duration::from_secs(60), async || {
            self.revive()?;
            for engine in self.nodes.values() {
                if !engine.api().get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
                    sleep(Duration::from_millis(100)).await;
                    return Ok(None);
                }
            }
            Ok(Some(()))
        });
        revive.await
    }

    fn down(&self) -> MutexGuard<'_, HashSet<String>> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many processes were killed.
    pub fn kills(&self) -> u64 {
        self.kills.load(Ordering::Relaxed)
    }

    /// Counts the kill of a server.
    pub fn note_kill(&self) {
        self.kills.fetch_add(1, Ordering::Relaxed);
    }

    /// Starts one more process like the first, of these roles.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn add(&mut self, name: &str, roles: &str) -> Result<()> {
        let first = self.nodes.values().next().context("the cluster is empty")?;
        let engine = sibling(first, name, roles, &self.logs).start().await?;
        self.nodes.insert(name.to_owned(), engine);
        Ok(())
    }

    /// Ends all processes as an operator would, at the same time.
    pub fn terminate_all(&self) {
        tokio::task::block_in_place(|| {
            std::thread::scope(|scope| {
                for engine in self.nodes.values() {
                    scope.spawn(move || engine.terminate());
                }
            });
        });
    }
}

async fn start_nodes(
    builder: EngineBuilder,
    nodes: &[(String, String)],
    logs: &Path,
) -> Result<BTreeMap<String, Engine>> {
    let ((name, roles), others) = nodes.split_first().context("a cluster needs processes")?;
    let log = logs.join(format!("{name}.log"));
    let first = builder.setting("PAYBELL_ROLES", roles).log_to(&log).start().await?;
    let others = others.iter().map(|(name, roles)| {
        let builder = sibling(&first, name, roles, logs);
        async move { anyhow::Ok((name.clone(), builder.start().await?)) }
    });
    let mut started: BTreeMap<String, Engine> = try_join_all(others).await?.into_iter().collect();
    started.insert(name.clone(), first);
    Ok(started)
}

fn sibling(first: &Engine, name: &str, roles: &str, logs: &Path) -> EngineBuilder {
    first.sibling().setting("PAYBELL_ROLES", roles).log_to(&logs.join(format!("{name}.log")))
}

fn set(builder: EngineBuilder, settings: &BTreeMap<String, String>) -> EngineBuilder {
    settings.iter().fold(builder, |builder, (name, value)| builder.setting(name, value.clone()))
}
