//! A process that is started, killed and started again, and that never outlives this one.

use crate::watchdog::Watchdog;
use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// One process at a time under a watchdog.
pub(crate) struct Server {
    name: &'static str,
    end_by: Signal,
    running: Mutex<Running>,
}

struct Running {
    child: Option<Child>,
    watchdog: Watchdog,
}

impl Server {
    /// Nothing runs yet. `end_by` is how the process is ended when this is dropped; `dir` is then removed.
    pub(crate) fn new(name: &'static str, end_by: Signal, dir: &Path) -> Result<Server> {
        let watchdog = Watchdog::start(end_by, dir)?;
        Ok(Server { name, end_by, running: Mutex::new(Running { child: None, watchdog }) })
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the process and waits until `ready` says so.
    pub(crate) fn start(&self, command: &mut Command, log: &Path, ready: impl Fn(u32) -> bool) -> Result<()> {
        let mut running = self.running();
        if running.child.is_some() {
            bail!("{} is already running", self.name);
        }
        let child = command.spawn().with_context(|| format!("start {}: {command:?}", self.name))?;
        let pid = child.id();
        running.watchdog.watch(pid);
        let child = running.child.insert(child);
        let give_up_at = Instant::now() + Duration::from_secs(60);
        while !ready(pid) {
            let ended = child.try_wait()?;
            if ended.is_some() || Instant::now() > give_up_at {
                let fate = ended.map_or("not ready after 60 s".to_owned(), |status| format!("ended: {status}"));
                stop(&mut running, Signal::SIGKILL);
                bail!("{} {fate}; its log:\n{}", self.name, tail(log));
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Sends a signal and waits, at most 10 s and then by SIGKILL, until the process is gone. Nothing when none ran.
    pub(crate) fn stop(&self, signal: Signal) -> Option<ExitStatus> {
        stop(&mut self.running(), signal)
    }

    /// The process id, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.running().child.as_ref().map(Child::id)
    }

    /// How the process ended, if it did so on its own.
    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        self.running().child.as_mut()?.try_wait().ok()?
    }
}

fn stop(running: &mut Running, signal: Signal) -> Option<ExitStatus> {
    let mut child = running.child.take()?;
    let status = end(&mut child, signal);
    running.watchdog.watch(0);
    status
}

fn end(child: &mut Child, signal: Signal) -> Option<ExitStatus> {
    if let Ok(Some(status)) = child.try_wait() {
        return Some(status);
    }
    let pid = Pid::from_raw(i32::try_from(child.id()).ok()?);
    let _ = kill(pid, signal);
    let give_up_at = Instant::now() + Duration::from_secs(10);
    while Instant::now() < give_up_at {
        match child.try_wait() {
            Ok(None) => sleep(Duration::from_millis(5)),
            Ok(status) => return status,
            Err(_) => return None,
        }
    }
    let _ = child.kill();
    child.wait().ok()
}

impl Drop for Server {
    fn drop(&mut self) {
        stop(self.running.get_mut().unwrap_or_else(PoisonError::into_inner), self.end_by);
    }
}

/// The last lines of a log file.
pub(crate) fn tail(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(200)..].join("\n")
}
