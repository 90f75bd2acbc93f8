//! How long a page took, each time it was read.

use crate::visit_pages::Read;
use serde::Serialize;

/// How long a page may take, in ms.
pub(crate) const PAGE_MS_MAX: f64 = 50.0;

/// A page with the times it took.
pub(crate) struct PageTimes {
    pub(crate) path: String,
    times_ms: Vec<f64>,
    bytes: usize,
}

/// What a report says of it.
#[derive(Serialize, Debug)]
pub(crate) struct PageFigures<'a> {
    page: &'a str,
    read: usize,
    p50_ms: f64,
    worst_ms: f64,
    kb: f64,
    met: bool,
}

impl PageTimes {
    /// Of a page that was not read yet.
    pub(crate) fn of(path: String) -> Self {
        Self { path, times_ms: Vec::new(), bytes: 0 }
    }

    /// Adds one reading.
    pub(crate) fn note(&mut self, read: Read) {
        self.times_ms.push(read.took.as_secs_f64() * 1e3);
        self.times_ms.sort_unstable_by(f64::total_cmp);
        self.bytes = read.bytes;
    }

    /// The time within which half of the readings were done; of two in the middle, the longer one.
    pub(crate) fn p50_ms(&self) -> f64 {
        self.times_ms.get(self.times_ms.len() / 2).copied().unwrap_or(0.0)
    }

    /// The longest time.
    pub(crate) fn worst_ms(&self) -> f64 {
        self.times_ms.last().copied().unwrap_or(0.0)
    }

    /// For a report.
    pub(crate) fn figures(&self) -> PageFigures<'_> {
        PageFigures {
            page: &self.path,
            read: self.times_ms.len(),
            p50_ms: self.p50_ms(),
            worst_ms: self.worst_ms(),
            kb: self.bytes as f64 / 1e3,
            met: self.worst_ms() <= PAGE_MS_MAX,
        }
    }

    /// For people: a line of the table.
    pub(crate) fn print(&self) {
        let over = match (self.p50_ms() > PAGE_MS_MAX, self.worst_ms() > PAGE_MS_MAX) {
            (true, _) => "  over",
            (false, true) => "  worst over",
            (false, false) => "",
        };
        let PageFigures { p50_ms, worst_ms, kb, .. } = self.figures();
        println!("  {:<76}{kb:>9.1}{p50_ms:>9.1}{worst_ms:>9.1}{over}", self.path);
    }

    /// The table's head.
    pub(crate) fn print_head() {
        println!("  {:<76}{:>9}{:>9}{:>9}  target ≤ {PAGE_MS_MAX}", "page", "KB", "p50 ms", "worst ms");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_page_meets_its_target_when_its_worst_time_does() {
        let mut page = PageTimes::of("/".to_owned());
        for took_ms in [30, 50, 10] {
            page.note(Read { took: Duration::from_millis(took_ms), bytes: 2_000 });
        }
        assert_eq!((page.p50_ms(), page.worst_ms(), page.figures().met), (30.0, 50.0, true));
        page.note(Read { took: Duration::from_millis(51), bytes: 2_000 });
        assert!(!page.figures().met);
    }
}
