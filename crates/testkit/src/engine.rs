//! The real `paybell` binary as a child process.

use crate::client::Api;
use crate::ports::free_port;
use crate::server::{Server, tail};
use crate::wait::eventually;
use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// How long the binary may take until it says that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// The settings of a binary that is not started yet.
#[derive(Clone)]
pub struct EngineBuilder {
    settings: BTreeMap<String, String>,
    /// Whether `paybell migrate` runs first.
    migrates: bool,
    /// The key to use in place of a new one.
    token: Option<String>,
    /// Where its log goes, in place of a file of its own that is printed at the end.
    log: Option<PathBuf>,
    /// What is run, in place of [`paybell_binary`].
    binary: Option<PathBuf>,
}

impl EngineBuilder {
    fn new() -> EngineBuilder {
        let master_key = BASE64_STANDARD.encode(rand::random::<[u8; 32]>());
        let settings = [
            ("PAYBELL_MASTER_KEY", master_key.as_str()),
            ("PAYBELL_ALLOW_NON_PUBLIC_ADDRESSES", "true"),
            ("PAYBELL_ALLOW_PLAIN_HTTP", "true"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        EngineBuilder { settings, migrates: false, token: None, log: None, binary: None }
    }

    /// Sets an environment variable of the binary, such as `PAYBELL_ROLES`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: impl Into<String>) -> EngineBuilder {
        self.settings.insert(name.to_owned(), value.into());
        self
    }

    /// Appends its log to this file, which stays when the engine is gone; then nothing is printed.
    #[must_use]
    pub fn log_to(mut self, file: &Path) -> EngineBuilder {
        self.log = Some(file.to_owned());
        self
    }

    /// Runs this program in place of the binary, with the binary's arguments: one that ends in running the binary in its
    /// own place.
    #[must_use]
    pub fn run_by(mut self, program: &Path) -> EngineBuilder {
        self.binary = Some(program.to_owned());
        self
    }

    /// Starts the binary, waits until it is ready, and makes a gateway's key.
    ///
    /// # Errors
    /// When the binary is not built or does not become ready; with its log.
    pub async fn start(self) -> Result<Engine> {
        let binary = self.binary.map_or_else(paybell_binary, Ok)?;
        let dir = TempDir::with_prefix("paybell-engine-")?;
        let port = free_port()?;
        let mut settings = self.settings;
        settings.insert("PAYBELL_LISTEN".to_owned(), format!("127.0.0.1:{port}"));
        let server = Server::new("paybell serve", Signal::SIGKILL, dir.path())?;
        let api = Api::new(format!("http://127.0.0.1:{port}"), self.token.unwrap_or_default());
        let mut engine = Engine { server, binary, dir, settings: Mutex::new(settings), api, log: self.log };
        if self.migrates {
            engine.run(&["migrate"])?;
        }
        engine.start_again().await?;
        if engine.api.token().is_empty() {
            let token = engine.create_key("gateway")?;
            engine.api = engine.api.with_token(&token);
        }
        Ok(engine)
    }
}

/// A running `paybell serve`. It is killed when it is dropped, or when this process ends in whatever way; its log is
/// printed then, which the test harness shows for a test that failed.
pub struct Engine {
    server: Server,
    binary: PathBuf,
    dir: TempDir,
    settings: Mutex<BTreeMap<String, String>>,
    api: Api,
    log: Option<PathBuf>,
}

impl Engine {
    /// An embedded one, with its data in `dir`.
    pub fn embedded(dir: &Path) -> EngineBuilder {
        EngineBuilder::new().setting("PAYBELL_DATA_DIR", dir.to_string_lossy())
    }

    /// One against PostgreSQL and Redis. It is migrated first.
    pub fn production(database_url: &str, redis_url: &str) -> EngineBuilder {
        let builder =
            EngineBuilder::new().setting("PAYBELL_DATABASE_URL", database_url).setting("PAYBELL_REDIS_URL", redis_url);
        EngineBuilder { migrates: true, ..builder }
    }

    /// One more process with the same settings, key and master key, on a port of its own.
    pub fn sibling(&self) -> EngineBuilder {
        let token = Some(self.api.token().to_owned());
        EngineBuilder {
            settings: self.settings().clone(),
            migrates: false,
            token,
            log: None,
            binary: Some(self.binary.clone()),
        }
    }

    /// Changes an environment variable of the binary, or takes it away, from its next start on.
    pub fn set(&self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => _ = self.settings().insert(name.to_owned(), value.to_owned()),
            None => _ = self.settings().remove(name),
        }
    }

    fn settings(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of one of its settings, by its environment variable.
    pub fn setting(&self, name: &str) -> Option<String> {
        self.settings().get(name).cloned()
    }

    /// Its HTTP API, by the gateway's key.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Kills it as a loss of power would.
    pub fn kill9(&self) {
        self.server.stop(Signal::SIGKILL);
    }

    /// Stops its clockwork without its knowledge, as a paused virtual machine would be; [`Engine::thaw`] goes on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on after [`Engine::freeze`].
    ///
    /// # Errors
    /// When it does not run.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.pid().context("paybell serve does not run")?;
        kill(Pid::from_raw(i32::try_from(pid)?), signal).with_context(|| format!("send {signal} to paybell serve"))
    }

    /// How it ended, if it did so on its own.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.server.ended()
    }

    /// Asks it to end and waits for that.
    ///
    /// # Errors
    /// When it did not run.
    pub fn terminate(&self) -> Result<ExitStatus> {
        self.server.stop(Signal::SIGTERM).context("paybell serve does not run")
    }

    /// Starts it with the same settings, on the same port and data, after [`Engine::kill9`] or
    /// [`Engine::terminate`], and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready; with its log.
    pub async fn start_again(&self) -> Result<()> {
        self.launch()?;
        self.wait_ready().await
    }

    /// Starts it as [`Engine::start_again`] does, and does not wait.
    ///
    /// # Errors
    /// When it runs already or cannot be started.
    pub fn launch(&self) -> Result<()> {
        let log = self.log_file();
        let output = File::options().create(true).append(true).open(&log)?;
        let mut command = self.command(&["serve"]);
        command.stdout(output.try_clone()?).stderr(output).process_group(0);
        self.server.start(&mut command, &log, |_| true)
    }

    /// Waits until it says that it is ready.
    ///
    /// # Errors
    /// When it ended, or does not become ready; with its log.
    pub async fn wait_ready(&self) -> Result<()> {
        let mut said = String::from("nothing");
        let ready = eventually("paybell serve is ready", READY_WITHIN, async || {
            if let Some(status) = self.server.ended() {
                bail!("paybell serve ended: {status}");
            }
            let answer = self.api.get("/readyz").await;
            said = answer.as_ref().map_or_else(ToString::to_string, |answer| answer.body.to_string());
            Ok(answer.ok().filter(|answer| answer.status == 200))
        })
        .await;
        ready.map(drop).with_context(|| format!("/readyz says {said}; the log:\n{}", self.log()))
    }

    /// Makes a key of a role, `gateway` or `operator`, by the command line. Answers its token.
    ///
    /// # Errors
    /// When the command fails.
    pub fn create_key(&self, role: &str) -> Result<String> {
        let output = self.run(&["keys", "create", "--role", role, "--name", "tests", "--json"])?;
        let answer: Value = serde_json::from_str(&output).context("the output of keys create is no JSON")?;
        Ok(answer["key"].as_str().context("keys create answers no key")?.to_owned())
    }

    /// Runs another command of the binary with the same settings. Answers its standard output.
    ///
    /// # Errors
    /// When it fails; with all of its output.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        self.run_with_input(arguments, "")
    }

    /// Runs another command of the binary as [`Engine::run`] does, with this on its standard input.
    ///
    /// # Errors
    /// When it fails; with all of its output.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        // A command that reads nothing may have closed its end.
        let _ = child.stdin.take().context("a pipe")?.write_all(input.as_bytes());
        let output = child.wait_with_output()?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "paybell {arguments:?}: {}\n{out}\n{err}", output.status);
        Ok(out.into_owned())
    }

    /// The process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// The last lines of what it printed, over all its lives.
    pub fn log(&self) -> String {
        tail(&self.log_file())
    }

    fn log_file(&self) -> PathBuf {
        self.log.clone().unwrap_or_else(|| self.dir.path().join("log"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        let inherited = std::env::vars_os().map(|(name, _)| name);
        for name in inherited.filter(|name| name.to_string_lossy().starts_with("PAYBELL_")) {
            command.env_remove(name);
        }
        command.args(arguments).envs(&*self.settings()).current_dir(self.dir.path()).stdin(Stdio::null());
        command
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.kill9();
        if self.log.is_some() {
            return;
        }
        println!("the log of paybell serve on {}:\n{}", self.api.base(), self.log());
    }
}

/// The binary to test: `$PAYBELL_BIN`, or the one beside this test's own executable.
///
/// # Errors
/// When there is none.
pub fn paybell_binary() -> Result<PathBuf> {
    if let Some(file) = std::env::var_os("PAYBELL_BIN") {
        return Ok(file.into());
    }
    let this = std::env::current_exe()?;
    // Tests are in target/<profile>/deps, the binary is in target/<profile>.
    let folders = this.ancestors().skip(1).take(2);
    let found = folders.map(|dir| dir.join("paybell")).find(|file| file.is_file());
    found.context("the paybell binary is not built: run `cargo build -p paybell` first, or set PAYBELL_BIN")
}
