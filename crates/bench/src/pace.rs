//! When payments at a fixed rate are sent: as independent buyers pay, each at a moment that says nothing of the next one's (a
//! Poisson process). Payments that are evenly spaced over connections meet the same neighbours in each round, and timers of a
//! millisecond send those of one millisecond at once: whom a payment shares a batch with is then decided when a stream begins.

use crate::ledger::Ledger;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};

/// Long rests are cut, so that stopping need not wait for them.
const REST_MAX_US: f64 = 200_000.0;

/// The turns to send, which connections take one after the other.
pub(crate) struct Turns(Mutex<mpsc::UnboundedReceiver<u64>>);

impl Turns {
    /// So many a second until it is to stop. A thread of its own waits for each, as the runtime's timers are too coarse. The
    /// same `seed` makes the same gaps.
    pub(crate) fn start(rate: f64, seed: u64, ledger: Arc<Ledger>, stop: Arc<AtomicBool>) -> Self {
        let (turns, taken) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            let (mut random, mut planned_us) = (SmallRng::seed_from_u64(seed), ledger.now_us() as f64);
            loop {
                planned_us += gap_us(random.random(), rate);
                let Some(at_us) = wait_until(planned_us, &ledger, &stop) else { return };
                if turns.send(at_us).is_err() {
                    return;
                }
            }
        });
        Self(Mutex::new(taken))
    }

    /// Waits for the next. Answers the moment, in µs since the run's start, from which the payment's time counts; nothing when
    /// it is over.
    pub(crate) async fn next(&self) -> Option<u64> {
        self.0.lock().await.recv().await
    }
}

/// The time to the next payment; `random` is from 0 to before 1.
fn gap_us(random: f64, rate: f64) -> f64 {
    -(1.0 - random).ln() * 1e6 / rate
}

/// Answers when that was, or was to be if it is past: a thread that wakes up late is not the engine's fault, but a payment
/// that was to be sent earlier counts from then. Nothing when it is to stop.
fn wait_until(planned_us: f64, ledger: &Ledger, stop: &AtomicBool) -> Option<u64> {
    let mut at_us = planned_us as u64;
    loop {
        if stop.load(Relaxed) {
            return None;
        }
        let wait_us = planned_us - ledger.now_us() as f64;
        if wait_us <= 0.0 {
            return Some(at_us);
        }
        std::thread::sleep(Duration::from_micros(wait_us.min(REST_MAX_US).ceil() as u64));
        at_us = ledger.now_us();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_have_the_rate_and_are_as_long_as_those_between_independent_payments() {
        let gaps: Vec<f64> = (0..10_000).map(|n| gap_us(f64::from(n) / 10_000.0, 500.0)).collect();
        let mean = gaps.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 2_000.0).abs() < 5.0, "{mean}");
        let longer = gaps.iter().filter(|gap| **gap > 4_000.0).count();
        assert!((longer as f64 / 10_000.0 - (-2_f64).exp()).abs() < 1e-3, "{longer}");
    }

    #[tokio::test]
    async fn turns_come_at_their_rate_and_end() {
        let (ledger, stop) = (Ledger::new(), Arc::new(AtomicBool::new(false)));
        let turns = Turns::start(1_000.0, 1, ledger.clone(), stop.clone());
        let mut last = 0;
        for _ in 0..200 {
            let at_us = turns.next().await.expect("a turn");
            assert!(at_us <= ledger.now_us(), "{at_us} is to come");
            last = last.max(at_us);
        }
        assert!(last > 100_000, "200 turns are due after some 200 ms: {last} us");
        stop.store(true, Relaxed);
        while turns.next().await.is_some() {}
    }

    #[test]
    fn what_is_late_counts_from_when_it_was_due() {
        let (ledger, stop) = (Ledger::new(), AtomicBool::new(false));
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(wait_until(1_000.0, &ledger, &stop), Some(1_000));
        stop.store(true, Relaxed);
        assert_eq!(wait_until(1e12, &ledger, &stop), None);
    }
}
