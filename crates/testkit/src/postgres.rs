//! A private PostgreSQL server with durable settings.

use crate::ports::free_port;
use crate::server::Server;
use anyhow::{Context, Result, anyhow, bail};
use nix::sys::signal::Signal;
use nix::unistd::{Uid, User};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The oldest major version that Paybell supports.
const MAJOR_MIN: u32 = 15;

/// A PostgreSQL cluster of its own in a temporary folder, on a free port of 127.0.0.1. It commits durably, as in
/// production. It is stopped and removed when it is dropped, or when this process ends in whatever way.
pub struct Postgres {
    server: Server,
    bin: PathBuf,
    dir: TempDir,
    port: u16,
    settings: Vec<String>,
}

impl Postgres {
    /// Starts one with PostgreSQL's own default settings for durability.
    ///
    /// # Errors
    /// When no PostgreSQL ≥ 15 is installed, or it does not start; with its log.
    pub fn start() -> Result<Postgres> {
        Self::start_with(&[])
    }

    /// Starts one with further settings, each as `name=value`, such as `fsync=off`.
    ///
    /// # Errors
    /// As for [`Postgres::start`].
    pub fn start_with(settings: &[&str]) -> Result<Postgres> {
        Self::start_in(&std::env::temp_dir(), settings)
    }

    /// Starts one whose cluster is in a folder of its own within `parent`, such as a small file system.
    ///
    /// # Errors
    /// As for [`Postgres::start`].
    pub fn start_in(parent: &Path, settings: &[&str]) -> Result<Postgres> {
        let dir = TempDir::with_prefix_in("paybell-postgres-", parent)?;
        let server = Server::new("PostgreSQL", Signal::SIGQUIT, dir.path())?;
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let postgres = Postgres { server, bin: find_binaries()?, dir, port: free_port()?, settings };
        postgres.make_cluster()?;
        postgres.start_again()?;
        Ok(postgres)
    }

    /// The server that the tests of this process share, started at the first call. Each test takes a database of its
    /// own in it; a test that kills its server starts one of its own instead.
    ///
    /// # Errors
    /// As for [`Postgres::start`], at every call.
    pub async fn shared() -> Result<&'static Postgres> {
        static SHARED: OnceLock<Result<Postgres, String>> = OnceLock::new();
        // The tests of a process run on several runtimes, so this blocks rather than waits on any of them.
        let shared = SHARED.get_or_init(|| Self::start().map_err(|error| format!("{error:#}")));
        shared.as_ref().map_err(|error| anyhow!(error.clone()))
    }

    /// Makes an empty database. Answers its URL.
    ///
    /// # Errors
    /// When the server is down.
    pub async fn create_database(&self) -> Result<String> {
        let name = format!("t_{}", uuid::Uuid::now_v7().simple());
        let mut connection = PgConnection::connect(&self.url("postgres")).await.context("connect to PostgreSQL")?;
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
        connection.close().await?;
        Ok(self.url(&name))
    }

    /// The URL of a database by its name.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Kills the server as a loss of power would: nothing is flushed.
    pub fn kill9(&self) {
        self.server.stop(Signal::SIGKILL);
    }

    /// Stops the server in its fast way, with a last checkpoint.
    pub fn stop(&self) {
        self.server.stop(Signal::SIGINT);
    }

    /// Starts the server on the same data and the same port after [`Postgres::kill9`] or [`Postgres::stop`].
    ///
    /// # Errors
    /// When it does not come up; with its log.
    pub fn start_again(&self) -> Result<()> {
        // After a kill the former server's children may hold its shared memory for a moment, and it refuses to start.
        let mut started = self.try_start();
        for _ in 0..20 {
            match &started {
                Err(error) if format!("{error:#}").contains("shared memory block") => {}
                _ => break,
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
            started = self.try_start();
        }
        started
    }

    /// The process id of the server, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn try_start(&self) -> Result<()> {
        let log = self.dir.path().join("log");
        let data = self.data();
        let mut command = self.command("postgres")?;
        command.arg("-D").arg(&data).args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        command.args(["-c", &format!("port={}", self.port), "-c", "max_connections=300"]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let output = File::create(&log)?;
        command.stdout(output.try_clone()?).stderr(output).process_group(0);
        self.server.start(&mut command, &log, |pid| accepts_connections(&data, pid))
    }

    fn make_cluster(&self) -> Result<()> {
        if let Some(user) = unprivileged_user()? {
            chown(self.dir.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
        let mut command = self.command("initdb")?;
        command.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]);
        let output = command.arg(self.data()).output().context("run initdb")?;
        if !output.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// A program of PostgreSQL, such as `pg_dump`, run by an unprivileged user, as the server's own ask for, and
    /// without standard input.
    ///
    /// # Errors
    /// When this is root and there is no such user.
    pub fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        if let Some(user) = unprivileged_user()? {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        Ok(command)
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }
}

/// Whom to run as: nobody else unless this is root, else `postgres` or `nobody`.
fn unprivileged_user() -> Result<Option<User>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some(user));
        }
    }
    bail!("PostgreSQL refuses to run as root, and there is no user postgres or nobody")
}

/// Whether the server has written `ready` into its pid file (the eighth line, as `pg_ctl -w` reads it).
fn accepts_connections(data: &Path, pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(data.join("postmaster.pid")) else { return false };
    let mut lines = text.lines();
    lines.next().is_some_and(|first| first.trim() == pid.to_string())
        && lines.nth(6).is_some_and(|eighth| eighth.trim() == "ready")
}

/// The folder of the binaries: `$PAYBELL_TEST_PG_BIN`, or the newest of those in `PATH` and where Debian puts them.
fn find_binaries() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("PAYBELL_TEST_PG_BIN") {
        return Ok(dir.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let candidates = std::env::split_paths(&path).chain(debian.map(|entry| entry.path().join("bin")));
    candidates
        .filter(|dir| dir.join("initdb").exists())
        .filter_map(|dir| Some((major_version(&dir)?, dir)))
        .filter(|(major, _)| *major >= MAJOR_MIN)
        .max_by_key(|(major, _)| *major)
        .map(|(_, dir)| dir)
        .context("no PostgreSQL 15 or newer was found in PATH, /usr/lib/postgresql or $PAYBELL_TEST_PG_BIN")
}

/// From `postgres (PostgreSQL) 15.14 (Debian …)`: 15.
fn major_version(bin: &Path) -> Option<u32> {
    let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split_whitespace().nth(2)?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
