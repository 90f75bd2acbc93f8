//! When the disk under the folder for temporary files did nothing at all though something was asked of it, for up to a second
//! at a time, while commits wait. A virtual machine's host that holds its disk back looks so; what the engine's own writing
//! has to do with it, the kernel does not tell.

use crate::disturbances::{Period, Periods};
use crate::ledger::Ledger;
use std::fs;
use std::os::linux::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often it looks: at one small file of the kernel.
const EVERY: Duration = Duration::from_millis(25);
/// A disk that completes nothing for so long stands still. One that works off what was written completes requests meanwhile.
const STALLED_US: u64 = 100_000;

/// Watches for as long as it is there; sees nothing where the folder is on no disk of its own that the kernel counts.
pub(crate) struct StalledDisk {
    periods: Periods,
    watching: Option<JoinHandle<()>>,
}

impl StalledDisk {
    pub(crate) fn watch(ledger: Arc<Ledger>) -> Self {
        let periods = Periods::default();
        let seen = periods.clone();
        let watching = statistics().map(|file| {
            tokio::spawn(async move {
                let mut watch = Watch::default();
                loop {
                    tokio::time::sleep(EVERY).await;
                    let disk = fs::read_to_string(&file).ok().and_then(|text| Disk::parse(&text));
                    if let Some(period) = watch.look(ledger.now_us(), disk) {
                        seen.note(period);
                    }
                }
            })
        });
        Self { periods, watching }
    }

    /// The periods so far in which it stood still, in order.
    pub(crate) fn periods(&self) -> Vec<Period> {
        self.periods.so_far()
    }
}

impl Drop for StalledDisk {
    fn drop(&mut self) {
        self.watching.iter().for_each(JoinHandle::abort);
    }
}

/// The kernel's file about the disk under the folder for temporary files.
fn statistics() -> Option<PathBuf> {
    let device = fs::metadata(std::env::temp_dir()).ok()?.st_dev();
    // How Linux packs a device's two numbers for user space: makedev(3).
    let major = ((device >> 8) & 0xfff) | ((device >> 32) & !0xfff);
    let minor = (device & 0xff) | ((device >> 12) & !0xff);
    let file = PathBuf::from(format!("/sys/dev/block/{major}:{minor}/stat"));
    file.exists().then_some(file)
}

/// What a disk has done since boot, and has to do.
#[derive(Clone, Copy)]
struct Disk {
    completed: u64,
    in_flight: u64,
}

impl Disk {
    /// Reads the fields of Linux' Documentation/block/stat.rst: reads, writes, discards and flushes that are completed, and
    /// what is in flight.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<u64> = text.split_whitespace().map_while(|field| field.parse().ok()).collect();
        let of = |place: usize| fields.get(place).copied().unwrap_or(0);
        (fields.len() > 8).then(|| Self { completed: of(0) + of(4) + of(11) + of(15), in_flight: of(8) })
    }
}

/// Finds where it stands still.
#[derive(Default)]
struct Watch(Option<Seen>);

#[derive(Clone, Copy)]
struct Seen {
    disk: Disk,
    /// At the first look that found as much completed, with something in flight at each look since.
    since_us: u64,
    at_us: u64,
}

impl Watch {
    /// Takes what is seen at a moment. Tells when it stood still, if that has just ended.
    fn look(&mut self, at_us: u64, disk: Option<Disk>) -> Option<Period> {
        let before = self.0.take();
        let disk = disk?;
        let is_still =
            |seen: &Seen| seen.disk.completed == disk.completed && seen.disk.in_flight.min(disk.in_flight) > 0;
        let still = before.filter(is_still);
        self.0 = Some(Seen { disk, since_us: still.map_or(at_us, |seen| seen.since_us), at_us });
        let ended = before.filter(|seen| still.is_none() && seen.at_us - seen.since_us >= STALLED_US)?;
        Some((ended.since_us, at_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks each 25 ms at a disk with these completed and in flight.
    fn periods(seen: &[(u64, u64)]) -> Vec<Period> {
        let mut watch = Watch::default();
        let looks =
            seen.iter().zip(1..).map(|(&(completed, in_flight), look)| (look * 25_000, Disk { completed, in_flight }));
        looks.filter_map(|(at_us, disk)| watch.look(at_us, Some(disk))).collect()
    }

    #[test]
    fn a_disk_that_completes_nothing_of_what_is_asked_for_a_tenth_of_a_second_stands_still() {
        let still = [(7, 1), (8, 1), (8, 1), (8, 3), (8, 3), (8, 9), (12, 0)];
        assert_eq!(periods(&still), [(50_000, 175_000)], "from the second look to the seventh");
        for (why, seen) in [
            ("too short", [(7, 1), (8, 1), (8, 1), (8, 3), (8, 3), (9, 9), (12, 0)]),
            ("nothing was asked", [(8, 0), (8, 0), (8, 0), (8, 0), (8, 0), (8, 0), (9, 1)]),
            ("not all the time", [(8, 1), (8, 1), (8, 1), (8, 0), (8, 1), (8, 1), (9, 1)]),
            ("it does its work", [(1, 60), (2, 60), (3, 60), (4, 60), (5, 60), (6, 60), (7, 60)]),
        ] {
            assert_eq!(periods(&seen), [], "{why}");
        }
    }

    #[test]
    fn a_late_look_at_a_disk_that_worked_finds_nothing() {
        let (mut watch, disk) = (Watch::default(), |completed| Some(Disk { completed, in_flight: 1 }));
        assert_eq!(watch.look(25_000, disk(1)), None);
        assert_eq!(watch.look(900_000, disk(2)), None);
        assert_eq!(watch.look(1_800_000, None), None, "nor does one that sees nothing");
        assert_eq!(watch.look(1_900_000, disk(2)), None);
    }

    #[test]
    fn the_kernels_file_has_what_was_completed_and_what_is_in_flight() {
        let text = "  30 1 2 3   400 5 6 7   2 9 10   5000 0 0 0   60000 9\n";
        let disk = Disk::parse(text).expect("all fields");
        assert_eq!((disk.completed, disk.in_flight), (65_430, 2));
        assert_eq!(Disk::parse("1 2 3 4 5 6 7 8 9").expect("of an older kernel").completed, 6);
        assert!(Disk::parse("1 2 3").is_none() && Disk::parse("").is_none());
    }
}
