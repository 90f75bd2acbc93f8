//! A private Redis server that keeps nothing on disk.

use crate::ports::free_port;
use crate::server::Server;
use anyhow::{Context, Result, anyhow};
use nix::sys::signal::Signal;
use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// How many numbered databases the server has.
const DATABASES: u32 = 4096;

/// A Redis (or Valkey) server of its own on a free port of 127.0.0.1. It keeps nothing on disk, so when it is killed
/// and started again it is empty. It is stopped when it is dropped, or when this process ends in whatever way.
pub struct Redis {
    server: Server,
    binary: PathBuf,
    dir: TempDir,
    port: u16,
    clustered: bool,
    databases_given: AtomicU32,
}

impl Redis {
    /// Starts one.
    ///
    /// # Errors
    /// When neither `redis-server` nor `valkey-server` is in `PATH`, or it does not start; with its log.
    pub fn start() -> Result<Redis> {
        let redis = Self::down()?;
        redis.start_again()?;
        Ok(redis)
    }

    /// Starts one that is a cluster of itself alone: it has all slots, and refuses whatever touches two at once. A cluster
    /// has one database only.
    ///
    /// # Errors
    /// As for [`Redis::start`].
    pub fn start_cluster() -> Result<Redis> {
        let redis = Redis { clustered: true, ..Self::down()? };
        redis.start_again()?;
        redis.query(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"])?;
        Ok(redis)
    }

    /// One that is down at first and has its port already: [`Redis::start_again`] starts it.
    ///
    /// # Errors
    /// When neither `redis-server` nor `valkey-server` is in `PATH`.
    pub fn down() -> Result<Redis> {
        let dir = TempDir::with_prefix("paybell-redis-")?;
        let server = Server::new("Redis", Signal::SIGTERM, dir.path())?;
        let databases_given = AtomicU32::new(0);
        Ok(Redis { server, binary: find_binary()?, dir, port: free_port()?, clustered: false, databases_given })
    }

    /// The server that the tests of this process share, started at the first call. A test that kills or flushes its
    /// server starts one of its own instead.
    ///
    /// # Errors
    /// As for [`Redis::start`], at every call.
    pub fn shared() -> Result<&'static Redis> {
        static SHARED: OnceLock<Result<Redis, String>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| Self::start().map_err(|error| format!("{error:#}")));
        shared.as_ref().map_err(|error| anyhow!(error.clone()))
    }

    /// The URL of an empty database of the shared server that no other test uses.
    ///
    /// # Errors
    /// As for [`Redis::shared`].
    pub fn shared_url() -> Result<String> {
        Ok(Self::shared()?.fresh_url())
    }

    /// The URL of a database of this server that was not given to anybody before.
    pub fn fresh_url(&self) -> String {
        let number = 1 + self.databases_given.fetch_add(1, Ordering::Relaxed) % (DATABASES - 1);
        format!("{}/{number}", self.url())
    }

    /// The URL of the server's first database.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Empties all databases, as an operator's mistake would.
    ///
    /// # Errors
    /// When the server is down.
    pub fn flushall(&self) -> Result<()> {
        self.query(&["FLUSHALL"]).map(drop)
    }

    /// Runs one command on the first database; answers its reply as Redis's own types.
    ///
    /// # Errors
    /// When the server is down or refuses the command.
    pub fn query(&self, words: &[&str]) -> Result<redis::Value> {
        let mut connection = redis::Client::open(self.url())?.get_connection().context("connect to Redis")?;
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(word);
        }
        Ok(command.query(&mut connection)?)
    }

    /// Kills the server and all that it held.
    pub fn kill9(&self) {
        self.server.stop(Signal::SIGKILL);
    }

    /// Starts the server, empty, on the same port after [`Redis::kill9`].
    ///
    /// # Errors
    /// When it does not come up; with its log.
    pub fn start_again(&self) -> Result<()> {
        let log = self.dir.path().join("log");
        let output = File::create(&log)?;
        let mut command = Command::new(&self.binary);
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.args(["--databases", &DATABASES.to_string(), "--dir"]).arg(self.dir.path());
        if self.clustered {
            command.args(["--cluster-enabled", "yes", "--cluster-port", &free_port()?.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let accepts = |_| TcpStream::connect_timeout(&address, Duration::from_millis(100)).is_ok();
        self.server.start(&mut command, &log, accepts)
    }

    /// The process id of the server, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn find_binary() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    ["redis-server", "valkey-server"]
        .into_iter()
        .flat_map(|name| folders.iter().map(move |dir| dir.join(name)))
        .find(|file| file.exists())
        .context("neither redis-server nor valkey-server was found in PATH")
}
