//! What was sent, accepted and received, and when.

use crate::ask_checks::CheckBook;
use crate::disturbances::{Period, overlaps};
use crate::payment::Number;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Semaphore;

/// The payments of one stream of traffic; each stream is counted for itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Group {
    /// To merchants that do well; what is reported.
    Healthy = 0,
    /// To merchants that make trouble.
    Troubled = 1,
}

/// Enough for a minute at the rates hoped for, so that growing does not halt a measurement.
const ROOM: usize = 2_000_000;

/// All that happened in a run, in µs since its start.
pub(crate) struct Ledger {
    started: Instant,
    payments: Mutex<Vec<Sent>>,
    groups: [Tally; 2],
    /// What was generated straight into the database and arrived.
    pub(crate) stock: Stock,
    /// The questions before payments.
    pub(crate) checks: Arc<CheckBook>,
    /// Notifications that had arrived at the same endpoint before.
    pub(crate) repeated: AtomicU64,
}

#[derive(Clone, Copy)]
struct Sent {
    group: Group,
    /// One bit for each of the payment's endpoints that were told.
    told: u16,
    sent_us: u64,
    /// Zero for not yet, as in the next.
    accepted_us: u64,
    received_us: u64,
}

/// The counts of a group.
pub(crate) struct Tally {
    pub(crate) sent: AtomicU64,
    pub(crate) accepted: AtomicU64,
    /// Deliveries that arrived: one for each endpoint of a payment.
    pub(crate) delivered: AtomicU64,
    pub(crate) span: Span,
    /// How many endpoints each payment has.
    pub(crate) copies: AtomicU16,
    /// One permit for each payment that may be under way, where the gateway is held back.
    pub(crate) under_way: Semaphore,
}

impl Default for Tally {
    fn default() -> Self {
        let zero = AtomicU64::default;
        let under_way = Semaphore::new(0);
        let (span, copies) = (Span::default(), AtomicU16::new(1));
        Self { sent: zero(), accepted: zero(), delivered: zero(), span, copies, under_way }
    }
}

impl Tally {
    /// How many deliveries of what was accepted have not arrived.
    pub(crate) fn missing(&self) -> u64 {
        let expected = self.accepted.load(Relaxed) * u64::from(self.copies.load(Relaxed));
        expected.saturating_sub(self.delivered.load(Relaxed))
    }
}

/// Arrivals of what was generated.
#[derive(Default)]
pub(crate) struct Stock {
    seen: Mutex<HashSet<usize>>,
    pub(crate) delivered: AtomicU64,
    pub(crate) span: Span,
}

/// When the first and the last arrived.
#[derive(Default)]
pub(crate) struct Span {
    first_us: AtomicU64,
    last_us: AtomicU64,
}

impl Span {
    fn note(&self, now_us: u64) {
        let _ = self.first_us.compare_exchange(0, now_us, Relaxed, Relaxed);
        self.last_us.store(now_us, Relaxed);
    }

    /// Both, in µs since the start; nothing while nothing has arrived.
    pub(crate) fn get_us(&self) -> Option<(u64, u64)> {
        let (first, last) = (self.first_us.load(Relaxed), self.last_us.load(Relaxed));
        (first > 0).then_some((first, last))
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            payments: Mutex::new(Vec::with_capacity(ROOM)),
            groups: Default::default(),
            stock: Stock::default(),
            checks: Arc::default(),
            repeated: AtomicU64::default(),
        })
    }

    /// The time since the start.
    pub(crate) fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }

    pub(crate) fn of(&self, group: Group) -> &Tally {
        &self.groups[group as usize]
    }

    /// Notes that another payment is sent, or was to be at `at_us`. Answers its number, and its place in its group.
    pub(crate) fn note_sent(&self, group: Group, at_us: u64) -> (usize, usize) {
        let place = self.of(group).sent.fetch_add(1, Relaxed);
        let mut payments = held(&self.payments);
        payments.push(Sent { group, told: 0, sent_us: at_us.max(1), accepted_us: 0, received_us: 0 });
        (payments.len() - 1, usize::try_from(place).unwrap_or(usize::MAX))
    }

    /// Notes that the gateway had its 202.
    pub(crate) fn note_accepted(&self, group: Group, number: usize) {
        let now = self.now_us();
        if let Some(payment) = held(&self.payments).get_mut(number) {
            payment.accepted_us = now;
        }
        self.of(group).accepted.fetch_add(1, Relaxed);
    }

    /// Notes that an endpoint of the payment was told: which of them, `copy` says.
    pub(crate) fn note_received(&self, number: Number, copy: u16) {
        let new = match number {
            Number::Live(number) => self.note_live(number, 1 << (copy % 16)),
            Number::Stock(number) => self.note_stock(number),
        };
        if !new {
            self.repeated.fetch_add(1, Relaxed);
        }
    }

    fn note_live(&self, number: usize, bit: u16) -> bool {
        let now = self.now_us();
        let mut payments = held(&self.payments);
        let Some(payment) = payments.get_mut(number).filter(|payment| payment.told & bit == 0) else { return false };
        payment.told |= bit;
        if payment.received_us == 0 {
            payment.received_us = now;
        }
        let (told, tally) = (payment.told.count_ones(), self.of(payment.group));
        drop(payments);
        tally.delivered.fetch_add(1, Relaxed);
        tally.span.note(now);
        if told == u32::from(tally.copies.load(Relaxed)) {
            tally.under_way.add_permits(1);
        }
        true
    }

    fn note_stock(&self, number: usize) -> bool {
        if !held(&self.stock.seen).insert(number) {
            return false;
        }
        self.stock.delivered.fetch_add(1, Relaxed);
        self.stock.span.note(self.now_us());
        true
    }

    /// How many payments were sent in all groups.
    pub(crate) fn sent(&self) -> usize {
        held(&self.payments).len()
    }

    /// The times from sending to the 202, and from sending to the first arrival, of a group's payments with numbers from
    /// `first` to before `end`, in µs, sorted. What has not come yet counts with the time that it has taken so far. What was
    /// under way in one of the periods `except`, which are in order, does not count.
    pub(crate) fn times_us(&self, group: Group, first: usize, end: usize, except: &[Period]) -> (Vec<u64>, Vec<u64>) {
        let now = self.now_us();
        let payments = held(&self.payments);
        let window = payments.get(first..end.min(payments.len())).unwrap_or_default();
        let of_group: Vec<Sent> = window.iter().filter(|payment| payment.group == group).copied().collect();
        drop(payments);
        let times = |until: fn(&Sent) -> u64| {
            let under_way = of_group.iter().map(|payment| (payment.sent_us, Some(until(payment)).filter(|us| *us > 0)));
            let under_way = under_way.map(|(sent, until)| (sent, until.unwrap_or(now)));
            let counted = under_way.filter(|period| !overlaps(except, *period));
            let mut times: Vec<u64> = counted.map(|(sent, until)| until.saturating_sub(sent)).collect();
            times.sort_unstable();
            times
        };
        (times(|payment| payment.accepted_us), times(|payment| payment.received_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_is_off_the_way_when_all_its_endpoints_were_told_once() {
        let ledger = Ledger::new();
        let tally = ledger.of(Group::Healthy);
        tally.copies.store(2, Relaxed);
        let (number, _) = ledger.note_sent(Group::Healthy, 1);
        for (copy, under_way, repeated) in [(0, 0, 0), (0, 0, 1), (1, 1, 1), (1, 1, 2)] {
            ledger.note_received(Number::Live(number), copy);
            assert_eq!(tally.under_way.available_permits(), under_way, "after copy {copy}");
            assert_eq!(ledger.repeated.load(Relaxed), repeated, "after copy {copy}");
        }
        assert_eq!(tally.delivered.load(Relaxed), 2);
    }

    #[test]
    fn what_has_not_come_counts_with_the_time_so_far() {
        let ledger = Ledger::new();
        ledger.note_sent(Group::Troubled, 1);
        let (number, _) = ledger.note_sent(Group::Healthy, 1);
        std::thread::sleep(std::time::Duration::from_millis(2));
        let (accepted, received) = ledger.times_us(Group::Healthy, 0, 2, &[]);
        assert_eq!((accepted.len(), received.len()), (1, 1), "only the group's own");
        assert!(received[0] >= 2_000, "{received:?}");
        ledger.note_received(Number::Live(number), 0);
        let arrived = ledger.times_us(Group::Healthy, 0, 2, &[]).1;
        assert_eq!(arrived, ledger.times_us(Group::Healthy, 0, 2, &[]).1, "what arrived stays as it is");
        let on_the_way = ledger.times_us(Group::Healthy, 0, 2, &[(1_000, 1_001)]);
        assert_eq!(on_the_way, (Vec::new(), Vec::new()), "it was under way in a time that does not count");
        assert_eq!(
            arrived,
            ledger.times_us(Group::Healthy, 0, 2, &[(ledger.now_us() + 1, u64::MAX)]).1,
            "it had arrived"
        );
    }
}
