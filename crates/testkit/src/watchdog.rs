//! A child that kills what the tests started once they are gone, even by `kill -9`: a shell that reads from a pipe
//! which only this process holds open.

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Reads pids, one a line, `0` for none. At the end of the input it stops the last one, by the signal `$1` and after
/// 5 s by `KILL`, and removes the folder `$2`.
const SCRIPT: &str = r#"
held=0
while read -r pid; do held=$pid; done
if [ "$held" != 0 ]; then
    kill -s "$1" "$held"
    tries=0
    while kill -0 "$held" && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
    kill -s KILL "$held"
fi
[ -z "$2" ] || rm -rf -- "$2"
"#;

/// Watches over one process and one folder.
pub(crate) struct Watchdog {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Watchdog {
    /// Starts one. `signal` is how the process is asked to end; `dir` is removed afterwards.
    pub(crate) fn start(signal: Signal, dir: &Path) -> Result<Watchdog> {
        let signal = signal.as_str().trim_start_matches("SIG");
        let mut child = Command::new("sh")
            .args(["-c", SCRIPT, "watchdog", signal])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn()
            .context("start a watchdog shell")?;
        let pipe = child.stdin.take();
        Ok(Watchdog { child, pipe })
    }

    /// Watches over `pid` from now on, in place of any other; over none by 0.
    pub(crate) fn watch(&mut self, pid: u32) {
        if let Some(pipe) = &mut self.pipe {
            // It can only fail when the shell is gone, and then there is nobody left to tell.
            let _ = writeln!(pipe, "{pid}");
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.pipe = None;
        let _ = self.child.wait();
    }
}
