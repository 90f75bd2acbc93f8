//! The driver of a real Chromium.

use crate::ports::free_port;
use crate::server::Server;
use anyhow::Result;
use nix::sys::signal::Signal;
use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
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

/// A `chromedriver` of its own on a free port of 127.0.0.1. It and its browsers are stopped when it is dropped, or when
/// this process ends in whatever way.
pub struct Chromedriver {
    _server: Server,
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
        Ok(Chromedriver { _server: server, dir, port })
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

    /// The folder that the browser keeps its profile in.
    pub fn profile(&self) -> PathBuf {
        self.folder().join("profile")
    }

    /// A folder that goes when this does.
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }
}
