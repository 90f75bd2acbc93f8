//! When a processor ran nothing at all though it was to run a thread that comes before all others: a virtual machine's host
//! did not run it. Each time is too short to show in what the kernel counts as stolen in half a second, and yet longer than
//! most payments take.

use crate::disturbances::{Period, Periods};
use crate::ledger::Ledger;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};

/// How often each processor is looked at.
const EVERY: Duration = Duration::from_millis(1);
/// Who comes so much later than it was to be woken was not run. That it is the host and not the kernel: the sum of such times is
/// what the kernel counts as stolen, or less (README.md).
const LATE_US: u64 = 2_000;

/// Watches for as long as it is there. It sees nothing where the process may have no thread that comes before all others
/// (`CAP_SYS_NICE` in capabilities(7)).
pub(crate) struct PausedProcessors {
    of_each: Vec<Periods>,
    sees: Arc<AtomicBool>,
}

impl PausedProcessors {
    /// A thread for each processor looks, at a priority that no other has (`SCHED_FIFO` in sched(7)).
    pub(crate) fn watch(ledger: &Arc<Ledger>) -> Self {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let of_each: Vec<Periods> = (0..count).map(|_| Periods::default()).collect();
        let sees = Arc::<AtomicBool>::default();
        for (processor, seen) in of_each.iter().cloned().enumerate() {
            let (ledger, sees) = (Arc::clone(ledger), Arc::clone(&sees));
            thread::spawn(move || {
                if comes_first_on(processor) {
                    sees.store(true, Relaxed);
                    look(&ledger, &seen);
                }
            });
        }
        Self { of_each, sees }
    }

    /// Whether any processor is looked at.
    pub(crate) fn sees(&self) -> bool {
        self.sees.load(Relaxed)
    }

    /// The periods so far of all processors, in no order.
    pub(crate) fn periods(&self) -> Vec<Period> {
        self.of_each.iter().flat_map(Periods::so_far).collect()
    }
}

/// Whether this thread runs on this processor alone, and before all others, from now on.
fn comes_first_on(processor: usize) -> bool {
    let mut processors = CpuSet::new();
    let pinned = processors.set(processor).and_then(|()| sched_setaffinity(Pid::from_raw(0), &processors));
    let fifo = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    pinned.is_ok() && set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, fifo).is_ok()
}

fn look(ledger: &Ledger, seen: &Periods) {
    let mut slept_at = ledger.now_us();
    while seen.is_shared() {
        thread::sleep(EVERY);
        let now = ledger.now_us();
        if let Some(period) = paused(slept_at, now) {
            seen.note(period);
        }
        slept_at = now;
    }
}

/// For how long a processor ran nothing, on which a thread went to sleep at one moment and ran again at another.
fn paused(slept_at: u64, ran_at: u64) -> Option<Period> {
    let woken_at = slept_at + EVERY.as_micros() as u64;
    (ran_at > woken_at + LATE_US).then_some((woken_at, ran_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_runs_much_later_than_it_is_woken_was_paused() {
        assert_eq!(paused(10_000, 11_100), None);
        assert_eq!(paused(10_000, 13_000), None);
        assert_eq!(paused(10_000, 13_001), Some((11_000, 13_001)));
    }

    #[test]
    fn its_threads_end_with_it() {
        let ledger = Ledger::new();
        drop(PausedProcessors::watch(&ledger));
        let begun = std::time::Instant::now();
        while Arc::strong_count(&ledger) > 1 {
            assert!(begun.elapsed() < Duration::from_secs(20), "its threads go on");
            thread::sleep(EVERY);
        }
    }
}
