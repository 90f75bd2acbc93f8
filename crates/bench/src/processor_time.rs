//! What processes spend, from the kernel's accounting (proc(5): `/proc/PID/stat`, `/proc/stat`).

use std::collections::HashMap;
use std::fs;

/// The kernel counts processor time in hundredths of a second for user space (`USER_HZ`).
const TICK_US: u64 = 10_000;

/// All processes of the machine at one moment.
pub(crate) struct Processes(HashMap<u32, Process>);

impl Processes {
    /// Reads them.
    pub(crate) fn read() -> Self {
        Self(processes())
    }

    /// The processor time of a process and all its descendants, living or reaped, in µs; zero when it is gone.
    pub(crate) fn tree_us(&self, root: u32) -> u64 {
        let in_tree = self.0.iter().filter(|(pid, _)| is_in_tree(**pid, root, &self.0));
        // Children that ended and were reaped count in their parent's own figures.
        in_tree.map(|(_, process)| process.spent_ticks + process.reaped_ticks).sum::<u64>() * TICK_US
    }
}

/// The resident memory of a process, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// What all processors spent since boot.
pub(crate) struct Machine {
    /// The time in which they were not idle, in µs.
    pub(crate) busy_us: u64,
    /// The part of it in which a virtual machine's host had them do something else.
    pub(crate) stolen_us: u64,
}

impl Machine {
    /// Reads it.
    pub(crate) fn read() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let fields: Vec<u64> = stat
            .lines()
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .skip(1)
            .filter_map(|field| field.parse().ok())
            .collect();
        // user, nice, system, then idle and iowait, then irq, softirq and steal; guest time is part of user.
        let us = |i: usize| fields.get(i).copied().unwrap_or(0) * TICK_US;
        Self { busy_us: [0, 1, 2, 5, 6, 7].into_iter().map(us).sum(), stolen_us: us(7) }
    }
}

struct Process {
    parent: u32,
    spent_ticks: u64,
    reaped_ticks: u64,
}

fn processes() -> HashMap<u32, Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return HashMap::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name, in parentheses, may hold anything; the fields after it are 3, 4, …
            let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            let number = |i: usize| fields.get(i - 3).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
            let parent = u32::try_from(number(4)).ok()?;
            Some((pid, Process { parent, spent_ticks: number(14) + number(15), reaped_ticks: number(16) + number(17) }))
        })
        .collect()
}

fn is_in_tree(pid: u32, root: u32, processes: &HashMap<u32, Process>) -> bool {
    let mut current = pid;
    for _ in 0..64 {
        if current == root {
            return true;
        }
        match processes.get(&current) {
            Some(process) if process.parent > 1 => current = process.parent,
            _ => return false,
        }
    }
    false
}
