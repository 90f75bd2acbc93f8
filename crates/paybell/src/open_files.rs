//! How many files and connections the process may have open, and room for them.

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::close;
use paybell_config::Settings;

/// Files besides connections: database, log, listener, and some to spare.
const OTHER_FILES: u64 = 256;

/// How many it needs at most: each attempt is a connection, and so is each caller.
pub(crate) fn needed(settings: &Settings) -> u64 {
    settings.in_flight_max as u64 * 2 + u64::from(settings.database_connections) + OTHER_FILES
}

/// Lifts the limit to what the system allows, as the usual one of 1,024 would end too early, and has the kernel make room for
/// so many at once. It doubles a process' table as it fills, and each time all threads that open a connection wait for it
/// (`expand_fdtable` of Linux' fs/file.c, for a grace period of RCU): 9 to 16 ms were seen at the 512th, 1,024th and 2,048th place
/// while merchants began to hang.
pub(crate) fn make_room(needed: u64) {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let raised = (soft < hard).then(|| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Some(Err(error)) = raised {
        tracing::warn!(soft, hard, %error, "the limit of open files was not raised");
    }
    let limit = if raised == Some(Ok(())) { hard } else { soft };
    // A copy of some file at the last place, for a moment: the table never shrinks.
    let last = i32::try_from(needed.min(limit).saturating_sub(1)).unwrap_or(i32::MAX);
    let grown = fcntl(std::io::stderr(), FcntlArg::F_DUPFD_CLOEXEC(last)).and_then(close);
    if let Err(error) = grown {
        tracing::debug!(last, %error, "the table of open files was not grown ahead");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How large the table is, by proc(5).
    fn size() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("the kernel's account");
        let size = status.lines().find_map(|line| line.strip_prefix("FDSize:")).expect("its size");
        size.trim().parse().expect("a number")
    }

    #[test]
    fn the_table_has_room_for_all_that_may_be_opened() {
        let (_, limit) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        let needed = limit.min(9_000);
        assert!(size() < needed, "it has room before: {}", size());
        make_room(needed);
        assert!(size() >= needed, "{} places, {needed} needed", size());
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE), Ok((limit, limit)));
    }
}
