//! The driver of a real Chromium.

use crate::ports::free_port;
use crate::server::Server;
use anyhow::Result;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The arguments of a Chromium that shows nothing on a screen, keeps nothing, and calls nobody but this machine. By the
/// pipe it ends when its driver does, however that comes about.
const BROWSER_ARGUMENTS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--lang=en-US",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// How long a browser may take to end once its driver is gone.
const END_WITHIN: Duration = Duration::from_secs(5);

/// A `chromedriver` of its own on a free port of 127.0.0.1. It and its browsers are stopped when it is dropped, or when
/// this process ends in whatever way.
pub struct Chromedriver {
    server: Server,
    dir: TempDir,
    port: u16,
}

impl Chromedriver {
    /// Starts one.
    ///
    /// # Errors
    /// When `chromedriver` is not in `PATH` (Debian: chromium-driver), or does not start; with its log.
    pub fn start() -> Result<Chromedriver> {
        let dir = TempDir::with_prefix("paybell-browser-")?;
        let server = Server::new("chromedriver", Signal::SIGTERM, dir.path())?;
        let port = free_port()?;
        let log = dir.path().join("log");
        let output = File::create(&log)?;
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).env("HOME", dir.path()).env("TMPDIR", dir.path());
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let accepts = |_| TcpStream::connect_timeout(&address, Duration::from_millis(100)).is_ok();
        server.start(&mut command, &log, accepts)?;
        Ok(Chromedriver { server, dir, port })
    }

    /// Where WebDriver's commands go.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The arguments with which a browser is to be started.
    pub fn browser_arguments(&self) -> Vec<String> {
        let profile = format!("--user-data-dir={}", self.profile().display());
        BROWSER_ARGUMENTS.iter().map(|argument| (*argument).to_owned()).chain([profile]).collect()
    }

    fn profile(&self) -> PathBuf {
        self.dir.path().join("profile")
    }

    /// The browser's process id, while one runs: its profile's lock is a link to `host-pid`.
    fn browser_pid(&self) -> Option<Pid> {
        let lock = std::fs::read_link(self.profile().join("SingletonLock")).ok()?;
        lock.to_str()?.rsplit_once('-')?.1.parse().ok().map(Pid::from_raw)
    }
}

impl Drop for Chromedriver {
    /// A browser whose driver is gone ends by itself, and writes into its profile until then.
    fn drop(&mut self) {
        let browser = self.browser_pid();
        self.server.stop(Signal::SIGTERM);
        let Some(browser) = browser else { return };
        let give_up_at = Instant::now() + END_WITHIN;
        while kill(browser, None).is_ok() {
            if Instant::now() > give_up_at {
                let _ = kill(browser, Signal::SIGKILL);
                return;
            }
            sleep(Duration::from_millis(10));
        }
    }
}
