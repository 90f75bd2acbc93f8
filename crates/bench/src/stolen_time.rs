//! When a virtual machine's host took its processors for something else, which nothing that is measured can help.

use crate::disturbances::{Period, Periods};
use crate::figures::ratio;
use crate::ledger::Ledger;
use crate::processor_time::Machine;
use crate::report::NOISE_MAX;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often it looks. The kernel counts in hundredths of a second, so shorter periods would tell less.
const PERIOD: Duration = Duration::from_millis(500);

/// Watches for as long as it is there.
pub(crate) struct StolenTime {
    periods: Periods,
    watching: JoinHandle<()>,
}

impl StolenTime {
    pub(crate) fn watch(ledger: Arc<Ledger>) -> Self {
        let periods = Periods::default();
        let seen = periods.clone();
        let watching = tokio::spawn(async move {
            let (mut before, mut from) = (Machine::read(), ledger.now_us());
            loop {
                tokio::time::sleep(PERIOD).await;
                let (now, to) = (Machine::read(), ledger.now_us());
                if is_disturbed(&before, &now) {
                    seen.note((from, to));
                }
                (before, from) = (now, to);
            }
        });
        Self { periods, watching }
    }

    /// The periods so far in which the host took more than figures bear, in order.
    pub(crate) fn periods(&self) -> Vec<Period> {
        self.periods.so_far()
    }
}

impl Drop for StolenTime {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

fn is_disturbed(before: &Machine, after: &Machine) -> bool {
    let spent = |before: u64, after: u64| after.saturating_sub(before) as f64;
    let busy = spent(before.busy_us, after.busy_us);
    ratio(spent(before.stolen_us, after.stolen_us), busy).is_some_and(|share| share > NOISE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_tenth_of_the_busy_time_disturbs() {
        let before = Machine { busy_us: 100, stolen_us: 10 };
        for (busy_us, stolen_us, disturbed) in
            [(200, 20, false), (200, 21, true), (100, 10, false), (1_100, 100, false)]
        {
            assert_eq!(is_disturbed(&before, &Machine { busy_us, stolen_us }), disturbed, "{stolen_us} of {busy_us}");
        }
    }
}
